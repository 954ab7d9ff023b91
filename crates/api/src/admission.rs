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

/// Tells a limit in headers. What an answer tells already stays.
pub(crate) fn tell(headers: &mut HeaderMap, decision: &Decision) {
    for (name, value) in decision.headers() {
        let name = HeaderName::from_static(name);
        if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}
