//! Executions as JSON. The names of the fields never change.

use codeflow::core::execution::StepError;
use codeflow::engine::ExecutionRecord;
use codeflow::{Phase, StepView, View};
use serde_json::{Value, json};

/// An execution without its steps.
pub(crate) fn record(record: &ExecutionRecord) -> Value {
    json!({
        "id": record.id,
        "workflow": record.workflow,
        "version": record.version,
        "status": record.status,
        "generation": record.generation,
        "inputs": record.inputs,
        "outputs": record.outputs,
        "error": record.error.as_ref().map(error),
        "created_at": record.created_at,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
    })
}

/// An execution with its steps.
pub(crate) fn view(view: &View) -> Value {
    let mut document = record(&view.record);
    document["called_by"] =
        view.caller().map(|caller| json!({ "execution": caller.execution, "path": caller.path })).into();
    document["steps"] = view.steps().map(|view| step(&view)).collect();
    document
}

fn step(view: &StepView<'_>) -> Value {
    let mut document = json!({ "name": view.step.name });
    if let Some((done, all)) = view.iterations {
        document["iterations"] = json!({ "done": done, "all": all });
    }
    if !view.called.is_empty() {
        document["called"] = json!(view.called);
    }
    if let Some(undone) = view.compensated {
        document["compensated"] = json!({
            "status": undone.status,
            "attempt": undone.attempt,
            "ended": undone.ended,
            "error": undone.error.as_ref().map(error),
        });
    }
    match view.phase {
        Phase::Pending => document["status"] = json!("pending"),
        Phase::Quarantined => document["status"] = json!("quarantined"),
        Phase::Running { attempt } => {
            document["status"] = json!("running");
            document["attempt"] = json!(attempt);
        }
        Phase::Retrying { attempt } => {
            document["status"] = json!("retrying");
            document["attempt"] = json!(attempt);
        }
        Phase::Calling => document["status"] = json!("calling"),
        Phase::Waiting { since } => {
            document["status"] = json!("waiting");
            document["waiting_since"] = json!(since);
        }
        Phase::Settled(settled) => {
            document["status"] = json!(settled.status);
            document["attempt"] = json!(settled.attempt);
            document["began"] = json!(settled.began);
            document["ended"] = json!(settled.ended);
            document["error"] = settled.error.as_ref().map(error).into();
        }
    }
    document
}

fn error(error: &StepError) -> Value {
    json!({ "code": error.code, "message": error.message, "blocked_by": error.blocked_by })
}
