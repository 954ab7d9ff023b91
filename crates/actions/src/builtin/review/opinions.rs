//! What is made of a model's answer: findings about places that it was shown, with nothing in them that could do harm.

use std::cmp::Reverse;

use codeflow_analysis::{Finding, Severity};
use serde::Deserialize;
use serde_json::Value;

use super::NAME;
use super::shown::{Shown, ShownFile};
use crate::llm::line;
use crate::upstream::counted;

/// The longest texts that are kept, in characters.
const LONGEST_MESSAGE: usize = 600;
const LONGEST_EXCERPT: usize = 120;
const LONGEST_RULE: usize = 40;

/// A line with less than this on it is like too many others to tell a finding by.
const TELLING: usize = 8;

/// What the step wants to hear.
pub(super) struct Taste {
    /// How many findings are kept.
    pub(super) most: usize,
    /// The worst severity that an opinion may have.
    pub(super) worst: Severity,
}

/// The findings of a model.
pub(super) struct Opinions {
    /// Those that are kept, worst first.
    pub(super) findings: Vec<Finding>,
    /// How many are about a place that the model was not shown.
    pub(super) dropped: u64,
    /// How many there were beyond the most that are kept.
    more: u64,
}

/// The answer, in the form of `prompt::schema`.
#[derive(Deserialize)]
struct Answer {
    findings: Vec<Opinion>,
}

#[derive(Deserialize)]
struct Opinion {
    rule: String,
    severity: Severity,
    path: String,
    line: Option<i64>,
    end_line: Option<i64>,
    message: String,
    help: Option<String>,
}

impl Opinions {
    /// Reads an answer that matches the schema.
    pub(super) fn read(answer: Value, shown: &Shown, taste: &Taste, model: &str) -> Self {
        let opinions =
            serde_json::from_value::<Answer>(answer).map(|answer| answer.findings).unwrap_or_default();
        let count = opinions.len();
        let mut findings: Vec<Finding> =
            opinions.into_iter().filter_map(|opinion| opinion.into_finding(shown, taste, model)).collect();
        let dropped = (count - findings.len()) as u64;
        findings.sort_by_key(|finding| Reverse(finding.severity));
        let more = findings.len().saturating_sub(taste.most) as u64;
        findings.truncate(taste.most);
        Self { findings, dropped, more }
    }

    /// What did not become a finding.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let dropped = (self.dropped > 0).then(|| {
            let findings = counted(self.dropped, "finding", "findings");
            format!("{findings} of the model named a place that it was not shown, and did not count")
        });
        let more = (self.more > 0).then(|| {
            let findings =
                counted(self.more, "lesser finding of the model is", "lesser findings of the model are");
            format!("{findings} not listed, because the step keeps fewer")
        });
        dropped.into_iter().chain(more)
    }
}

impl Opinion {
    /// Nothing, when it is about something that the model was not shown.
    fn into_finding(self, shown: &Shown, taste: &Taste, model: &str) -> Option<Finding> {
        let file = shown.find(&self.path)?;
        let at = match self.line {
            Some(number) => Some(place(file, number)?),
            None => None,
        };
        let first = at.map(|(number, _)| number);
        let last = self.end_line.and_then(|number| place(file, number)).map(|(number, _)| number);
        let rule = format!("llm/{}", slug(&self.rule));
        let message = line(&self.message, LONGEST_MESSAGE);
        let subject = at.map(|(_, text)| text.trim()).filter(|text| text.len() >= TELLING);
        let fingerprint = Finding::fingerprint_of(&rule, &file.path, subject.unwrap_or(&message).as_bytes());
        Some(Finding {
            rule,
            severity: self.severity.min(taste.worst),
            path: file.path.clone(),
            line: first,
            column: None,
            end_line: first.map(|first| last.map_or(first, |last| last.max(first))),
            message,
            excerpt: at.map(|(_, text)| text.trim().chars().take(LONGEST_EXCERPT).collect()),
            fingerprint,
            source: NAME.to_owned(),
            help: self.help.map(|help| line(&help, LONGEST_MESSAGE)).filter(|help| !help.is_empty()),
            model: Some(model.to_owned()),
        })
    }
}

/// A line that the model was shown.
fn place(file: &ShownFile, number: i64) -> Option<(u32, &str)> {
    let number = u32::try_from(number).ok()?;
    file.lines.get(&number).map(|text| (number, text.as_str()))
}

/// A rule's name: lower-case words with hyphens between.
fn slug(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let slug: String = words.join("-").chars().take(LONGEST_RULE).collect();
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "opinion".to_owned() } else { slug.to_owned() }
}
