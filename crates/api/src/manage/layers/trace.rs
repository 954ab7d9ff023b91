//! The trace that a request belongs to, after W3C's Trace Context.

use std::fmt;

use codeflow_core::Ids;
use http::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    trace: String,
    span: String,
    flags: String,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{}", self.trace, self.span, self.flags)
    }
}

impl Trace {
    /// The place of this request: beneath the one that it names, if that can be read, or in a trace of its own.
    pub(crate) fn of(headers: &HeaderMap, ids: &dyn Ids) -> Self {
        let span = format!("{:016x}", (ids.next().as_u128() & u128::from(u64::MAX)).max(1));
        let (trace, flags) =
            parent(headers).unwrap_or_else(|| (ids.next().simple().to_string(), "00".to_owned()));
        Self { trace, span, flags }
    }

    pub(crate) fn id(&self) -> &str {
        &self.trace
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(self.to_string()).ok()
    }
}

/// The trace and the flags of the one header that names them.
fn parent(headers: &HeaderMap) -> Option<(String, String)> {
    let mut values = headers.get_all(TRACEPARENT).iter();
    let text = values.next()?.to_str().ok().filter(|text| text.len() <= 512)?;
    let mut parts = text.split('-');
    let (version, trace) = (parts.next()?, parts.next()?);
    let (span, flags) = (parts.next()?, parts.next()?);
    let more = parts.next().is_some();
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_some = |text: &str| text.bytes().any(|byte| byte != b'0');
    let is_well = digits(version, 2) && digits(trace, 32) && digits(span, 16) && digits(flags, 2);
    let is_known = version != "ff" && !(version == "00" && more) && is_some(trace) && is_some(span);
    (is_well && is_known && values.next().is_none()).then(|| (trace.to_owned(), flags.to_owned()))
}
