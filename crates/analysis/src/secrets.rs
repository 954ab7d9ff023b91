//! Finds credentials in text and in what a diff adds. What is excused is decided in `allow` and `baseline`.

mod allow;
mod baseline;
mod engine;
mod hide;
mod judge;
mod mask;
mod page;
mod rule;
mod rules;

use serde::{Deserialize, Serialize};

use crate::secrets::page::Page;
use crate::{Diff, FileKind, Finding};

pub use baseline::Baseline;
pub use hide::Masked;
pub use rule::SecretRule;

/// What a scan found, and what it found but was told to leave alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretScan {
    /// What has to be dealt with.
    pub findings: Vec<Finding>,
    /// What was suppressed, each with its reason.
    pub suppressed: Vec<Suppressed>,
    /// How many more there were, found or suppressed, than the two lists hold.
    pub more: u64,
}

/// A finding that does not count, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// What was found.
    pub finding: Finding,
    /// Who excused it.
    pub by: SuppressedBy,
    /// The reason that was given.
    pub reason: String,
}

/// Who excused a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressedBy {
    /// It is a placeholder that vendors or authors use in examples.
    Placeholder,
    /// A `codeflow:allow` comment beside it.
    Comment,
    /// An entry of the baseline file.
    Baseline,
}

/// Looks for secrets. Making one is cheap: the rules are compiled once per process.
///
/// ```
/// use codeflow_analysis::SecretScanner;
///
/// let line = format!("token = {}_{}\n", "ghp", "x8Kd02LmQp5RtYw7Zb3Nc6Vf9Hj1Gs4Ta0Ue");
/// let scan = SecretScanner::default().scan_text("config.ini", line.as_bytes());
///
/// assert_eq!(scan.findings[0].rule, "secrets/github-token");
/// assert_eq!(scan.findings[0].line, Some(1));
/// ```
#[derive(Clone, Debug, Default)]
pub struct SecretScanner {
    baseline: Baseline,
}

impl SecretScanner {
    /// The most findings, and the most suppressed ones, that one scan keeps.
    pub const MAX_FINDINGS: usize = 5000;

    /// Leaves alone what the baseline lists.
    pub fn with_baseline(baseline: Baseline) -> Self {
        Self { baseline }
    }

    /// Scans a whole file.
    pub fn scan_text(&self, path: &str, text: &[u8]) -> SecretScan {
        let mut scan = SecretScan::default();
        judge::scan(path, &Page::of_text(text), &self.baseline, &mut scan);
        scan
    }

    /// Scans what a diff adds; lines are numbered as in the new files.
    ///
    /// Unchanged lines around are read as well, so that a comment on one of them can allow what follows,
    /// but a finding counts only if it touches an added line.
    pub fn scan_diff(&self, diff: &Diff) -> SecretScan {
        let mut scan = SecretScan::default();
        let mut page = Page::default();
        for file in diff.files.iter().filter(|file| file.additions > 0 && file.kind != FileKind::Submodule) {
            page.fill(file);
            judge::scan(&file.path, &page, &self.baseline, &mut scan);
        }
        scan
    }
}
