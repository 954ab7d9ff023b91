//! What limits said of a request, as its answer tells it. Which limits there are and who is asked about them is decided
//! where the request is looked at.

use codeflow_ratelimit::Decision;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::Failure;
use crate::refusal::Refusal;

/// The failure of whoever is not admitted.
pub(crate) fn refusal(decision: &Decision) -> Failure {
    Failure { retry_after: decision.retry_after(), ..Refusal::Limited.told(sentence(decision)) }
}

/// Why somebody is not admitted, in a sentence.
pub(crate) fn sentence(decision: &Decision) -> String {
    decision.reason().unwrap_or_else(|| Refusal::Limited.sentence().to_owned())
}

/// The names of [`Decision::HEADERS`].
static NAMES: [HeaderName; 6] = [
    HeaderName::from_static(Decision::HEADERS[0]),
    HeaderName::from_static(Decision::HEADERS[1]),
    HeaderName::from_static(Decision::HEADERS[2]),
    HeaderName::from_static(Decision::HEADERS[3]),
    HeaderName::from_static(Decision::HEADERS[4]),
    HeaderName::from_static(Decision::HEADERS[5]),
];

/// Tells a limit in headers. What an answer tells already stays.
pub(crate) fn tell(headers: &mut HeaderMap, decision: &Decision) {
    decision.tell(|place, value| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.entry(&NAMES[place]).or_insert(value);
        }
    });
}
