//! What goes wrong, in Amazon's words: the name of an exception, and a sentence.

use codeflow_model::{ApiClientError, ErrorKind};
use serde::Deserialize;

use crate::{Frame, WireFailure, failure};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    #[serde(alias = "Message")]
    message: Option<String>,
    #[serde(rename = "__type")]
    kind: Option<String>,
}

/// The error in a reply with a bad status. Its name is in a header, with a namespace before it or an address after it.
pub(super) fn failure(provider: &str, wire: &WireFailure<'_>) -> ApiClientError {
    let body: Body = serde_json::from_slice(wire.body).unwrap_or_default();
    let header = wire.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let name = header.or(body.kind.as_deref()).and_then(|name| name.split(':').next()?.rsplit('#').next());
    let kind = name.and_then(|name| kind_of(name, body.message.as_deref().unwrap_or_default()));
    let kind = kind.unwrap_or_else(|| failure::kind_of(wire.status));
    failure::error(kind, provider, body.message.as_deref(), name.map(str::to_owned), Some(wire))
}

/// An exception in a stream.
pub(super) fn exception(provider: &str, frame: &Frame) -> ApiClientError {
    let body: Body = serde_json::from_str(&frame.data).unwrap_or_default();
    let message = body.message.or_else(|| Some(frame.data.clone()));
    let kind = frame.event.as_deref().and_then(|name| kind_of(name, message.as_deref().unwrap_or_default()));
    let kind = kind.unwrap_or(ErrorKind::Overloaded);
    failure::error(kind, provider, message.as_deref(), frame.event.clone(), None)
}

/// In a stream the names begin with a small letter.
fn kind_of(name: &str, message: &str) -> Option<ErrorKind> {
    let is_about = |words: &[&str]| words.iter().any(|words| message.contains(words));
    Some(match name.to_ascii_lowercase().trim_end_matches("exception") {
        "throttling" | "servicequotaexceeded" => ErrorKind::RateLimited,
        // A validation says in words alone that the conversation is too long, or the model is none.
        "validation" if is_about(&["nput is too long", "prompt is too long", "too many input tokens"]) => {
            ErrorKind::ContextTooLong
        }
        "validation" if is_about(&["model identifier is invalid", "on-demand throughput"]) => {
            ErrorKind::ModelNotAvailable
        }
        "validation" => ErrorKind::InvalidRequest,
        "resourcenotfound" => ErrorKind::ModelNotAvailable,
        "accessdenied" => ErrorKind::PermissionDenied,
        "unrecognizedclient"
        | "invalidsignature"
        | "expiredtoken"
        | "incompletesignature"
        | "missingauthenticationtoken"
        | "invalidclienttokenid" => ErrorKind::Authentication,
        "modeltimeout" => ErrorKind::Timeout,
        "internalserver" | "serviceunavailable" | "modelnotready" | "modelerror" | "modelstreamerror" => {
            ErrorKind::Overloaded
        }
        _ => return None,
    })
}
