//! Bytes cut into frames. A plain reading of the format, which sees all bytes at once, says what is right.

mod plain;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use codeflow_providers::{
    EventStreamDecoder, Frame, FrameError, Keep, Limits, NdjsonDecoder, RawFrames, SseDecoder,
};

use crate::pieces;

/// Limits that inputs of a fuzzer reach.
const SMALL: Limits = Limits { line: 48, frame: 96 };

type Read = (Vec<Frame>, Result<(), FrameError>);

pub(crate) fn sse(input: &[u8]) {
    same_in_pieces(input, read_sse);
    let (frames, read) = read_sse(Limits::default(), &[input]);
    match plain::sse(input) {
        Some(expected) => assert_eq!((frames, read), (expected, Ok(()))),
        // A line that has not ended yet is not looked at.
        None => assert!(matches!(read, Ok(()) | Err(FrameError::NotUtf8))),
    }
}

pub(crate) fn ndjson(input: &[u8]) {
    let read = |limits, pieces: &[&[u8]]| {
        let (mut decoder, mut out) = (NdjsonDecoder::new(limits), Vec::new());
        let read = pieces.iter().try_for_each(|piece| decoder.push(piece, &mut out));
        let read = read.and_then(|()| decoder.finish(&mut out));
        (out, read)
    };
    same_in_pieces(input, read);
    let (frames, read) = read(Limits::default(), &[input]);
    match plain::ndjson(input) {
        Some(expected) => assert_eq!((frames, read), (expected, Ok(()))),
        None => assert_eq!(read, Err(FrameError::NotUtf8)),
    }
}

pub(crate) fn event_stream(input: &[u8]) {
    let read = |limits, pieces: &[&[u8]]| {
        let (mut decoder, mut out) = (EventStreamDecoder::new(limits), Vec::new());
        let read = pieces.iter().try_for_each(|piece| decoder.push(piece, &mut out));
        (out, read)
    };
    same_in_pieces(input, read);
    let expected = frames_of(input);
    let binary = binary(&expected);
    same_in_pieces(&binary, read);
    assert_eq!(read(Limits::default(), &[&binary]), (expected, Ok(())), "what was framed comes back");
}

pub(crate) fn raw_frames(input: &[u8]) {
    let whole = read_raw(Limits::default(), &[input]);
    assert!(input.starts_with(&whole.kept), "what is handed on is what came");
    assert_eq!(whole.read, Ok(()), "less than the limit is held");
    for pieces in pieces::ways(input) {
        let cut = read_raw(Limits::default(), &pieces);
        assert_eq!(cut.frames, whole.frames);
        assert!(input.starts_with(&cut.kept));
        // An LF that ends a chunk's last line is handed on with what follows.
        assert!(cut.kept.len().abs_diff(whole.kept.len()) <= 1, "{} {}", cut.kept.len(), whole.kept.len());
        assert!(input.starts_with(&read_raw(SMALL, &pieces).kept));
    }
    if let Some(expected) = plain::sse(input) {
        let expected: Vec<_> = expected.into_iter().map(named).collect();
        assert_eq!(whole.frames, expected, "both readers of events see the same");
    }
}

/// Every rule of a decoder that does not depend on its format.
fn same_in_pieces(input: &[u8], read: impl Fn(Limits, &[&[u8]]) -> Read) {
    for limits in [Limits::default(), SMALL] {
        let whole = read(limits, &[input]);
        let held = |frame: &Frame| frame.data.len() + frame.event.as_ref().map_or(0, String::len);
        assert!(whole.0.iter().all(|frame| held(frame) <= limits.frame + limits.line), "bounds hold");
        assert!(whole.0.iter().map(held).sum::<usize>() <= input.len(), "nothing is made up");
        for pieces in pieces::ways(input) {
            assert_eq!(read(limits, &pieces), whole, "{pieces:?}");
        }
    }
}

fn read_sse(limits: Limits, pieces: &[&[u8]]) -> Read {
    let (mut decoder, mut out) = (SseDecoder::new(limits), Vec::new());
    let read = pieces.iter().try_for_each(|piece| decoder.push(piece, &mut out));
    (out, read)
}

/// An event's name and data, as bytes.
pub(crate) type Named = (Vec<u8>, Vec<u8>);

pub(crate) fn named(frame: Frame) -> Named {
    (frame.event.unwrap_or_default().into_bytes(), frame.data.into_bytes())
}

struct Raw {
    frames: Vec<Named>,
    kept: Vec<u8>,
    read: Result<(), FrameError>,
}

fn read_raw(limits: Limits, pieces: &[&[u8]]) -> Raw {
    let mut decoder = RawFrames::new(limits);
    let mut raw = Raw { frames: Vec::new(), kept: Vec::new(), read: Ok(()) };
    for piece in pieces {
        let (kept, read) = decoder.push(Bytes::copy_from_slice(piece), |frame| {
            raw.frames.push((frame.event.to_vec(), frame.data.to_vec()));
            Ok(Keep::Shown)
        });
        raw.kept.extend_from_slice(&kept);
        raw.read = read;
        if raw.read.is_err() {
            break;
        }
    }
    raw
}

/// Frames as a text spells them: one a line, its kind before a colon; an exclamation mark makes it an exception.
pub(crate) fn frames_of(text: &[u8]) -> Vec<Frame> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .filter(|(kind, _)| kind.len() <= usize::from(u8::MAX))
        .map(|(kind, data)| {
            let (is_error, kind) = kind.strip_prefix('!').map_or((false, kind), |kind| (true, kind));
            Frame { event: Some(kind.to_owned()), data: data.to_owned(), is_error }
        })
        .collect()
}

/// The frames as they travel.
pub(crate) fn binary(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    for frame in frames {
        let (kind, name) = match frame.is_error {
            true => ("exception", ":exception-type"),
            false => ("event", ":event-type"),
        };
        let header =
            |name: &'static str, value: &str| Header::new(name, HeaderValue::String(value.to_owned().into()));
        let message = Message::new(frame.data.clone().into_bytes())
            .add_header(header(":message-type", kind))
            .add_header(header(name, frame.event.as_deref().unwrap_or_default()));
        write_message_to(&message, &mut out).expect("short names and short data fit into a frame");
    }
    out
}
