//! Writes server-sent events.

use serde::Serialize;

/// One frame without a name.
pub(crate) fn data(out: &mut Vec<u8>, data: &impl Serialize) {
    out.extend_from_slice(b"data: ");
    json(out, data);
    out.extend_from_slice(b"\n\n");
}

/// One frame with a name.
pub(crate) fn event(out: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\n");
    self::data(out, data);
}

/// JSON on one line, so that it needs one `data:` alone.
pub(crate) fn json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("memory takes every write, and all our keys are strings");
}
