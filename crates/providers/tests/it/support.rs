//! What the tests share: fixtures, and streams fed in pieces.

use std::{fs, path::Path, sync::Arc};

use codeflow_core::Timestamp;
use codeflow_model::{
    ApiClientError, ChatRequest, ChatResponse, Fold, Message, Part, Role, StreamEvent, Tool,
};
use codeflow_providers::{Credentials, Dialect, Limits, Mode, Signing, StreamDecoder, WireRequest};
use serde_json::{Value, json};

pub(crate) fn fixture(folder: &str, name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    fs::read(folder.join(name)).expect("the fixture is there")
}

/// The events of a stream that comes in pieces, and how it ended.
pub(crate) fn read<'a, D: Dialect>(
    dialect: &Arc<D>,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<StreamEvent>, Result<(), ApiClientError>) {
    let mut decoder = StreamDecoder::new(dialect.clone(), "asked-for", Limits::default());
    let mut events = Vec::new();
    for piece in pieces {
        if let Err(error) = decoder.push(piece, &mut events) {
            return (events, Err(error));
        }
    }
    let end = decoder.finish(&mut events);
    (events, end)
}

pub(crate) fn fold(events: Vec<StreamEvent>) -> ChatResponse {
    let mut fold = Fold::default();
    for event in events {
        fold.push(event).expect("fits");
    }
    fold.finish().expect("is complete")
}

/// A stream of data frames.
pub(crate) fn sse(frames: &[&str]) -> Vec<u8> {
    frames.iter().flat_map(|data| format!("data: {data}\n\n").into_bytes()).collect()
}

pub(crate) fn ask(parts: Vec<Part>) -> ChatRequest {
    ChatRequest::new("m", vec![Message { role: Role::User, parts, name: None }])
}

pub(crate) fn hello() -> ChatRequest {
    ask(vec![Part::Text("Hello".into())])
}

pub(crate) fn tool(name: &str) -> Tool {
    let parameters = json!({ "type": "object", "properties": {} });
    Tool { name: name.into(), description: Some("does".into()), parameters, strict: Some(true) }
}

pub(crate) fn body(dialect: &impl Dialect, request: &ChatRequest, mode: Mode) -> Value {
    let wire = dialect.encode(request, mode).expect("can be said");
    serde_json::from_slice(&wire.body.to_bytes()).expect("is JSON")
}

/// Signs with a key, at a moment and an address that play no part.
pub(crate) fn sign(dialect: &impl Dialect, wire: &mut WireRequest, key: &str) -> Result<(), ApiClientError> {
    let credentials = Credentials::Key(key.to_owned().into());
    let base = "https://example.com".parse().expect("is an address");
    dialect.sign(wire, &Signing { credentials: &credentials, base: &base, now: Timestamp::EPOCH })
}

/// A binary frame, put together by hand so that it does not depend on what takes it apart. A kind that begins with an
/// exclamation mark is an exception.
pub(crate) fn event_stream_frame(kind: &str, payload: &[u8]) -> Vec<u8> {
    let headers = match kind.strip_prefix('!') {
        Some(name) => [(":message-type", "exception"), (":exception-type", name)],
        None => [(":message-type", "event"), (":event-type", kind)],
    };
    event_stream_message(&headers, payload)
}

/// A binary message with headers that are texts.
pub(crate) fn event_stream_message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(name.len() as u8);
        head.extend(name.as_bytes());
        // Seven says that a text follows.
        head.push(7);
        head.extend((value.len() as u16).to_be_bytes());
        head.extend(value.as_bytes());
    }
    let total = (head.len() + payload.len() + 16) as u32;
    let mut out = total.to_be_bytes().to_vec();
    out.extend((head.len() as u32).to_be_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out.extend(head);
    out.extend(payload);
    out.extend(crc32(&out).to_be_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
