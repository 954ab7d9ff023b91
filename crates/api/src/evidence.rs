//! How an answer came about, told in headers.

use std::sync::Arc;

use codeflow_core::Ids;
use codeflow_gateway::Evidence;
use http::{HeaderMap, HeaderName, HeaderValue};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Where Anthropic's SDKs look for it.
const ANTHROPIC_REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const ROUTE: HeaderName = HeaderName::from_static("x-codeflow-route");
const PROVIDER: HeaderName = HeaderName::from_static("x-codeflow-provider");
const MODEL: HeaderName = HeaderName::from_static("x-codeflow-model");
const ATTEMPTS: HeaderName = HeaderName::from_static("x-codeflow-attempts");
const TRAIL: HeaderName = HeaderName::from_static("x-codeflow-trail");
const CACHE: HeaderName = HeaderName::from_static("x-codeflow-cache");
const DROPPED: HeaderName = HeaderName::from_static("x-codeflow-dropped");
const COST: HeaderName = HeaderName::from_static("x-codeflow-cost-microusd");

/// The longest text that is told of anything; clients refuse heads that are too long.
const LONGEST: usize = 1024;

/// A name for a request.
pub(crate) fn request_id(ids: &dyn Ids) -> Arc<str> {
    let mut text = [0_u8; 36];
    text[..4].copy_from_slice(b"req_");
    ids.next().simple().encode_lower(&mut text[4..]);
    std::str::from_utf8(&text).unwrap_or_default().into()
}

/// The name of a request, for whoever has to ask about it.
pub(crate) fn name(headers: &mut HeaderMap, request_id: &str) {
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(ANTHROPIC_REQUEST_ID, value.clone());
        headers.insert(REQUEST_ID, value);
    }
}

/// The route, who answered, and after how many attempts.
pub(crate) fn tell(headers: &mut HeaderMap, evidence: &Evidence) {
    let mut put = |name: HeaderName, text: &str| {
        if !text.is_empty() {
            headers.insert(name, value(text));
        }
    };
    put(ROUTE, &evidence.route);
    put(PROVIDER, &evidence.provider);
    put(MODEL, &evidence.model);
    if !evidence.trail.is_empty() {
        put(TRAIL, &evidence.trail.join(", "));
    }
    if let Some(dropped) = &evidence.dropped {
        put(DROPPED, dropped);
    }
    if evidence.cached {
        put(CACHE, "hit");
    }
    headers.insert(ATTEMPTS, HeaderValue::from(evidence.attempts));
    if let Some(cost) = evidence.cost {
        headers.insert(COST, HeaderValue::from(cost.micros()));
    }
}

/// A text as a header carries it: what no header may hold, and with it any end of a line, is a question mark.
fn value(text: &str) -> HeaderValue {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    HeaderValue::from_str(text).unwrap_or_else(|_| {
        let shown = |character: char| if matches!(character, ' '..='~') { character } else { '?' };
        let text: String = text.chars().map(shown).collect();
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("?"))
    })
}
