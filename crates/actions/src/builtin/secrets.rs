//! `core/secrets`: credentials in what a change adds. The rules are in `codeflow-analysis`.

use async_trait::async_trait;
use codeflow_analysis::{Baseline, Diff, SecretScan, SecretScanner};
use codeflow_core::{ActionCall, ActionError, ActionOutcome, ActionSpec, ValueType};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::Action;
use crate::action::{invalid, off_reactor, optional, required, spec, take_required};
use crate::builtin::diff::as_value;

pub(crate) struct SecretsAction {
    spec: ActionSpec,
}

impl SecretsAction {
    pub(crate) fn new() -> Self {
        let inputs = [
            ("diff", required(ValueType::Object, "the output `diff` of `git/diff`")),
            ("baseline", optional(ValueType::Object, "accepted findings: the content of a baseline file")),
        ];
        let outputs =
            [("findings", ValueType::List), ("suppressed", ValueType::List), ("more", ValueType::Integer)];
        let spec = ActionSpec {
            inputs: inputs.into(),
            outputs: outputs.into(),
            ..spec("core/secrets", "Finds credentials in the lines that a change adds.")
        };
        Self { spec }
    }
}

#[async_trait]
impl Action for SecretsAction {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    async fn run(&self, mut call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        off_reactor(&stop, move || {
            let scanner = match call.inputs.remove("baseline") {
                Some(document) => SecretScanner::with_baseline(baseline(&document)?),
                None => SecretScanner::default(),
            };
            let diff: Diff = take_required(&mut call.inputs, "diff", "a diff as `git/diff` gives it")?;
            outputs(&scanner.scan_diff(&diff)).map(ActionOutcome::Done)
        })
        .await
    }
}

fn baseline(document: &Value) -> Result<Baseline, ActionError> {
    let text = serde_json::to_vec(document).map_err(|_| invalid("input `baseline` is not JSON"))?;
    Baseline::parse(&text)
        .map_err(|error| invalid(format!("input `baseline` does not count: {error}")).with_code(error.code()))
}

fn outputs(scan: &SecretScan) -> Result<Value, ActionError> {
    Ok(json!({
        "findings": as_value(&scan.findings)?,
        "suppressed": as_value(&scan.suppressed)?,
        "more": scan.more,
    }))
}
