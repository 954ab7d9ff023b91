//! Streamed replies: whatever comes in whatever order, a client puts together what the whole reply would have said.

use codeflow_api::{Failure, ReplyStream, Stamp, encode_chat};
use codeflow_core::Timestamp;
use codeflow_model::WireFormat::{ChatCompletions, Messages};
use codeflow_model::{
    ApiClientError, ChatResponse, ErrorKind, FinishReason, Fold, StreamEvent, ThinkingDelta, Usage,
    WireFormat,
};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};
use serde_json::{Value, json};

use crate::readers::{completion, frames, message};

pub(crate) fn stamp() -> Stamp {
    let created = Timestamp::from_micros(1_700_000_000_900_000);
    Stamp { id: "made-up".into(), model: "asked-for".into(), created }
}

fn started() -> StreamEvent {
    StreamEvent::Started { id: "r1".into(), model: "m".into(), provider: "p".into() }
}

fn text(index: usize, delta: &str) -> StreamEvent {
    StreamEvent::Text { index, delta: delta.into() }
}

fn thought(index: usize, delta: &str) -> StreamEvent {
    StreamEvent::Thinking { index, delta: ThinkingDelta::Text(delta.into()) }
}

fn signature(index: usize, delta: &str) -> StreamEvent {
    StreamEvent::Thinking { index, delta: ThinkingDelta::Signature(delta.into()) }
}

fn redacted(index: usize, delta: &str) -> StreamEvent {
    StreamEvent::Thinking { index, delta: ThinkingDelta::Redacted(delta.into()) }
}

fn call(index: usize, arguments: &str) -> StreamEvent {
    let (id, name) = (Some(format!("c{index}")), Some(format!("tool{index}")));
    StreamEvent::ToolCall { index, id, name, arguments: arguments.into() }
}

fn more(index: usize, arguments: &str) -> StreamEvent {
    StreamEvent::ToolCall { index, id: None, name: None, arguments: arguments.into() }
}

fn usage() -> StreamEvent {
    let (input, output) = (Some(100), Some(20));
    let (cache_read, cache_write, reasoning) = (Some(30), Some(10), Some(5));
    StreamEvent::Usage(Usage { input, output, cache_read, cache_write, reasoning, cache_write_1h: None })
}

fn stop() -> StreamEvent {
    StreamEvent::Finished(FinishReason::Stop)
}

fn write(format: WireFormat, events: &[StreamEvent]) -> Vec<u8> {
    let mut stream = ReplyStream::new(format, stamp(), true);
    let mut out = Vec::new();
    for event in events {
        stream.push(event, &mut out).expect("fits");
    }
    out
}

fn fold(events: &[StreamEvent]) -> ChatResponse {
    let mut fold = Fold::default();
    for event in events {
        fold.push(event.clone()).expect("fits");
    }
    fold.finish().expect("is complete")
}

fn whole(format: WireFormat, events: &[StreamEvent]) -> Value {
    serde_json::from_slice(&encode_chat(format, &fold(events), &stamp())).expect("is JSON")
}

