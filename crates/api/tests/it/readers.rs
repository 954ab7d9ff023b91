//! Small readers of both formats, as an SDK would put a stream together; they share nothing with what they read.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The frames of a stream: the event's name, if any, and its data. Comments are passed.
pub(crate) fn frames(bytes: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(bytes).expect("is text");
    assert!(text.is_empty() || text.ends_with("\n\n"), "every frame is whole");
    let frame = |frame: &str| {
        let (mut name, mut data) = (String::new(), None);
        for line in frame.lines() {
            match line.split_once(": ") {
                Some(("event", value)) => name = value.to_owned(),
                Some(("data", value)) => assert_eq!(data.replace(value.to_owned()), None),
                _ => assert!(line.starts_with(':'), "{line}"),
            }
        }
        data.map(|data| (name, data))
    };
    text.split("\n\n").filter(|text| !text.is_empty()).filter_map(frame).collect()
}

fn append(text: &mut Value, more: &Value) {
    let more = more.as_str().expect("is a text");
    *text = json!(format!("{}{more}", text.as_str().unwrap_or_default()));
}

/// What an OpenAI SDK makes of a stream: the completion that the chunks stand for.
pub(crate) fn completion(bytes: &[u8]) -> Value {
    let frames = frames(bytes);
    let (last, chunks) = frames.split_last().expect("is not empty");
    assert_eq!(last.1, "[DONE]");
    let mut message = json!({ "role": null, "content": null, "refusal": null });
    let (mut finish, mut usage, mut head) = (Value::Null, Value::Null, json!({}));
    let mut calls: BTreeMap<u64, Value> = BTreeMap::new();
    for (place, (_, data)) in chunks.iter().enumerate() {
        let chunk: Value = serde_json::from_str(data).expect("is JSON");
        assert_eq!(chunk["object"], "chat.completion.chunk");
        head = json!({ "id": chunk["id"], "model": chunk["model"], "created": chunk["created"] });
        if !chunk["usage"].is_null() {
            usage = chunk["usage"].clone();
            assert_eq!(chunk["choices"], json!([]));
            continue;
        }
        let choice = &chunk["choices"][0];
        assert_eq!(choice["delta"]["role"].is_null(), place > 0, "the role comes first and once");
        assert!(finish.is_null(), "nothing is said after the end");
        for (name, more) in choice["delta"].as_object().expect("is an object") {
            match name.as_str() {
                "role" => message["role"] = more.clone(),
                "tool_calls" => call(&mut calls, &more[0]),
                name => append(&mut message[name], more),
            }
        }
        finish = choice["finish_reason"].clone();
    }
    assert!(calls.keys().copied().eq(0..calls.len() as u64), "calls are numbered from zero");
    if !calls.is_empty() {
        message["tool_calls"] = calls.into_values().collect();
    }
    json!({ "head": head, "message": message, "finish": finish, "usage": usage })
}

fn call(calls: &mut BTreeMap<u64, Value>, delta: &Value) {
    let index = delta["index"].as_u64().expect("is a number");
    assert!(calls.keys().all(|other| *other <= index), "an SDK takes a call to be over when the next begins");
    let call = calls.entry(index).or_insert_with(|| json!({}));
    for name in ["id", "type"] {
        if let Some(value) = delta.get(name) {
            assert!(call.get(name).is_none(), "`{name}` comes once");
            call[name] = value.clone();
        }
    }
    for (name, more) in delta["function"].as_object().expect("is an object") {
        append(&mut call["function"][name], more);
    }
}

/// What Anthropic's SDK makes of a stream: the message that the events stand for.
pub(crate) fn message(bytes: &[u8]) -> Value {
    let (mut message, mut open, mut input, mut over) = (Value::Null, false, String::new(), false);
    for (name, data) in frames(bytes) {
        let event: Value = serde_json::from_str(&data).expect("is JSON");
        assert_eq!(event["type"], name);
        assert!(!over, "nothing follows the stop");
        assert_eq!(message.is_null(), name == "message_start", "the start comes first");
        let index = event["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        let count = message["content"].as_array().map_or(0, Vec::len);
        match name.as_str() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                assert_eq!((index, open), (Some(count), false), "blocks follow each other");
                message["content"].as_array_mut().expect("is a list").push(event["content_block"].clone());
                (open, input) = (true, String::new());
            }
            "content_block_delta" => {
                assert_eq!((index, open), (Some(count - 1), true), "only the open block grows");
                grow(&mut message["content"][count - 1], &event["delta"], &mut input);
            }
            "content_block_stop" => {
                assert_eq!((index, open), (Some(count - 1), true));
                let block = &mut message["content"][count - 1];
                if block["type"] == "tool_use" {
                    block["input"] = read_input(&input);
                }
                open = false;
            }
            "message_delta" => {
                assert!(!open);
                message["stop_reason"] = event["delta"]["stop_reason"].clone();
                message["stop_sequence"] = event["delta"]["stop_sequence"].clone();
                message["usage"] = event["usage"].clone();
            }
            "message_stop" => over = true,
            "ping" => {}
            other => unreachable!("`{other}` is no event"),
        }
    }
    assert!(over, "the stop comes last");
    message
}

fn grow(block: &mut Value, delta: &Value, input: &mut String) {
    match (delta["type"].as_str().expect("has a type"), block["type"].as_str().expect("has a type")) {
        ("text_delta", "text") => append(&mut block["text"], &delta["text"]),
        ("thinking_delta", "thinking") => append(&mut block["thinking"], &delta["thinking"]),
        // The SDKs replace a signature.
        ("signature_delta", "thinking") => block["signature"] = delta["signature"].clone(),
        ("input_json_delta", "tool_use") => {
            input.push_str(delta["partial_json"].as_str().expect("is a text"))
        }
        other => unreachable!("{other:?} do not fit"),
    }
}

fn read_input(input: &str) -> Value {
    match serde_json::from_str(input) {
        _ if input.trim().is_empty() => json!({}),
        Ok(Value::Object(object)) => Value::Object(object),
        _ => json!({ "_unreadable_arguments": input }),
    }
}
