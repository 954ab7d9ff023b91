//! The list of findings that a team has accepted. Reading and writing the file is the caller's business.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Finding};

/// Findings that were accepted before, by fingerprint, each with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    fingerprint: String,
    rule: String,
    path: String,
    reason: String,
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    findings: Vec<Entry>,
}

const VERSION: u32 = 1;

impl Document {
    fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a list of strings is always valid JSON");
        text.push('\n');
        text
    }
}

impl Baseline {
    /// Accepts these findings for one common reason.
    pub fn from_findings(findings: &[Finding], reason: &str) -> Self {
        let entries = findings.iter().map(|finding| Entry {
            fingerprint: finding.fingerprint.clone(),
            rule: finding.rule.clone(),
            path: finding.path.clone(),
            reason: reason.to_owned(),
        });
        Self { entries: entries.map(|entry| (entry.fingerprint.clone(), entry)).collect() }
    }

    /// Reads a baseline file.
    ///
    /// # Errors
    /// [`ErrorKind::BadBaseline`] if it is not JSON of the expected shape, has another version, or an entry without a
    /// reason.
    pub fn parse(text: &[u8]) -> Result<Self, Error> {
        let document: Document = serde_json::from_slice(text).map_err(|error| {
            Error::new(ErrorKind::BadBaseline, "could not read the baseline of findings").with_source(error)
        })?;
        if document.version != VERSION {
            let context =
                format!("the baseline has version {}, and only {VERSION} is known", document.version);
            return Err(Error::new(ErrorKind::BadBaseline, context));
        }
        if let Some(entry) = document.findings.iter().find(|entry| entry.reason.trim().is_empty()) {
            let context = format!("the baseline gives no reason for `{}` in `{}`", entry.rule, entry.path);
            return Err(Error::new(ErrorKind::BadBaseline, context));
        }
        let entries = document.findings.into_iter().map(|entry| (entry.fingerprint.clone(), entry)).collect();
        Ok(Self { entries })
    }

    /// Writes the file: JSON in a fixed order, so that two versions compare well.
    pub fn to_json(&self) -> String {
        let mut findings: Vec<Entry> = self.entries.values().cloned().collect();
        findings.sort_by(|a, b| (&a.path, &a.rule, &a.fingerprint).cmp(&(&b.path, &b.rule, &b.fingerprint)));
        Document { version: VERSION, findings }.to_json()
    }

    /// How many findings are accepted.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is accepted.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Why a finding of this rule with this fingerprint is accepted, if it is.
    pub fn reason(&self, rule: &str, fingerprint: &str) -> Option<&str> {
        let entry = self.entries.get(fingerprint)?;
        (entry.rule == rule).then_some(entry.reason.as_str())
    }
}
