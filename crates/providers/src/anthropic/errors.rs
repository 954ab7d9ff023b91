//! What goes wrong, in Anthropic's words.

use codeflow_model::{ApiClientError, ErrorKind};
use serde::Deserialize;

use crate::{WireFailure, failure};

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireError {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: WireError,
}

/// The error in a reply with a bad status.
pub(super) fn failure(provider: &str, wire: &WireFailure<'_>) -> ApiClientError {
    let body: Body = serde_json::from_slice(wire.body).unwrap_or_default();
    build(provider, body.error, Some(wire))
}

/// An error that came although the status was good.
pub(super) fn in_band(provider: &str, error: WireError) -> ApiClientError {
    build(provider, error, None)
}

fn build(provider: &str, error: WireError, wire: Option<&WireFailure<'_>>) -> ApiClientError {
    let kind = error.kind.as_deref().and_then(|word| kind_of(word, error.message.as_deref()));
    let kind = kind.or_else(|| wire.map(|wire| failure::kind_of(wire.status)));
    let kind = kind.unwrap_or(ErrorKind::Overloaded);
    failure::error(kind, provider, error.message.as_deref(), error.kind, wire)
}

fn kind_of(word: &str, message: Option<&str>) -> Option<ErrorKind> {
    Some(match word {
        // The only sign of a conversation that is too long, or of a blocked reply, is the message.
        "invalid_request_error" if message?.starts_with("prompt is too long") => ErrorKind::ContextTooLong,
        "invalid_request_error" if message?.contains("blocked by content filtering") => {
            ErrorKind::ContentFiltered
        }
        "invalid_request_error" | "request_too_large" => ErrorKind::InvalidRequest,
        "authentication_error" => ErrorKind::Authentication,
        "permission_error" | "billing_error" => ErrorKind::PermissionDenied,
        "not_found_error" => ErrorKind::ModelNotAvailable,
        "rate_limit_error" => ErrorKind::RateLimited,
        "timeout_error" => ErrorKind::Timeout,
        "api_error" | "overloaded_error" => ErrorKind::Overloaded,
        _ => return None,
    })
}
