//! One step that asks models: on whose account, within which time, and what came of it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::StepPath;
use codeflow_core::{ActionCall, ActionError, ActionOutcome, ExecutionId, Tenant, Usd};
use codeflow_model::{ChatRequest, ErrorKind, Message};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use super::account::Account;
use crate::action::{cancelled, invalid};
use crate::fault::Fault;
use crate::{Availability, ModelAsk, ModelError, ModelReply, Models};

/// The most text that one question may hold.
const MAX_QUESTION_BYTES: usize = 4 << 20;

/// Asks for one attempt of a step, and keeps the account.
pub(crate) struct Asker {
    models: Arc<dyn Models>,
    route: String,
    tenant: Tenant,
    execution: ExecutionId,
    path: StepPath,
    attempt: u32,
    budget: Option<Usd>,
    within: Duration,
    stop: CancellationToken,
    calls: u32,
    masked: u64,
    account: Account,
}

impl Asker {
    /// Somebody to ask on this route, or the reason why the step stands aside.
    pub(crate) fn new(
        models: &Arc<dyn Models>,
        call: &ActionCall,
        route: String,
        stop: &CancellationToken,
    ) -> Result<Self, ActionOutcome> {
        if let Availability::Missing(reason) = models.availability(&route) {
            return Err(Fault::NoProvider.skip(reason));
        }
        Ok(Self {
            models: Arc::clone(models),
            route,
            tenant: call.tenant.clone(),
            execution: call.execution,
            path: call.path.clone(),
            attempt: call.attempt,
            budget: call.budget,
            within: in_hand(call.timeout),
            stop: stop.clone(),
            calls: 0,
            masked: 0,
            account: Account::default(),
        })
    }

    /// Notes in how many places secrets were masked before anybody was asked.
    pub(crate) fn has_masked(&mut self, places: u64) {
        self.masked = self.masked.saturating_add(places);
    }

    /// Asks once, unless the step is told to stop. It is not repeated here: whoever answers does that, and knows what
    /// was paid for.
    pub(crate) async fn ask(&mut self, request: ChatRequest) -> Result<ModelReply, ActionError> {
        if bytes(&request.messages) > MAX_QUESTION_BYTES {
            return Err(invalid(format!("the question is larger than {} MiB", MAX_QUESTION_BYTES >> 20)));
        }
        self.calls += 1;
        let ask = ModelAsk {
            route: self.route.clone(),
            request,
            tenant: self.tenant.clone(),
            execution: self.execution,
            path: self.path.clone(),
            attempt: self.attempt,
            call: self.calls,
            budget: self.budget,
            within: self.within,
        };
        let reply = tokio::select! {
            biased;
            reply = self.models.complete(ask) => reply.map_err(ActionError::from),
            () = self.stop.cancelled() => Err(cancelled()),
        };
        // What earlier calls of this attempt cost is told even if this one fails.
        let reply = reply.map_err(|error| self.told(error))?;
        self.account.add(&reply);
        Ok(reply)
    }

    /// How many calls were made.
    pub(crate) fn calls(&self) -> u32 {
        self.calls
    }

    /// What every `llm/*` action gives.
    pub(crate) fn outputs(&self) -> Map<String, Value> {
        let mut outputs = self.account.outputs().unwrap_or_default();
        outputs.insert("masked".to_owned(), self.masked.into());
        outputs
    }

    /// The same error with what was paid for all the same.
    pub(crate) fn told(&self, error: ActionError) -> ActionError {
        match self.account.outputs() {
            Some(outputs) => error.with_outputs(Value::Object(outputs)),
            None => error,
        }
    }
}

fn bytes(messages: &[Message]) -> usize {
    use codeflow_model::Part;
    let parts = messages.iter().flat_map(|message| &message.parts);
    let text = |part: &Part| match part {
        Part::Text(text) => text.len(),
        Part::Image(_) | Part::ToolCall(_) | Part::ToolResult(_) | Part::Thinking(_) => 0,
    };
    parts.map(text).sum()
}

/// The part of an attempt's time that a model may take. The engine must not be first to lose patience: what it ends
/// it may begin again, and a question that was sent is never sent again by a step.
fn in_hand(timeout: Duration) -> Duration {
    timeout.saturating_sub((timeout / 20).min(Duration::from_secs(1)))
}

/// Runs an action that asks until its time is nearly up.
pub(crate) async fn in_time<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, ActionError>> + Send,
) -> Result<T, ActionError> {
    // The halves of the last part: first whoever answers may say that time is up, then we.
    let patience = timeout.saturating_sub((timeout - in_hand(timeout)) / 2);
    tokio::time::timeout(patience, work).await.unwrap_or_else(|_| {
        Err(ModelError::new(ErrorKind::Timeout, "the model did not answer in time").into())
    })
}
