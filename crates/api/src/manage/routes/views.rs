//! Workflows and executions as they are told.

use codeflow_core::execution::{ExecutionStatus, StepError};
use codeflow_engine::{ExecutionRecord, LogLine, StoredVersion};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Where an execution stands.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StatusView {
    Queued,
    Running,
    Waiting,
    Paused,
    Succeeded,
    Failed,
    Cancelled,
    TimedOut,
}

impl From<ExecutionStatus> for StatusView {
    fn from(status: ExecutionStatus) -> Self {
        match status {
            ExecutionStatus::Queued => Self::Queued,
            ExecutionStatus::Running => Self::Running,
            ExecutionStatus::Waiting => Self::Waiting,
            ExecutionStatus::Paused => Self::Paused,
            ExecutionStatus::Succeeded => Self::Succeeded,
            ExecutionStatus::Failed => Self::Failed,
            ExecutionStatus::Cancelled => Self::Cancelled,
            ExecutionStatus::TimedOut => Self::TimedOut,
        }
    }
}

impl From<StatusView> for ExecutionStatus {
    fn from(status: StatusView) -> Self {
        match status {
            StatusView::Queued => Self::Queued,
            StatusView::Running => Self::Running,
            StatusView::Waiting => Self::Waiting,
            StatusView::Paused => Self::Paused,
            StatusView::Succeeded => Self::Succeeded,
            StatusView::Failed => Self::Failed,
            StatusView::Cancelled => Self::Cancelled,
            StatusView::TimedOut => Self::TimedOut,
        }
    }
}

/// A workflow, at its latest version.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkflowView {
    /// Its id, across all versions.
    #[schema(example = "wf_01933b1e0000700080000000000000aa")]
    id: String,
    /// Its name.
    #[schema(example = "review")]
    name: String,
    /// The latest version: a hash of the document, so that equal documents have equal versions.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    version: String,
    /// When that version was first kept.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    created_at: String,
}

impl From<StoredVersion> for WorkflowView {
    fn from(stored: StoredVersion) -> Self {
        Self {
            id: stored.workflow_id.to_string(),
            name: stored.name.to_string(),
            version: stored.version.to_string(),
            created_at: stored.created_at.to_string(),
        }
    }
}

/// A workflow with its document.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkflowDocument {
    /// Its id, across all versions.
    #[schema(example = "wf_01933b1e0000700080000000000000aa")]
    id: String,
    /// Its name.
    #[schema(example = "review")]
    name: String,
    /// The latest version.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    version: String,
    /// When that version was first kept.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    created_at: String,
    /// The document, as it was written.
    #[schema(example = "version: 1\nname: nap\nsteps: { rest: { sleep: 10ms } }\n")]
    document: String,
}

impl From<StoredVersion> for WorkflowDocument {
    fn from(stored: StoredVersion) -> Self {
        let document = stored.document.clone();
        let WorkflowView { id, name, version, created_at } = stored.into();
        Self { id, name, version, created_at, document }
    }
}

/// Why something did not succeed.
#[derive(Serialize, ToSchema)]
pub(crate) struct StepErrorView {
    /// A stable code.
    #[schema(example = "step.failed")]
    code: String,
    /// What happened, in a sentence.
    #[schema(example = "step `test` failed")]
    message: String,
    /// The step whose failure is behind it, if there is one.
    #[schema(example = "build")]
    blocked_by: Option<String>,
}

impl From<StepError> for StepErrorView {
    fn from(error: StepError) -> Self {
        let blocked_by = error.blocked_by.map(|step| step.to_string());
        Self { code: error.code, message: error.message, blocked_by }
    }
}

/// An execution.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExecutionView {
    /// Its id.
    #[schema(example = "exec_01933b1e0000700080000000000000aa")]
    id: String,
    /// Its workflow.
    #[schema(example = "review")]
    workflow: String,
    /// The version that it keeps.
    #[schema(example = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")]
    version: String,
    /// Where it stands.
    status: StatusView,
    /// How often it was taken up again.
    #[schema(example = 0)]
    generation: u32,
    /// Rises with every change.
    #[schema(example = 7)]
    seq: i64,
    /// Its inputs.
    #[schema(value_type = Object, example = json!({ "path": "." }))]
    inputs: Value,
    /// What it gave, once it succeeded.
    #[schema(value_type = Option<Object>)]
    outputs: Option<Value>,
    /// Why it did not succeed.
    error: Option<StepErrorView>,
    /// When it was stored.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    created_at: String,
    /// When its first work began.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.010Z")]
    started_at: Option<String>,
    /// When it ended.
    #[schema(format = "date-time", example = "2026-11-25T10:00:03.000Z")]
    finished_at: Option<String>,
}

impl From<ExecutionRecord> for ExecutionView {
    fn from(record: ExecutionRecord) -> Self {
        Self {
            id: record.id.to_string(),
            workflow: record.workflow.to_string(),
            version: record.version.to_string(),
            status: record.status.into(),
            generation: record.generation,
            seq: record.seq,
            inputs: record.inputs.as_ref().clone(),
            outputs: record.outputs.map(|outputs| outputs.as_ref().clone()),
            error: record.error.map(Into::into),
            created_at: record.created_at.to_string(),
            started_at: record.started_at.map(|at| at.to_string()),
            finished_at: record.finished_at.map(|at| at.to_string()),
        }
    }
}

/// A line of an execution's log.
#[derive(Serialize, ToSchema)]
pub(crate) struct LogLineView {
    /// When.
    #[schema(format = "date-time", example = "2026-11-25T10:00:00.000Z")]
    at: String,
    /// The step it is about; empty for the execution as a whole.
    #[schema(example = "test")]
    step: String,
    /// What happened, without secrets.
    #[schema(example = "attempt 1 began")]
    message: String,
}

impl From<LogLine> for LogLineView {
    fn from(line: LogLine) -> Self {
        Self { at: line.at.to_string(), step: line.path, message: line.message }
    }
}
