//! Bodies that nobody meant well: whatever stands where, a body is read or refused by name, and never stumbled over.

use codeflow_api::{Embeddings, ErrorKind, Failure, Sketch, decode_chat};
use codeflow_model::WireFormat::{self, ChatCompletions, Messages};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, proptest};
use serde_json::{Value, json};

fn openai() -> Value {
    json!({
        "model": "m", "stream": true, "stream_options": { "include_usage": true }, "stop": ["a"], "n": 1,
        "max_completion_tokens": 5, "temperature": 0.5, "metadata": { "k": "v" }, "tool_choice": "auto",
        "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": {}, "strict": true } },
        "tools": [{ "type": "function", "function": { "name": "f", "parameters": { "type": "object" } } }],
        "messages": [
            { "role": "system", "content": "s" },
            { "role": "user", "content": [{ "type": "text", "text": "t" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==", "detail": "low" } }] },
            { "role": "assistant", "content": null, "tool_calls": [
                { "id": "c", "type": "function", "function": { "name": "f", "arguments": "{}" } }] },
            { "role": "tool", "tool_call_id": "c", "content": "r" },
        ],
    })
}

fn anthropic() -> Value {
    json!({
        "model": "m", "max_tokens": 5, "stream": true, "system": [{ "type": "text", "text": "s" }],
        "thinking": { "type": "enabled", "budget_tokens": 2000 }, "metadata": { "user_id": "u" },
        "output_config": { "effort": "low", "format": { "type": "json_schema", "schema": {} } },
        "tools": [{ "name": "f", "input_schema": { "type": "object" } }], "stop_sequences": ["a"],
        "tool_choice": { "type": "auto", "disable_parallel_tool_use": true },
        "messages": [
            { "role": "user", "content": [{ "type": "text", "text": "t" },
                { "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AA==" } }] },
            { "role": "assistant", "content": [
                { "type": "thinking", "thinking": "h", "signature": "codeflow:3:own:sig" },
                { "type": "redacted_thinking", "data": "codeflow:99:x" },
                { "type": "tool_use", "id": "c", "name": "f", "input": { "_unreadable_arguments": "{" } }] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "c", "content": [{ "type": "text", "text": "r" }] }] },
        ],
    })
}

/// Every value within this one, the deepest last.
fn places(value: &Value, at: &str, out: &mut Vec<String>) {
    out.push(at.to_owned());
    match value {
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{at}/{index}"), out));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| places(field, &format!("{at}/{name}"), out));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn strange() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        Just(json!([null])),
        Just(json!([[{}]])),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec![
            "text",
            "tool",
            "function",
            "data:",
            "codeflow:",
            "image",
            "high",
            "http://",
            ":"
        ])
        .prop_map(Value::from),
    ]
}

/// Where JSON pointers and our paths say the same.
fn path_of(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1) {
        match step.parse::<usize>() {
            Ok(index) => path.push_str(&format!("[{index}]")),
            Err(_) if path.is_empty() => path.push_str(step),
            Err(_) => path.push_str(&format!(".{step}")),
        }
    }
    path
}

fn both() -> impl Strategy<Value = (WireFormat, Value)> {
    prop_oneof![Just((ChatCompletions, openai())), Just((Messages, anthropic()))]
}

#[test]
fn the_bodies_that_are_spoilt_here_are_fine_before() {
    for (format, body) in [(ChatCompletions, openai()), (Messages, anthropic())] {
        let decoded = decode_chat(format, body.to_string().as_bytes()).expect("is fine");
        assert_eq!(decoded.dropped, [""; 0]);
    }
}

proptest! {
    #[test]
    fn a_strange_value_is_read_or_refused_at_its_place_or_beside_it(
        (format, mut body) in both(),
        at in any::<prop::sample::Index>(),
        value in strange(),
    ) {
        let mut all = Vec::new();
        places(&body, "", &mut all);
        let pointer = all[at.index(all.len())].clone();
        *body.pointer_mut(&pointer).expect("is there") = value;

        let Err(error) = decode_chat(format, body.to_string().as_bytes()) else { return Ok(()) };

        prop_assert!(matches!(error.kind(), ErrorKind::InvalidField | ErrorKind::UnsupportedField));
        let (changed, named) = (path_of(&pointer), error.path().unwrap_or_default());
        let parent = |path: &str| path.rsplit_once(['.', '[']).map_or(String::new(), |(parent, _)| parent.to_owned());
        let is_near = named.starts_with(&changed) || parent(named) == parent(&changed)
            || named.starts_with(&parent(&changed));
        prop_assert!(is_near, "`{changed}` was changed, and `{named}` was named");
        let told = Failure::from(&error).body(format, "r");
        prop_assert!(serde_json::from_slice::<Value>(&told).is_ok());
    }

    #[test]
    fn a_body_that_a_sketch_takes_is_json_to_every_decoder(
        (_, body) in both(),
        at in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut body = body.to_string().into_bytes();
        let at = at.index(body.len());
        body.splice(at..=at, bytes);

        let is_json = Sketch::of(&body).is_ok();

        for format in [ChatCompletions, Messages] {
            let refused = decode_chat(format, &body).err().map(|error| error.kind());
            prop_assert!(!is_json || refused != Some(ErrorKind::InvalidJson));
        }
        let refused = Embeddings::decode(&body).err().map(|error| error.kind());
        prop_assert!(!is_json || refused != Some(ErrorKind::InvalidJson));
    }
}
