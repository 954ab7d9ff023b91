//! The result of a review, and the four ways to show it. Colours and the terminal are the caller's business.

mod markdown;
mod models;
mod sarif;
mod text;

use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use models::ModelUse;

use crate::{Error, ErrorKind, Finding, Omitted, RiskScore, Suppressed, Totals};

/// Everything a review has to say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// The revision compared from.
    pub base: String,
    /// The revision compared to.
    pub head: String,
    /// Whether the change may pass.
    pub verdict: Verdict,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What was found and excused.
    #[serde(default)]
    pub suppressed: Vec<Suppressed>,
    /// How risky the change is, if that was assessed.
    #[serde(default)]
    pub risk: Option<RiskScore>,
    /// How large the change is.
    #[serde(default)]
    pub totals: Totals,
    /// Anything else worth saying, a sentence each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What the limits left out of the diff.
    #[serde(default)]
    pub omitted: Vec<Omitted>,
    /// How much more was left out than `omitted` lists.
    #[serde(default)]
    pub omitted_more: u64,
    /// Steps that did not run.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    /// The models that were asked.
    #[serde(default)]
    pub models: Vec<ModelUse>,
}

/// Whether the change may pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Yes or no.
    pub outcome: Outcome,
    /// Why, a sentence each.
    #[serde(default)]
    pub reasons: Vec<String>,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Nothing forbids it.
    Pass,
    /// The gate is closed.
    Fail,
}

/// A step of the review that did not run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The step or action.
    pub step: String,
    /// Why not.
    pub reason: String,
}

/// A way to show a review.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportFormat {
    /// For a terminal, without colour.
    Text,
    /// For a comment on a pull request.
    Markdown,
    /// The [`Review`] itself.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

impl Review {
    /// Shows the review. Text from outside is made harmless for the place where it is shown.
    pub fn render(&self, format: ReportFormat) -> String {
        match format {
            ReportFormat::Text => text::render(self),
            ReportFormat::Markdown => markdown::render(self),
            ReportFormat::Json => pretty(self),
            ReportFormat::Sarif => pretty(&sarif::document(self)),
        }
    }

    /// The findings, worst first, then by place.
    fn ranked(&self) -> Vec<&Finding> {
        let mut ranked: Vec<&Finding> = self.findings.iter().collect();
        ranked.sort_by_key(|f| (Reverse(f.severity), &f.path, f.line, f.column, &f.rule));
        ranked
    }

    /// The revisions and the size, in a few words.
    fn range(&self) -> String {
        let Totals { files, additions, deletions, .. } = self.totals;
        format!("{files} {}, +{additions} -{deletions}", if files == 1 { "file" } else { "files" })
    }
}

fn pretty(value: &impl Serialize) -> String {
    let mut text =
        serde_json::to_string_pretty(value).expect("only strings, numbers and lists, which JSON can hold");
    text.push('\n');
    text
}

impl Outcome {
    /// The word used in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

impl ReportFormat {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Text, Self::Markdown, Self::Json, Self::Sarif];

    /// The word used on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Markdown => "markdown",
            Self::Json => "json",
            Self::Sarif => "sarif",
        }
    }
}

impl fmt::Display for ReportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for ReportFormat {
    type Err = Error;

    /// Reads one of the four words.
    ///
    /// # Errors
    /// [`ErrorKind::BadFormat`] for any other text, naming the words that are accepted.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let shown: String = text.chars().take(40).collect();
            let words = Self::ALL.map(Self::as_str).join(", ");
            Error::new(ErrorKind::BadFormat, format!("`{shown}` is no report format; use one of {words}"))
        })
    }
}
