//! Calls, earlier steps and a repository that is made up, for all tests of this crate.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_actions::{
    Catalog, Dependencies, DiffRequest, NoModels, RangeDiff, Repository, RepositoryError,
};
use codeflow_analysis::Diff;
use codeflow_core::execution::{StepError, StepPath, StepStatus};
use codeflow_core::{ActionCall, ActionError, ActionOutcome, ExecutionId, Tenant, Upstream};
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

/// A repository whose every range is the same change. It remembers what it was asked.
#[derive(Default)]
pub(crate) struct Fixed {
    pub(crate) text: Vec<u8>,
    pub(crate) asked: Mutex<Vec<DiffRequest>>,
}

#[async_trait]
impl Repository for Fixed {
    async fn diff(&self, request: DiffRequest, _: CancellationToken) -> Result<RangeDiff, RepositoryError> {
        self.asked.lock().unwrap().push(request);
        let diff = Diff::parse("base", "head", &self.text);
        Ok(RangeDiff { diff, base: "b".repeat(40), head: "h".repeat(40), notes: vec!["odd".to_owned()] })
    }
}

/// The built-in actions over a repository without changes.
pub(crate) fn builtin() -> Catalog {
    Catalog::builtin(Dependencies { repository: Arc::new(Fixed::default()), models: Arc::new(NoModels) })
}

pub(crate) fn call(uses: &str, inputs: Value, upstream: Vec<Upstream>) -> ActionCall {
    ActionCall {
        tenant: Tenant::default(),
        execution: ExecutionId::from_uuid(uuid::Uuid::nil()),
        path: StepPath::step("here".parse().unwrap()),
        attempt: 1,
        uses: uses.parse().unwrap(),
        inputs: inputs.as_object().cloned().unwrap_or_else(Map::new),
        upstream,
        timeout: Duration::from_secs(60),
        budget: None,
    }
}

/// Runs a built-in action.
pub(crate) async fn run(
    uses: &str,
    inputs: Value,
    upstream: Vec<Upstream>,
) -> Result<ActionOutcome, ActionError> {
    builtin().run(call(uses, inputs, upstream), CancellationToken::new()).await
}

/// The outputs of an action that did its work.
pub(crate) fn done(outcome: Result<ActionOutcome, ActionError>) -> Value {
    match outcome {
        Ok(ActionOutcome::Done(outputs)) => outputs,
        other => panic!("{other:?}"),
    }
}

/// A step that gave something.
pub(crate) fn gave(step: &str, outputs: Value) -> Upstream {
    ended(step, StepStatus::Succeeded, Some(outputs), None)
}

/// A step that did not get its work done.
pub(crate) fn failed(step: &str, code: &str, message: &str) -> Upstream {
    ended(step, StepStatus::Failed, None, Some((code, message)))
}

pub(crate) fn ended(
    step: &str,
    status: StepStatus,
    outputs: Option<Value>,
    error: Option<(&str, &str)>,
) -> Upstream {
    let error = error.map(|(code, message)| StepError {
        code: code.into(),
        message: message.into(),
        blocked_by: None,
    });
    Upstream { step: step.parse().unwrap(), status, outputs: outputs.map(Arc::new), error }
}

pub(crate) fn finding(rule: &str, severity: &str) -> Value {
    json!({
        "rule": rule, "severity": severity, "path": "src/a.rs", "line": 3, "message": "It is wrong.",
        "fingerprint": format!("print of {rule}"), "source": "core/secrets",
    })
}

/// A scan that found this.
pub(crate) fn scan(findings: &[Value]) -> Upstream {
    gave("scan", json!({ "findings": findings, "suppressed": [], "more": 0 }))
}

/// A diff as a step gives it.
pub(crate) fn diff_value(text: &str) -> Value {
    json!(Diff::parse("base", "head", text.as_bytes()))
}
