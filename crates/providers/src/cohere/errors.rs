//! What goes wrong, in Cohere's words: a sentence, and a status if there is one.

use codeflow_model::{ApiClientError, ErrorKind};
use serde::Deserialize;

use crate::{WireFailure, failure};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    message: Option<String>,
}

/// The error in a reply with a bad status.
pub(super) fn failure(provider: &str, wire: &WireFailure<'_>) -> ApiClientError {
    let body: Body = serde_json::from_slice(wire.body).unwrap_or_default();
    let message = body.message.as_deref();
    let kind = match wire.status.as_u16() {
        // The only sign of a conversation that is too long is its message.
        400 | 422 if message.is_some_and(is_too_long) => ErrorKind::ContextTooLong,
        // The text holds words that the vendor blocks.
        498 => ErrorKind::ContentFiltered,
        // Cancelled, but not by us.
        499 => ErrorKind::Overloaded,
        _ => failure::kind_of(wire.status),
    };
    failure::error(kind, provider, message, None, Some(wire))
}

fn is_too_long(message: &str) -> bool {
    message.contains("too many tokens")
}

/// An error that came although the status was good.
pub(super) fn in_band(provider: &str, message: Option<&str>) -> ApiClientError {
    failure::error(ErrorKind::Overloaded, provider, message, None, None)
}
