//! Bytes cut into frames.

use codeflow_providers::{
    EventStreamDecoder, Frame, FrameError, Keep, Limits, NdjsonDecoder, RawFrames, SseDecoder,
};

use crate::support::{event_stream_frame, event_stream_message};

fn sse(bytes: &[u8]) -> Vec<Frame> {
    let mut out = Vec::new();
    SseDecoder::new(Limits::default()).push(bytes, &mut out).expect("fits");
    out
}

fn frame(event: Option<&str>, data: &str) -> Frame {
    Frame { event: event.map(Into::into), data: data.into(), is_error: false }
}

const SMALL: Limits = Limits { line: 16, frame: 24 };

#[test]
fn comments_other_fields_and_events_without_data_are_skipped() {
    let bytes = b": hi\n\nevent: ping\n\nid: 3\nretry: 9\nevent: x\ndata: 1\n\ndata: 2\n\n";

    assert_eq!(sse(bytes), [frame(Some("x"), "1"), frame(None, "2")]);
}

#[test]
fn lines_of_one_event_are_joined_and_lose_one_space() {
    assert_eq!(sse(b"data:a\ndata:  b\ndata\n\n"), [frame(None, "a\n b\n")]);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    assert_eq!(sse("\u{feff}data: a\n\n".as_bytes()), [frame(None, "a")]);
}

#[test]
fn only_one_byte_order_mark_opens_a_stream() {
    assert_eq!(sse("\u{feff}\u{feff}data: a\n\ndata: b\n\n".as_bytes()), [frame(None, "b")]);
}

/// The names and data of events that are handed on.
fn raw(bytes: &str) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let (kept, read) = RawFrames::new(Limits::default()).push(bytes.to_owned().into(), |frame| {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("is UTF-8");
        seen.push((text(frame.event), text(frame.data)));
        Ok::<_, FrameError>(Keep::Shown)
    });
    read.expect("fits");
    assert_eq!(kept, bytes);
    seen
}

#[test]
fn what_is_handed_on_is_seen_behind_a_byte_order_mark() {
    let event = |data: &str| (String::new(), data.to_owned());

    assert_eq!(raw("\u{feff}data: a\n\ndata: b\n\n"), [event("a"), event("b")]);
    assert_eq!(raw("data: a\n\n\u{feff}data: b\n\n"), [event("a")]);
}

#[test]
fn what_is_handed_on_may_have_fields_without_a_value() {
    assert_eq!(raw("event: x\nevent\ndata\ndata: a\n\n"), [(String::new(), "\na".to_owned())]);
}

#[test]
fn an_event_that_is_not_closed_is_lost() {
    assert_eq!(sse(b"data: a\n\ndata: b\n"), [frame(None, "a")]);
}

#[test]
fn every_single_byte_may_come_alone() {
    for text in ["data: é🌍\r\n\r\ndata: 2\r\rdata: 3\n\n", "data: é🌍\n\ndata: 2\n\ndata: 3\n\n"] {
        let (mut decoder, mut out) = (SseDecoder::new(Limits::default()), Vec::new());
        for byte in text.as_bytes() {
            decoder.push(&[*byte], &mut out).expect("fits");
        }
        assert_eq!(out, [frame(None, "é🌍"), frame(None, "2"), frame(None, "3")]);
    }
}

#[test]
fn a_line_end_of_two_bytes_closes_one_line_even_when_it_is_split() {
    let text = b"event: x\r\ndata: 1\r\ndata: 2\r\n\r\n";
    for cut in 0..text.len() {
        let (mut decoder, mut out) = (SseDecoder::new(Limits::default()), Vec::new());
        decoder.push(&text[..cut], &mut out).expect("fits");
        decoder.push(&text[cut..], &mut out).expect("fits");

        assert_eq!(out, [frame(Some("x"), "1\n2")], "cut at {cut}");
    }
}

#[test]
fn what_came_before_an_error_is_kept() {
    let (mut decoder, mut out) = (SseDecoder::new(Limits::default()), Vec::new());

    let error = decoder.push(b"data: a\n\ndata: \xff\n\n", &mut out).expect_err("is not UTF-8");

    assert_eq!((error, out), (FrameError::NotUtf8, vec![frame(None, "a")]));
}

