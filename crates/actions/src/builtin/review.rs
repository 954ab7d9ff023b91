//! `llm/review`: a model's opinion of a change. No provider of models can be configured yet, so it always stands aside.

use async_trait::async_trait;
use codeflow_core::execution::StepError;
use codeflow_core::{ActionCall, ActionError, ActionOutcome, ActionSpec, ValueType};
use tokio_util::sync::CancellationToken;

use crate::Action;
use crate::action::{optional, required, spec};
use crate::fault::Fault;

pub(crate) struct ReviewAction {
    spec: ActionSpec,
}

impl ReviewAction {
    pub(crate) fn new() -> Self {
        let inputs = [
            ("diff", required(ValueType::Object, "the output `diff` of `git/diff`")),
            ("route", optional(ValueType::String, "which models to ask")),
            ("schema", optional(ValueType::String, "the shape of the answer")),
        ];
        let spec = ActionSpec {
            inputs: inputs.into(),
            outputs: [("findings", ValueType::List)].into(),
            ..spec("llm/review", "Asks a model to review a change.")
        };
        Self { spec }
    }
}

#[async_trait]
impl Action for ReviewAction {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    async fn run(&self, _call: ActionCall, _stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        Ok(ActionOutcome::Skipped(StepError {
            code: Fault::NoProvider.code().to_owned(),
            message: "no model provider is configured, so no model was asked".to_owned(),
            blocked_by: None,
        }))
    }
}
