//! Replies that are handed on as they are. What is read of them in passing is what a decoder reads, so that a call
//! costs the same on both ways and no error passes for a reply.

use std::sync::Arc;

use bytes::Bytes;
use codeflow_model::{ApiClientError, ErrorKind, StreamEvent, Usage};
use codeflow_providers::{Dialect, FrameError, Keep, Limits, RawFrames};
use serde_json::Value;

use super::streams;
use crate::{framing::Named, pieces};

pub(super) fn check<D: Dialect>(dialect: &Arc<D>, input: &[u8]) {
    whole(&**dialect, input);
    let passed = pass(&**dialect, &[input]);
    for pieces in pieces::ways(input) {
        assert_eq!(pass(&**dialect, &pieces), passed);
    }
    same_usage(dialect, input, &passed);
}

fn whole<D: Dialect>(dialect: &D, input: &[u8]) {
    match (dialect.decode(input), dialect.tap_body(input)) {
        (Ok(reply), Ok(tap)) => {
            assert_eq!(tap.usage.unwrap_or_default(), reply.usage, "both ways cost the same");
            assert!(tap.finished);
        }
        (Err(error), Ok(_)) => {
            assert_eq!(error.kind(), ErrorKind::BadResponse, "no error passes for a reply")
        }
        (_, Err(error)) => super::is_the_providers(dialect, &error),
    }
}

/// What was read in passing.
#[derive(Debug, Default, PartialEq)]
struct Passed {
    frames: Vec<Named>,
    usage: Usage,
    said: u32,
    finished: bool,
    failed: Option<ErrorKind>,
}

enum Trouble {
    Frame,
    Said(ApiClientError),
}

impl From<FrameError> for Trouble {
    fn from(_: FrameError) -> Self {
        Self::Frame
    }
}

fn pass<D: Dialect>(dialect: &D, pieces: &[&[u8]]) -> Passed {
    let mut decoder = RawFrames::new(Limits::default());
    let mut state = D::Stream::default();
    let mut passed = Passed::default();
    for piece in pieces {
        let (_, read) = decoder.push(Bytes::copy_from_slice(piece), |frame| {
            if passed.finished {
                return Ok(Keep::Hidden);
            }
            passed.frames.push((frame.event.to_vec(), frame.data.to_vec()));
            let seen = dialect.tap_frame(&mut state, frame).map_err(Trouble::Said)?;
            passed.usage.update(seen.tap.usage.unwrap_or_default());
            passed.said += seen.tap.said;
            passed.finished |= seen.tap.finished;
            Ok(Keep::Hidden)
        });
        match read {
            Ok(()) => {}
            Err(Trouble::Frame) => {
                passed.failed = Some(ErrorKind::BadResponse);
                break;
            }
            Err(Trouble::Said(error)) => {
                super::is_the_providers(dialect, &error);
                passed.failed = Some(error.kind());
                break;
            }
        }
    }
    passed
}

/// Where both readers saw the same frames, whose names say what they are.
fn same_usage<D: Dialect>(dialect: &Arc<D>, input: &[u8], passed: &Passed) {
    let (events, read) = streams::read(dialect, Limits::default(), &[input]);
    if read.is_err() || !passed.finished || !passed.frames.iter().all(is_truthful) {
        return;
    }
    let mut usage = Usage::default();
    for event in &events {
        if let StreamEvent::Usage(later) = event {
            usage.update(*later);
        }
    }
    assert_eq!(passed.usage, usage, "both ways cost the same");
    let says =
        events.iter().any(|event| matches!(event, StreamEvent::Text { delta, .. } if !delta.is_empty()));
    assert!(passed.said > 0 || !says, "a first token is seen on both ways");
}

fn is_truthful((event, data): &Named) -> bool {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return data == b"[DONE]" };
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    event.is_empty() || event == kind.as_bytes()
}
