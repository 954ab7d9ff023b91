//! What goes wrong, in Google's words.

use std::time::Duration;

use codeflow_model::{ApiClientError, Details, ErrorKind};
use serde_json::Value;

use crate::{WireFailure, failure};

/// The error in a reply with a bad status. A stream that fails at once is an array of one.
pub(super) fn failure(provider: &str, wire: &WireFailure<'_>) -> ApiClientError {
    let body = serde_json::from_slice(wire.body).unwrap_or(Value::Null);
    let body = body.get(0).unwrap_or(&body);
    build(provider, body.get("error").unwrap_or(body), Some(wire))
}

/// An error that came although the status was good.
pub(super) fn in_band(provider: &str, error: &Value) -> ApiClientError {
    build(provider, error, None)
}

fn build(provider: &str, error: &Value, wire: Option<&WireFailure<'_>>) -> ApiClientError {
    let word = |name: &str| error.get(name).and_then(Value::as_str);
    let message = word("message");
    let reason = details(error).find_map(|detail| detail.get("reason")?.as_str());
    let kind = kind_of(word("status").unwrap_or_default(), reason, message.unwrap_or_default());
    let kind = kind.or_else(|| wire.map(|wire| failure::kind_of(wire.status)));
    let code = reason.or(word("status")).map(str::to_owned);
    let error_of = failure::error(kind.unwrap_or(ErrorKind::Overloaded), provider, message, code, wire);
    let Some(wait) = details(error).find_map(|detail| delay(detail.get("retryDelay")?.as_str()?)) else {
        return error_of;
    };
    let retry_after = error_of.details().retry_after.or(Some(wait));
    let details = Details { retry_after, ..error_of.details().clone() };
    error_of.about(details)
}

fn details(error: &Value) -> impl Iterator<Item = &Value> {
    error.get("details").and_then(Value::as_array).into_iter().flatten()
}

fn kind_of(status: &str, reason: Option<&str>, message: &str) -> Option<ErrorKind> {
    Some(match (status, reason) {
        (_, Some("API_KEY_INVALID")) => ErrorKind::Authentication,
        // The only sign of a conversation that is too long is its message.
        ("INVALID_ARGUMENT", _) if message.contains("exceeds the maximum number of tokens") => {
            ErrorKind::ContextTooLong
        }
        ("INVALID_ARGUMENT" | "OUT_OF_RANGE", _) => ErrorKind::InvalidRequest,
        // The account has no billing, or is in a place that is not served.
        ("FAILED_PRECONDITION" | "PERMISSION_DENIED", _) => ErrorKind::PermissionDenied,
        ("UNAUTHENTICATED", _) => ErrorKind::Authentication,
        ("NOT_FOUND", _) => ErrorKind::ModelNotAvailable,
        ("RESOURCE_EXHAUSTED", _) => ErrorKind::RateLimited,
        ("DEADLINE_EXCEEDED", _) => ErrorKind::Timeout,
        ("INTERNAL" | "UNAVAILABLE" | "UNKNOWN" | "ABORTED", _) => ErrorKind::Overloaded,
        _ => return None,
    })
}

/// Seconds with an `s` behind them.
fn delay(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}
