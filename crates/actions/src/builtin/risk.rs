//! `core/risk-score`: how risky a change is, from its shape alone.

use async_trait::async_trait;
use codeflow_analysis::{Diff, RiskScore};
use codeflow_core::{ActionCall, ActionError, ActionOutcome, ActionSpec, ValueType};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::Action;
use crate::action::{off_reactor, required, spec, take_required};
use crate::builtin::diff::as_value;

pub(crate) struct RiskAction {
    spec: ActionSpec,
}

impl RiskAction {
    pub(crate) fn new() -> Self {
        let inputs = [("diff", required(ValueType::Object, "the output `diff` of `git/diff`"))];
        let outputs =
            [("score", ValueType::Integer), ("level", ValueType::String), ("reasons", ValueType::List)];
        let spec = ActionSpec {
            inputs: inputs.into(),
            outputs: outputs.into(),
            ..spec("core/risk-score", "Scores how risky a change is, and explains the score.")
        };
        Self { spec }
    }
}

#[async_trait]
impl Action for RiskAction {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    async fn run(&self, mut call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        off_reactor(&stop, move || {
            let diff: Diff = take_required(&mut call.inputs, "diff", "a diff as `git/diff` gives it")?;
            let risk = RiskScore::assess(&diff);
            let reasons = as_value(&risk.lines)?;
            let outputs = json!({ "score": risk.score, "level": risk.level, "reasons": reasons });
            Ok(ActionOutcome::Done(outputs))
        })
        .await
    }
}