#[test]
fn a_chat_completion_is_streamed_as_openai_does_it() {
    let events = [started(), thought(0, "hm"), text(1, "Hi"), call(2, ""), more(2, "{}"), usage(), stop()];

    let out = String::from_utf8(write(ChatCompletions, &events)).expect("is text");

    let chunk = |delta: &str, finish: &str| {
        format!(
            r#"data: {{"id":"r1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{finish}}}],"usage":null}}"#
        )
    };
    let expected = [
        chunk(r#"{"role":"assistant","content":""}"#, "null"),
        chunk(r#"{"reasoning_content":"hm"}"#, "null"),
        chunk(r#"{"content":"Hi"}"#, "null"),
        chunk(r#"{"tool_calls":[{"index":0,"id":"c2","type":"function","function":{"name":"tool2","arguments":""}}]}"#, "null"),
        chunk(r#"{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}"#, "null"),
        chunk("{}", r#""stop""#),
        r#"data: {"id":"r1","object":"chat.completion.chunk","created":1700000000,"model":"m","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":30,"cache_write_tokens":10},"completion_tokens_details":{"reasoning_tokens":5}}}"#.to_owned(),
        "data: [DONE]".to_owned(),
    ];
    assert_eq!(out.trim_end().split("\n\n").collect::<Vec<_>>(), expected);
}

#[test]
fn usage_is_told_only_to_those_who_asked() {
    let mut stream = ReplyStream::new(ChatCompletions, stamp(), false);
    let mut out = Vec::new();
    for event in [started(), text(0, "a"), usage(), stop()] {
        stream.push(&event, &mut out).expect("fits");
    }

    assert!(frames(&out).iter().all(|(_, data)| !data.contains("usage")));
    let unknown = write(ChatCompletions, &[started(), text(0, "a"), stop()]);
    assert_eq!(completion(&unknown)["usage"], Value::Null, "unknown is not zero");
}

#[test]
fn a_message_is_streamed_as_anthropic_does_it() {
    let early = StreamEvent::Usage(Usage { input: Some(40), cache_read: Some(30), ..Usage::default() });
    let events = [
        started(),
        early,
        thought(0, "hm"),
        signature(0, "si"),
        signature(0, "g"),
        redacted(1, "x"),
        text(2, "Hi"),
        text(2, "!"),
        call(3, ""),
        more(3, "{\"a\":"),
        more(3, "1}"),
        usage(),
        stop(),
    ];

    let out = frames(&write(Messages, &events));

    let data: Vec<Value> = out.iter().map(|(_, data)| serde_json::from_str(data).expect("is JSON")).collect();
    let start = |index: usize, block: Value| json!({ "type": "content_block_start", "index": index, "content_block": block });
    let delta =
        |index: usize, delta: Value| json!({ "type": "content_block_delta", "index": index, "delta": delta });
    let end = |index: usize| json!({ "type": "content_block_stop", "index": index });
    assert_eq!(
        data,
        [
            json!({ "type": "message_start", "message": { "id": "r1", "type": "message", "role": "assistant",
                "model": "m", "content": [], "stop_reason": null, "stop_sequence": null, "usage": {
                    "input_tokens": 10, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 30,
                    "output_tokens": 0 } } }),
            start(0, json!({ "type": "thinking", "thinking": "", "signature": "" })),
            delta(0, json!({ "type": "thinking_delta", "thinking": "hm" })),
            delta(0, json!({ "type": "signature_delta", "signature": "codeflow:1:p:sig" })),
            end(0),
            start(1, json!({ "type": "redacted_thinking", "data": "codeflow:1:p:x" })),
            end(1),
            start(2, json!({ "type": "text", "text": "" })),
            delta(2, json!({ "type": "text_delta", "text": "Hi" })),
            delta(2, json!({ "type": "text_delta", "text": "!" })),
            end(2),
            start(3, json!({ "type": "tool_use", "id": "c3", "name": "tool3", "input": {} })),
            delta(3, json!({ "type": "input_json_delta", "partial_json": "{\"a\":" })),
            delta(3, json!({ "type": "input_json_delta", "partial_json": "1}" })),
            end(3),
            json!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
                "usage": { "input_tokens": 60, "cache_creation_input_tokens": 10,
                    "cache_read_input_tokens": 30, "output_tokens": 20 } }),
            json!({ "type": "message_stop" }),
        ]
    );
}

#[test]
fn calls_that_grow_side_by_side_are_shown_one_after_another() {
    let events = [
        started(),
        call(0, ""),
        call(1, ""),
        more(1, "{\"b\":"),
        more(0, "{\"a\":\"}"),
        text(2, "by the way"),
        more(0, "\"}"),
        more(1, "2}"),
        stop(),
    ];

    let said = message(&write(Messages, &events));

    let call = |id: usize, input: Value| json!({ "type": "tool_use", "id": format!("c{id}"), "name": format!("tool{id}"), "input": input });
    let text = json!({ "type": "text", "text": "by the way" });
    let completion = completion(&write(ChatCompletions, &events));
    assert_eq!(completion["message"], whole(ChatCompletions, &events)["choices"][0]["message"]);
    assert_eq!(said["content"], json!([call(0, json!({ "a": "}" })), call(1, json!({ "b": 2 })), text]));
}

#[test]
fn a_call_is_shown_as_it_grows_and_the_next_one_as_soon_as_it_is_complete() {
    let mut stream = ReplyStream::new(Messages, stamp(), true);
    let mut seen = |event: StreamEvent| {
        let mut out = Vec::new();
        stream.push(&event, &mut out).expect("fits");
        frames(&out).into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    let (start, delta, end) = ("content_block_start", "content_block_delta", "content_block_stop");

    assert_eq!(seen(call(0, "{")), ["message_start", start, delta]);
    assert_eq!(seen(call(1, "{}")), [""; 0]);
    assert_eq!(seen(more(0, "}")), [delta, end, start, delta]);
    assert_eq!(seen(more(0, " \n")), [""; 0]);
    assert_eq!(seen(text(2, "a")), [end, start, delta]);
    assert_eq!(seen(stop()), [end, "message_delta", "message_stop"]);
    assert_eq!(seen(text(3, "late")), [""; 0]);
}

#[test]
fn a_call_whose_name_comes_late_begins_with_its_name() {
    let half = StreamEvent::ToolCall { index: 0, id: Some("c0".into()), name: None, arguments: "{".into() };
    let rest =
        StreamEvent::ToolCall { index: 0, id: None, name: Some("tool0".into()), arguments: "}".into() };
    let events = [started(), half, rest, stop()];

    assert_eq!(message(&write(Messages, &events))["content"], whole(Messages, &events)["content"]);
    assert_eq!(
        completion(&write(ChatCompletions, &events))["message"]["tool_calls"][0]["function"]["name"],
        "tool0"
    );
}

#[test]
fn a_piece_that_does_not_fit_is_an_error() {
    for events in [
        vec![text(0, "a"), call(0, "{}")],
        vec![call(0, "{}"), text(1, "a"), more(0, "{}")],
        vec![call(0, "{"), text(1, "a"), thought(1, "b")],
        vec![redacted(0, "a"), signature(0, "b")],
    ] {
        let mut stream = ReplyStream::new(Messages, stamp(), true);
        let (last, before) = events.split_last().expect("is not empty");
        for event in before {
            stream.push(event, &mut Vec::new()).expect("fits");
        }

        let error = stream.push(last, &mut Vec::new()).expect_err("does not fit");

        assert_eq!(error.kind(), ErrorKind::BadResponse);
    }
}

#[test]
fn a_reply_that_breaks_ends_in_an_error_and_nothing_else() {
    let failure = Failure::from(&ApiClientError::new(ErrorKind::ProviderConnection, "10.0.0.7 is away"));
    for (format, name, body) in [
        (
            ChatCompletions,
            "",
            json!({ "error": { "message": "the provider could not be reached",
            "type": "server_error", "param": null, "code": "model.connection" } }),
        ),
        (
            Messages,
            "error",
            json!({ "type": "error", "request_id": "req_1",
            "error": { "type": "api_error", "message": "the provider could not be reached" } }),
        ),
    ] {
        let mut stream = ReplyStream::new(format, stamp(), true);
        let mut out = Vec::new();
        stream.push(&started(), &mut out).expect("fits");
        stream.push(&text(0, "a"), &mut out).expect("fits");

        stream.fail(&failure, "req_1", &mut out);
        stream.push(&text(0, "b"), &mut out).expect("is over");
        stream.push(&stop(), &mut out).expect("is over");
        stream.keep_alive(&mut out);
        stream.fail(&failure, "req_1", &mut out);

        let frames = frames(&out);
        let last = frames.last().expect("is not empty");
        assert_eq!((last.0.as_str(), serde_json::from_str(&last.1).ok()), (name, Some(body)));
        let words: Vec<_> =
            frames.iter().filter(|(_, data)| data.contains("DONE") || data.contains("stop\"")).collect();
        assert!(words.iter().all(|(_, data)| !data.contains("[DONE]") && !data.contains("message_stop")));
        assert_eq!(frames.iter().filter(|(_, data)| data.contains("\"error\"")).count(), 1);
    }
}

#[test]
fn a_quiet_stream_shows_that_it_lives() {
    let with_pings = |format| {
        let mut stream = ReplyStream::new(format, stamp(), true);
        let mut out = Vec::new();
        stream.keep_alive(&mut out);
        for event in [started(), text(0, "a"), stop()] {
            stream.push(&event, &mut out).expect("fits");
            stream.keep_alive(&mut out);
        }
        out
    };

    assert_eq!(completion(&with_pings(ChatCompletions))["message"]["content"], "a");
    assert!(String::from_utf8(with_pings(ChatCompletions)).expect("is text").contains(": keep-alive\n\n"));
    let said = message(&with_pings(Messages));
    assert_eq!(
        (&said["id"], &said["model"], &said["content"][0]["text"]),
        (&json!("r1"), &json!("m"), &json!("a"))
    );
    assert!(String::from_utf8(with_pings(Messages)).expect("is text").contains("event: ping\n"));
}

/// What part of a reply may be, with the pieces that it comes in.
#[derive(Clone, Debug)]
enum Piece {
    Text(Vec<String>),
    Thought(Vec<String>, Vec<String>),
    Redacted(Vec<String>),
    Call(Vec<String>),
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-z\"\\\\\né敏]{1,4}", 1..4)
}

/// Arguments, most of them an object, cut anywhere.
fn arguments() -> impl Strategy<Value = Vec<String>> {
    let object = prop::collection::btree_map("[a-z]{1,3}", "[a-z{}\"\\\\\\[\\]é]{0,5}", 0..3)
        .prop_map(|map| json!(map).to_string());
    let text = prop_oneof![8 => object, 1 => Just(String::new()), 1 => "[\\[{]?[a-z\"]{0,4}"];
    (text, any::<prop::sample::Index>()).prop_map(|(text, at)| {
        let cut = at.index(text.chars().count() + 1);
        let (head, tail): (String, String) =
            (text.chars().take(cut).collect(), text.chars().skip(cut).collect());
        vec![head, tail]
    })
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        words().prop_map(Piece::Text),
        (words(), prop::collection::vec("[a-z]{1,3}", 0..3))
            .prop_map(|(text, sig)| Piece::Thought(text, sig)),
        words().prop_map(Piece::Redacted),
        arguments().prop_map(Piece::Call),
    ]
}

fn events_of(index: usize, piece: &Piece) -> Vec<StreamEvent> {
    match piece {
        Piece::Text(texts) => texts.iter().map(|delta| text(index, delta)).collect(),
        Piece::Thought(texts, signatures) => texts
            .iter()
            .map(|delta| thought(index, delta))
            .chain(signatures.iter().map(|delta| signature(index, delta)))
            .collect(),
        Piece::Redacted(data) => data.iter().map(|delta| redacted(index, delta)).collect(),
        Piece::Call(texts) => {
            std::iter::once(call(index, "")).chain(texts.iter().map(|delta| more(index, delta))).collect()
        }
    }
}

fn reason() -> impl Strategy<Value = FinishReason> {
    prop_oneof![
        Just(FinishReason::Stop),
        Just(FinishReason::StopSequence("END".into())),
        Just(FinishReason::Length),
        Just(FinishReason::ToolCalls),
        Just(FinishReason::ContentFilter),
        Just(FinishReason::Other("pause_turn".into())),
    ]
}

fn finished(mut events: Vec<StreamEvent>, reason: FinishReason) -> Vec<StreamEvent> {
    events.insert(0, started());
    events.extend([usage(), StreamEvent::Finished(reason)]);
    events
}

/// Everything of one kind in a message, in order; calls by their ids, for they may change places.
fn by_kind(message: &Value) -> (String, String, Vec<Value>) {
    let blocks = message["content"].as_array().expect("is a list");
    let all = |field: &str| blocks.iter().filter_map(|block| block[field].as_str()).collect::<String>();
    let mut calls: Vec<Value> = blocks.iter().filter(|block| block["type"] == "tool_use").cloned().collect();
    calls.sort_by_key(|call| call["id"].to_string());
    (all("text"), all("thinking"), calls)
}

proptest! {
    #[test]
    fn parts_that_follow_each_other_arrive_as_in_the_whole_reply(
        pieces in prop::collection::vec(piece(), 0..5),
        reason in reason(),
    ) {
        let events = pieces.iter().enumerate().flat_map(|(index, piece)| events_of(index, piece)).collect();
        let events = finished(events, reason);

        prop_assert_eq!(message(&write(Messages, &events)), whole(Messages, &events));
        same_completion(&events)?;
    }

    #[test]
    fn parts_that_grow_side_by_side_lose_nothing(
        pieces in prop::collection::vec(piece(), 0..5),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
        reason in reason(),
    ) {
        let mut queues: Vec<_> = pieces
            .iter()
            .enumerate()
            .map(|(index, piece)| events_of(index, piece).into_iter())
            .collect();
        let mut events = Vec::new();
        for at in order {
            if !queues.is_empty() {
                let at = at.index(queues.len());
                match queues[at].next() {
                    Some(event) => events.push(event),
                    None => drop(queues.remove(at)),
                }
            }
        }
        events.extend(queues.into_iter().flatten());
        let events = finished(events, reason);

        let (streamed, whole) = (message(&write(Messages, &events)), whole(Messages, &events));
        if pieces.iter().filter(|piece| matches!(piece, Piece::Text(_))).count() < 2
            && pieces.iter().filter(|piece| matches!(piece, Piece::Thought(..))).count() < 2
        {
            prop_assert_eq!(by_kind(&streamed), by_kind(&whole));
        }
        for field in ["id", "model", "stop_reason", "stop_sequence", "usage"] {
            prop_assert_eq!(&streamed[field], &whole[field]);
        }
    }
}

fn same_completion(events: &[StreamEvent]) -> Result<(), proptest::test_runner::TestCaseError> {
    let streamed = completion(&write(ChatCompletions, events));
    let mut whole = whole(ChatCompletions, events);
    let choice = &mut whole["choices"][0];
    if choice["message"]["content"].is_null() {
        choice["message"]["content"] = json!("");
    }
    prop_assert_eq!(&streamed["message"], &choice["message"]);
    prop_assert_eq!(&streamed["finish"], &choice["finish_reason"]);
    prop_assert_eq!(&streamed["usage"], &whole["usage"]);
    prop_assert_eq!(&streamed["head"]["id"], &whole["id"]);
    prop_assert_eq!(&streamed["head"]["created"], &whole["created"]);
    Ok(())
}
