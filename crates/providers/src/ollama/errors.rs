//! What goes wrong, in Ollama's words: one sentence, and a status if there is one.

use codeflow_model::{ApiClientError, ErrorKind};
use serde::Deserialize;

use crate::{WireFailure, failure};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Option<String>,
}

/// The error in a reply with a bad status.
pub(super) fn failure(provider: &str, wire: &WireFailure<'_>) -> ApiClientError {
    let body: Body = serde_json::from_slice(wire.body).unwrap_or_default();
    let kind = match body.error.as_deref() {
        // The only sign of a conversation that is too long is its sentence.
        Some(sentence) if sentence.contains("exceeds the context length") => ErrorKind::ContextTooLong,
        _ => failure::kind_of(wire.status),
    };
    failure::error(kind, provider, body.error.as_deref(), None, Some(wire))
}

/// An error that came although the status was good.
pub(super) fn in_band(provider: &str, message: &str) -> ApiClientError {
    failure::error(ErrorKind::Overloaded, provider, Some(message), None, None)
}