#[test]
fn lines_and_events_have_a_bound() {
    let mut out = Vec::new();
    let long = SseDecoder::new(SMALL).push(b"data: 0123456789abcdef", &mut out);
    assert_eq!(long, Err(FrameError::LongLine(16)));
    let whole = SseDecoder::new(SMALL).push(b"data: 0123456789abcdef\n", &mut out);
    assert_eq!(whole, Err(FrameError::LongLine(16)));
    let mut pieces = SseDecoder::new(SMALL);
    pieces.push(b"data: 01234567", &mut out).expect("fits");
    assert_eq!(pieces.push(b"89abcdef", &mut out), Err(FrameError::LongLine(16)));
    let large = SseDecoder::new(SMALL).push("data: 01234567\n".repeat(4).as_bytes(), &mut out);
    assert_eq!(large, Err(FrameError::LargeFrame(24)));
    assert!(out.is_empty());
}

#[test]
fn json_lines_may_be_split_and_need_no_last_line_end() {
    let (mut decoder, mut out) = (NdjsonDecoder::new(Limits::default()), Vec::new());
    for piece in [&b"{\"a\":\"\xc3"[..], b"\xa9\"}\r", b"\n\n  \n{\"b\"", b":2}"] {
        decoder.push(piece, &mut out).expect("fits");
    }
    decoder.finish(&mut out).expect("is UTF-8");
    decoder.finish(&mut out).expect("is over");

    assert_eq!(out, [frame(None, "{\"a\":\"é\"}"), frame(None, "{\"b\":2}")]);
}

#[test]
fn json_lines_have_a_bound() {
    let mut out = Vec::new();

    let error = NdjsonDecoder::new(SMALL).push(&[b'1'; 17], &mut out);

    assert_eq!(error, Err(FrameError::LongLine(16)));
}

fn binary(bytes: &[u8]) -> (Vec<Frame>, Result<(), FrameError>) {
    let (mut decoder, mut out) = (EventStreamDecoder::new(Limits::default()), Vec::new());
    let read = decoder.push(bytes, &mut out);
    (out, read)
}

#[test]
fn binary_frames_say_what_they_are() {
    let ping = event_stream_message(&[(":message-type", "ping")], b"");
    let error = [(":message-type", "error"), (":error-code", "Bad"), (":error-message", "no")];
    let bytes = [
        event_stream_frame("a", "é".as_bytes()),
        ping,
        event_stream_frame("!b", b"{}"),
        event_stream_message(&error, b"ignored"),
    ]
    .concat();

    let (frames, read) = binary(&bytes);

    read.expect("is whole");
    let wrong = |event, data| Frame { is_error: true, ..frame(Some(event), data) };
    assert_eq!(frames, [frame(Some("a"), "é"), wrong("b", "{}"), wrong("Bad", "no")]);
}

#[test]
fn every_byte_of_a_binary_frame_may_come_alone() {
    let bytes = [event_stream_frame("a", b"1"), event_stream_frame("b", b"2")].concat();
    let (mut decoder, mut out) = (EventStreamDecoder::new(Limits::default()), Vec::new());

    for byte in bytes {
        decoder.push(&[byte], &mut out).expect("fits");
    }

    assert_eq!(out, [frame(Some("a"), "1"), frame(Some("b"), "2")]);
}

#[test]
fn no_bit_of_a_binary_frame_may_change() {
    let good = event_stream_frame("a", b"some words");
    let before = event_stream_frame("first", b"1");
    for at in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[at / 8] ^= 1 << (at % 8);

        let (frames, read) = binary(&[&before[..], &bad].concat());

        // A length that grew makes the decoder wait for more; the stream then ends too early.
        assert_eq!(frames, [frame(Some("first"), "1")], "bit {at}");
        let grew = u32::from_be_bytes([bad[0], bad[1], bad[2], bad[3]]) as usize > good.len();
        assert!(read.is_err() || grew, "bit {at}");
    }
}

#[test]
fn binary_frames_have_a_bound_that_holds_before_they_come() {
    let mut decoder = EventStreamDecoder::new(Limits { frame: 64, ..Limits::default() });
    let mut out = Vec::new();
    assert_eq!(decoder.push(&65_u32.to_be_bytes(), &mut out), Err(FrameError::LargeFrame(64)));
    for length in [0_u32, 4, 15] {
        let read = EventStreamDecoder::new(Limits::default()).push(&length.to_be_bytes(), &mut out);
        assert_eq!(read, Err(FrameError::BrokenFrame));
    }
    let text = EventStreamDecoder::new(Limits::default()).push(&event_stream_frame("a", b"\xff"), &mut out);
    assert_eq!((text, out.len()), (Err(FrameError::NotUtf8), 0));
}
