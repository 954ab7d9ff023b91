//! What the providers' errors have in common: statuses, and how long to wait.

use std::time::Duration;

use chrono::DateTime;
use codeflow_model::{ApiClientError, Details, EmbedRequest, ErrorKind};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Credentials, WireFailure, WireRequest};

/// Provider messages are kept up to here.
const LONGEST_MESSAGE: usize = 1000;

/// What a status alone says.
pub(crate) fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Authentication,
        402 | 403 => ErrorKind::PermissionDenied,
        404 | 410 => ErrorKind::ModelNotAvailable,
        408 | 504 => ErrorKind::Timeout,
        429 => ErrorKind::RateLimited,
        400..=499 => ErrorKind::InvalidRequest,
        500..=599 => ErrorKind::Overloaded,
        _ => ErrorKind::BadResponse,
    }
}

/// An error with what its reply says.
pub(crate) fn error(
    kind: ErrorKind,
    provider: &str,
    message: Option<&str>,
    code: Option<String>,
    wire: Option<&WireFailure<'_>>,
) -> ApiClientError {
    let said: String = message.unwrap_or_default().chars().take(LONGEST_MESSAGE).collect();
    let text = match (said.is_empty(), wire) {
        (false, _) => format!("`{provider}` says: {said}"),
        (true, Some(wire)) => format!("`{provider}` answered with status {}", wire.status.as_u16()),
        (true, None) => format!("`{provider}` reported an error"),
    };
    ApiClientError::new(kind, text).about(Details {
        provider: provider.to_owned(),
        status: wire.map(|wire| wire.status.as_u16()),
        provider_code: code,
        retry_after: wire.and_then(|wire| retry_after(wire.headers)),
        ..Details::default()
    })
}

/// A request that the format cannot say.
pub(crate) fn unsupported(provider: &str, model: &str, what: &str) -> ApiClientError {
    let text = format!("`{provider}` cannot be asked for {what}");
    let (provider, model) = (provider.to_owned(), model.to_owned());
    ApiClientError::new(ErrorKind::InvalidRequest, text).about(Details {
        provider,
        model,
        ..Details::default()
    })
}

/// A request that was to be forwarded by a dialect that forwards none in its format: a fault of ours.
pub(crate) fn not_forwarded(provider: &str, model: &str) -> ApiClientError {
    let text = format!("nothing is forwarded to `{provider}` in this format");
    let (provider, model) = (provider.to_owned(), model.to_owned());
    ApiClientError::new(ErrorKind::Internal, text).about(Details { provider, model, ..Details::default() })
}

/// A reply that makes no sense.
pub(crate) fn bad(provider: &str, what: &str) -> ApiClientError {
    let details = Details { provider: provider.to_owned(), ..Details::default() };
    ApiClientError::new(ErrorKind::BadResponse, format!("`{provider}` sent {what}")).about(details)
}

/// The vectors of a reply, if there is one for each input, of numbers that can be said again: JSON has none that are
/// too large for a float.
pub(crate) fn one_each(
    provider: &str,
    request: &EmbedRequest,
    vectors: Vec<Vec<f32>>,
) -> Result<Vec<Vec<f32>>, ApiClientError> {
    if vectors.len() != request.input.len() {
        return Err(bad(provider, "too few or too many vectors"));
    }
    if vectors.iter().flatten().any(|number| !number.is_finite()) {
        return Err(bad(provider, "a vector with a number that is too large"));
    }
    Ok(vectors)
}

/// Stands in for the id that some servers forget, without which no result could refer to the call.
pub(crate) fn made_up_id(index: usize) -> String {
    format!("call_{index}")
}

/// Whether an id stands in for one that was forgotten. It is not unique within a conversation.
pub(crate) fn is_made_up(id: &str) -> bool {
    id.strip_prefix("call_").is_some_and(|rest| rest.parse::<usize>().is_ok())
}

/// Reads a document of the provider's.
pub(crate) fn parse<T: DeserializeOwned>(provider: &str, text: &[u8]) -> Result<T, ApiClientError> {
    parse_borrowed(provider, text)
}

/// As [`parse`], without copying the texts.
pub(crate) fn parse_borrowed<'a, T: Deserialize<'a>>(
    provider: &str,
    text: &'a [u8],
) -> Result<T, ApiClientError> {
    serde_json::from_slice(text).map_err(|cause| {
        let text = format!("`{provider}` sent something that is not a reply");
        let details = Details { provider: provider.to_owned(), ..Details::default() };
        ApiClientError::new(ErrorKind::BadResponse, text).about(details).because(cause)
    })
}

/// Puts a key into a header that is never logged; nothing where the server asks for none.
pub(crate) fn put_key(
    request: &mut WireRequest,
    provider: &str,
    name: HeaderName,
    scheme: &str,
    credentials: &Credentials,
) -> Result<(), ApiClientError> {
    let value = match credentials {
        Credentials::None => return Ok(()),
        Credentials::Key(key) => [scheme, key.expose_secret()].concat(),
        Credentials::Aws(_) => {
            let text = format!("`{provider}` wants a key, not an identity of Amazon's");
            let details = Details { provider: provider.to_owned(), ..Details::default() };
            return Err(ApiClientError::new(ErrorKind::Authentication, text).about(details));
        }
    };
    let mut value = HeaderValue::try_from(value).map_err(|_| {
        let text = format!("the key of `{provider}` holds characters that no header can carry");
        let details = Details { provider: provider.to_owned(), ..Details::default() };
        ApiClientError::new(ErrorKind::Authentication, text).about(details)
    })?;
    value.set_sensitive(true);
    request.headers.insert(name, value);
    Ok(())
}

/// The wait that the headers ask for. A date is compared with the reply's own, so that no clock is needed.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::trim);
    let number = |text: &str| text.parse::<f64>().ok();
    if let Some(milliseconds) = text("retry-after-ms").and_then(number) {
        return Duration::try_from_secs_f64(milliseconds / 1000.0).ok();
    }
    let value = text(header::RETRY_AFTER.as_str())?;
    if let Some(seconds) = number(value) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |text: &str| DateTime::parse_from_rfc2822(text).ok();
    let (then, now) = (date(value)?, date(text(header::DATE.as_str())?)?);
    Some((then - now).to_std().unwrap_or_default())
}
