//! From text to findings: the model of a diff, secret rules, the risk score, and the renderers of a review.
//!
//! Everything here is a pure function of its input: no files, no processes, no clock. A caller runs git with
//! [`GIT_DIFF_ARGS`] (`git -C DIR <GIT_DIFF_ARGS> BASE HEAD --`), feeds what it prints to a [`DiffReader`], and hands
//! the [`Diff`] on. The patch text is enough on its own: no `--raw` or `--numstat` beside it is needed, because
//! without a rename both names on the `diff --git` line are equal, and with one git names them on lines of their own.
//! For a root commit the base is the empty tree of the repository.
//!
//! ```
//! use codeflow_analysis::{Diff, RiskScore, SecretScanner};
//!
//! let diff = Diff::parse("main", "topic", b"diff --git a/n b/n\n--- a/n\n+++ b/n\n@@ -1 +1 @@\n-1\n+2\n");
//!
//! assert!(SecretScanner::default().scan_diff(&diff).findings.is_empty());
//! assert!(RiskScore::assess(&diff).score < 30);
//! ```

mod diff;
mod error;
mod finding;
mod report;
mod risk;
mod secrets;

pub use diff::{
    Diff, DiffLimits, DiffReader, FileDiff, FileKind, FileStatus, GIT_DIFF_ARGS, Hunk, Line, LineKind,
    Omitted, OmittedReason, Totals,
};
pub use error::{Error, ErrorKind};
pub use finding::{Finding, Severity};
pub use report::{ModelUse, Outcome, ReportFormat, Review, Skipped, Verdict};
pub use risk::{RiskLevel, RiskReason, RiskScore};
pub use secrets::{Baseline, Masked, SecretRule, SecretScan, SecretScanner, Suppressed, SuppressedBy};
