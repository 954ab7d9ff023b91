//! What goes wrong, in the words of chat completions and of those who imitate them.

use codeflow_model::{ApiClientError, ErrorKind};
use http::StatusCode;
use serde_json::Value;

use crate::{WireFailure, failure};

/// The error in a reply with a bad status.
pub(super) fn failure(provider: &str, wire: &WireFailure<'_>) -> ApiClientError {
    let body = serde_json::from_slice(wire.body).unwrap_or(Value::Null);
    let body = body.get(0).unwrap_or(&body);
    // Some wrap it in `error`, some say it plainly.
    let error = body.get("error").unwrap_or(body);
    build(provider, error, Some(wire))
}

/// An error that came although the status was good.
pub(super) fn in_band(provider: &str, error: &Value) -> ApiClientError {
    build(provider, error, None)
}

fn build(provider: &str, error: &Value, wire: Option<&WireFailure<'_>>) -> ApiClientError {
    let word = |name: &str| match error.get(name) {
        Some(Value::String(word)) if !word.is_empty() => Some(word.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let (code, kind_word) = (word("code"), word("type"));
    let kind = [&code, &kind_word].into_iter().flatten().find_map(|word| kind_of(word));
    let kind = kind.or_else(|| wire.map(|wire| failure::kind_of(wire.status)));
    let message = error.as_str().map(str::to_owned).or_else(|| word("message"));
    let message = message.or_else(|| word("detail"));
    // Some tell each field's fault in a list.
    let list = |name: &str| {
        error.get(name).filter(|value| value.is_object() || value.is_array()).map(Value::to_string)
    };
    let message = message.or_else(|| list("message")).or_else(|| list("detail"));
    let kind = kind.unwrap_or(ErrorKind::Overloaded);
    failure::error(kind, provider, message.as_deref(), code.or(kind_word), wire)
}

/// What a word alone says. Within a good reply some servers put a status there.
fn kind_of(word: &str) -> Option<ErrorKind> {
    Some(match word {
        "context_length_exceeded" => ErrorKind::ContextTooLong,
        "insufficient_quota" | "billing_hard_limit_reached" => ErrorKind::PermissionDenied,
        "content_filter" | "content_policy_violation" => ErrorKind::ContentFiltered,
        "model_not_found" | "DeploymentNotFound" => ErrorKind::ModelNotAvailable,
        "invalid_api_key" => ErrorKind::Authentication,
        "rate_limit_exceeded" => ErrorKind::RateLimited,
        _ => {
            let status = StatusCode::from_bytes(word.as_bytes()).ok()?;
            return (status.as_u16() >= 400).then(|| failure::kind_of(status));
        }
    })
}
