//! What an action is to the catalog, and the few helpers that all of them share. The actions are in `builtin`.

use async_trait::async_trait;
use codeflow_core::{
    ActionCall, ActionError, ActionErrorKind, ActionName, ActionOutcome, ActionSpec, InputSpec, ValueType,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

/// Code behind a name such as `core/secrets`.
#[async_trait]
pub trait Action: Send + Sync {
    /// What it declares. The catalog holds it to this.
    fn spec(&self) -> &ActionSpec;

    /// Runs one attempt; the inputs have been checked against the spec. It ends soon after `stop` is cancelled.
    ///
    /// # Errors
    /// When the attempt fails; the kind decides whether another one is made.
    async fn run(&self, call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError>;
}

/// A spec of ours, still without inputs and outputs. Nothing of ours asks for permissions or calls its output trusted:
/// all of it repeats paths or text that the author of a change chose.
pub(crate) fn spec(name: &'static str, summary: &'static str) -> ActionSpec {
    ActionSpec {
        name: name
            .parse::<ActionName>()
            .expect("the names are constants of this crate, and a test builds every one"),
        summary,
        inputs: [].into(),
        outputs: [].into(),
        permissions: Vec::new(),
        trusted: false,
    }
}

/// An input that a step must give.
pub(crate) fn required(value_type: ValueType, summary: &'static str) -> InputSpec {
    InputSpec { value_type, required: true, summary }
}

/// An input that a step may leave out.
pub(crate) fn optional(value_type: ValueType, summary: &'static str) -> InputSpec {
    InputSpec { value_type, required: false, summary }
}

/// Takes an input out of the call and reads it. The cause stays out of the message: it may quote the input.
pub(crate) fn take<T: DeserializeOwned>(
    inputs: &mut Map<String, Value>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, ActionError> {
    let Some(value) = inputs.remove(name) else { return Ok(None) };
    serde_json::from_value(value).map(Some).map_err(|_| invalid(format!("input `{name}` is not {expected}")))
}

/// As [`take`], for an input that the spec requires.
pub(crate) fn take_required<T: DeserializeOwned>(
    inputs: &mut Map<String, Value>,
    name: &str,
    expected: &str,
) -> Result<T, ActionError> {
    take(inputs, name, expected)?.ok_or_else(|| invalid(format!("input `{name}` is missing")))
}

pub(crate) fn invalid(message: impl Into<String>) -> ActionError {
    ActionError::new(ActionErrorKind::InvalidInput, message)
}

pub(crate) fn cancelled() -> ActionError {
    ActionError::new(ActionErrorKind::Cancelled, "the action was told to stop")
}

/// As [`off_reactor`], for what is not to be lost to a stop any more.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ActionError> + Send + 'static,
) -> Result<T, ActionError> {
    off_reactor(&CancellationToken::new(), work).await
}

/// Runs work that keeps a core busy away from the reactor. After `stop` nobody waits for it any more;
/// it ends by itself, because all of it is linear in inputs of bounded size.
pub(crate) async fn off_reactor<T: Send + 'static>(
    stop: &CancellationToken,
    work: impl FnOnce() -> Result<T, ActionError> + Send + 'static,
) -> Result<T, ActionError> {
    let working = tokio::task::spawn_blocking(work);
    tokio::select! {
        biased;
        () = stop.cancelled() => Err(cancelled()),
        ended = working => ended.unwrap_or_else(|_| {
            Err(ActionError::new(ActionErrorKind::Internal, "the action broke down while it was working"))
        }),
    }
}
