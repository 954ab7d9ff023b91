//! Where a redirect leads, and what of the request goes along.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, USER_AGENT};
use http::{Method, StatusCode};
use url::Url;

use crate::error::{Error, ErrorKind, Phase, host};
use crate::request::Request;

/// More than this is a loop, or might as well be one.
pub(crate) const MAX_REDIRECTS: usize = 3;

/// What another origin may see. All else may be a credential, under whatever name.
const HARMLESS: [HeaderName; 4] = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];

/// Says what to request next; nothing when the answer is not a redirect.
pub(crate) fn next(
    request: &Request,
    status: StatusCode,
    headers: &HeaderMap,
) -> Result<Option<Request>, Error> {
    let location = match (status.as_u16(), headers.get(LOCATION)) {
        (301 | 302 | 303 | 307 | 308, Some(location)) => location,
        (_, _) => return Ok(None),
    };
    let url = location.to_str().ok().and_then(|text| request.url.join(text).ok());
    let url = url.ok_or_else(|| refuse(&request.url, "sent a redirect to nowhere"))?;
    if request.url.scheme() == "https" && url.scheme() != "https" {
        return Err(refuse(&request.url, "sent a redirect away from https"));
    }
    let mut next = Request { url, ..request.clone() };
    if becomes_get(status, &request.method) {
        next.method = Method::GET;
        next.body = Bytes::new();
        next.headers.remove(CONTENT_TYPE);
    }
    if next.url.origin() != request.url.origin() {
        next.headers = harmless(&next.headers);
    }
    Ok(Some(next))
}

/// After 303 the other side wants a GET; after 301 and 302 everybody sends one instead of a POST.
fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        303 => *method != Method::HEAD,
        301 | 302 => *method == Method::POST,
        _ => false,
    }
}

fn harmless(headers: &HeaderMap) -> HeaderMap {
    let kept = headers.iter().filter(|(name, value)| HARMLESS.contains(name) && !value.is_sensitive());
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

pub(crate) fn refuse(url: &Url, what: &str) -> Error {
    Error::new(ErrorKind::Redirect, format!("`{}` {what}", host(url))).at_least(Phase::Answered)
}
