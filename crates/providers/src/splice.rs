//! Changes a few places of a body without reading or copying the rest.

use std::ops::Range;

use bytes::Bytes;
use codeflow_model::RawRequest;
use codeflow_net::Pieces;

/// The body with ranges replaced; they must not overlap.
pub(crate) fn splice(body: &Bytes, mut edits: Vec<(Range<usize>, Bytes)>) -> Pieces {
    if edits.is_empty() {
        return body.clone().into();
    }
    edits.sort_by_key(|(range, _)| range.start);
    let mut pieces = Vec::with_capacity(edits.len() * 2 + 1);
    let mut from = 0;
    for (range, with) in edits {
        pieces.push(body.slice(from..range.start));
        pieces.push(with);
        from = range.end;
    }
    pieces.push(body.slice(from..));
    Pieces::new(pieces)
}

/// What puts the model's name into the body, where another one stands there.
pub(crate) fn model(request: &RawRequest) -> Option<(Range<usize>, Bytes)> {
    let stands = &request.body[request.model_at.clone()];
    let bare = stands.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    if bare == Some(request.model.as_bytes()) {
        return None;
    }
    let name = serde_json::Value::from(request.model.as_str()).to_string();
    Some((request.model_at.clone(), name.into()))
}
