//! What a check says about one place in the code. How findings are made or shown is not decided here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, ErrorKind};

/// How much a finding matters; ordered from least to most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing, nothing to do.
    Info,
    /// Small; fix it when you pass by.
    Low,
    /// Should be fixed soon.
    Medium,
    /// Should be fixed before this is merged.
    High,
    /// Must be fixed now, and may need action outside the code.
    Critical,
}

impl Severity {
    /// Every severity, from least to most.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word used in documents and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Severity {
    type Err = Error;

    /// Reads one of the five words, in any case.
    ///
    /// # Errors
    /// [`ErrorKind::BadSeverity`] for any other text, naming the words that are accepted.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = text.trim();
        Self::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(wanted)).ok_or_else(|| {
            let shown: String = wanted.chars().take(40).collect();
            let words = Self::ALL.map(Self::as_str).join(", ");
            Error::new(ErrorKind::BadSeverity, format!("`{shown}` is no severity; use one of {words}"))
        })
    }
}

/// One statement about one place in the code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule that speaks, such as `secrets/github-token`.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// The file, relative to the root of the repository.
    pub path: String,
    /// The first line concerned, counted from 1; none when the whole file is meant.
    #[serde(default)]
    pub line: Option<u32>,
    /// The first column concerned, in characters counted from 1.
    #[serde(default)]
    pub column: Option<u32>,
    /// The last line concerned.
    #[serde(default)]
    pub end_line: Option<u32>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// A piece of the line, with every secret in it masked.
    #[serde(default)]
    pub excerpt: Option<String>,
    /// Stays the same when the line moves; see [`Finding::fingerprint_of`].
    pub fingerprint: String,
    /// The check that said it, such as `core/secrets`.
    pub source: String,
    /// What to do about it.
    #[serde(default)]
    pub help: Option<String>,
    /// The model whose opinion it is, as `provider/model`; none when a check said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

impl Finding {
    /// Hashes what makes a finding the same finding on another day: its rule, its path, and the text it is about.
    ///
    /// Line numbers stay out, so that code moving up or down brings no old finding back.
    pub fn fingerprint_of(rule: &str, path: &str, subject: &[u8]) -> String {
        let mut hash = Sha256::new();
        for part in [rule.as_bytes(), path.as_bytes(), subject] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}
