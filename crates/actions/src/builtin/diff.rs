//! `git/diff`: what changed between two revisions. How git is asked is behind the port.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use codeflow_analysis::{DiffLimits, FileKind, FileStatus};
use codeflow_core::{ActionCall, ActionError, ActionErrorKind, ActionOutcome, ActionSpec, ValueType};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::action::{invalid, off_reactor, optional, spec, take};
use crate::{Action, DiffRequest, RangeDiff, Repository};

/// What the last commit did.
const DEFAULT_RANGE: &str = "HEAD~1..HEAD";

pub(crate) struct DiffAction {
    spec: ActionSpec,
    repository: Arc<dyn Repository>,
}

impl DiffAction {
    pub(crate) fn new(repository: Arc<dyn Repository>) -> Self {
        let inputs = [
            (
                "range",
                optional(ValueType::String, "`A..B`, `A...B` or one commit; `HEAD~1..HEAD` if not given"),
            ),
            ("repo", optional(ValueType::String, "the folder of the repository")),
            ("max_bytes", optional(ValueType::Integer, "how much patch text is kept; at most 16 MiB")),
        ];
        let outputs = [
            ("diff", ValueType::Object),
            ("omitted", ValueType::List),
            ("summary", ValueType::Object),
            ("notes", ValueType::List),
        ];
        let spec = ActionSpec {
            inputs: inputs.into(),
            outputs: outputs.into(),
            ..spec("git/diff", "Reads what changed between two revisions of a repository.")
        };
        Self { spec, repository }
    }
}

#[async_trait]
impl Action for DiffAction {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    async fn run(&self, mut call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        let inputs = &mut call.inputs;
        let request = DiffRequest {
            repo: take::<PathBuf>(inputs, "repo", "a path")?,
            range: take(inputs, "range", "a range")?.unwrap_or_else(|| DEFAULT_RANGE.to_owned()),
            limits: limits(take(inputs, "max_bytes", "a number of bytes")?)?,
            timeout: call.timeout,
        };
        let found = self.repository.diff(request, stop.clone()).await?;
        off_reactor(&stop, move || outputs(found)).await.map(ActionOutcome::Done)
    }
}

fn limits(max_bytes: Option<i64>) -> Result<DiffLimits, ActionError> {
    let usual = DiffLimits::default();
    let Some(wanted) = max_bytes else { return Ok(usual) };
    match usize::try_from(wanted) {
        Ok(bytes @ 1..) if bytes <= usual.total_bytes => {
            Ok(DiffLimits { total_bytes: bytes, file_bytes: usual.file_bytes.min(bytes), ..usual })
        }
        Ok(_) | Err(_) => {
            let most = usual.total_bytes;
            Err(invalid(format!("input `max_bytes` is {wanted}, and must be between 1 and {most}")))
        }
    }
}

fn outputs(found: RangeDiff) -> Result<Value, ActionError> {
    let RangeDiff { diff, base, head, mut notes } = found;
    let binary = |file: &&codeflow_analysis::FileDiff| {
        file.kind == FileKind::Binary && file.status != FileStatus::Deleted
    };
    match diff.files.iter().filter(binary).count() {
        0 => {}
        1 => notes.push("1 changed file is binary, and nobody looked into it".to_owned()),
        count => notes.push(format!("{count} changed files are binary, and nobody looked into them")),
    }
    let summary = json!({
        "files": diff.totals.files,
        "additions": diff.totals.additions,
        "deletions": diff.totals.deletions,
        "base": base,
        "head": head,
    });
    let omitted = as_value(&diff.omitted)?;
    Ok(json!({ "diff": as_value(&diff)?, "omitted": omitted, "summary": summary, "notes": notes }))
}

/// Writes a value of ours as JSON.
pub(super) fn as_value(value: &impl serde::Serialize) -> Result<Value, ActionError> {
    serde_json::to_value(value)
        .map_err(|_| ActionError::new(ActionErrorKind::Internal, "a result could not be written as JSON"))
}
