//! Anthropic's messages.

use std::sync::Arc;

use codeflow_model::{
    ErrorKind, FinishReason, Image, ImageSource, Message, Part, ResponseFormat, Role, StreamEvent, Thinking,
    ThinkingContent, ToolCall, ToolChoice, ToolResult,
};
use codeflow_providers::{Anthropic, Dialect, Mode};
use serde_json::json;

use crate::support::{ask, body, fixture, fold, hello, read, sse, tool};

fn anthropic() -> Anthropic {
    Anthropic::new("anthropic")
}

fn say(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, name: None }
}

#[test]
fn every_setting_has_its_field() {
    let mut request = hello();
    request.messages.insert(0, Message::text(Role::System, "Be brief."));
    request.tools = vec![tool("look")];
    (request.tool_choice, request.parallel_tool_calls) = (Some(ToolChoice::Required), Some(false));
    let schema = json!({ "type": "object" });
    request.response_format =
        Some(ResponseFormat::JsonSchema { name: "out".into(), schema: schema.clone(), strict: None });
    request.max_output_tokens = Some(7);
    (request.temperature, request.top_p, request.seed) = (Some(0.5), Some(0.25), Some(3));
    request.stop = vec!["END".into()];
    (request.reasoning_effort, request.user) = (Some("low".into()), Some("u".into()));
    request.extra.insert("top_k".into(), json!(4));
    request.extra.insert("max_tokens".into(), json!(1));

    assert_eq!(
        body(&anthropic(), &request, Mode::Stream),
        json!({
            "model": "m", "max_tokens": 7, "stream": true, "top_k": 4,
            "system": [{ "type": "text", "text": "Be brief." }],
            "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Hello" }] }],
            "tools": [{ "name": "look", "description": "does", "strict": true,
                "input_schema": { "type": "object", "properties": {} } }],
            "tool_choice": { "type": "any", "disable_parallel_tool_use": true },
            "temperature": 0.5, "top_p": 0.25, "stop_sequences": ["END"],
            "metadata": { "user_id": "u" },
            "output_config": { "effort": "low", "format": { "type": "json_schema", "schema": schema } },
        })
    );
    let wire = anthropic().encode(&request, Mode::Whole).expect("can be said");
    assert_eq!(wire.headers["anthropic-version"], "2023-06-01");
}

#[test]
fn tool_choices_are_translated() {
    for (choice, parallel, expected) in [
        (None, None, json!(null)),
        (None, Some(false), json!({ "type": "auto", "disable_parallel_tool_use": true })),
        (Some(ToolChoice::Auto), Some(true), json!({ "type": "auto" })),
        (Some(ToolChoice::None), Some(false), json!({ "type": "none" })),
        (Some(ToolChoice::Named("a".into())), None, json!({ "type": "tool", "name": "a" })),
    ] {
        let mut request = hello();
        request.tools = vec![tool("a")];
        (request.tool_choice, request.parallel_tool_calls) = (choice, parallel);

        assert_eq!(body(&anthropic(), &request, Mode::Whole)["tool_choice"], expected);
    }
}

#[test]
fn neighbours_become_one_turn_and_results_come_first() {
    let source = ImageSource::Base64 { media_type: "image/png".into(), data: "AA==".into() };
    let picture = Part::Image(Image { source, detail: None });
    let link = ImageSource::Url("https://example.com/a.png".into());
    let result =
        |id: &str, parts, is_error| Part::ToolResult(ToolResult { call_id: id.into(), parts, is_error });
    let call = |id: &str, arguments: &str| {
        Part::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments: arguments.into() })
    };
    let mut request = ask(vec![Part::Image(Image { source: link, detail: None })]);
    request.messages.extend([
        say(Role::Assistant, vec![call("a", ""), call("b", r#"{"x": 1}"#)]),
        say(Role::Tool, vec![result("a", vec![picture], false)]),
        say(Role::User, vec![Part::Text("so?".into()), Part::Text(String::new())]),
        say(Role::Tool, vec![result("b", vec![Part::Text("bad".into())], true)]),
    ]);

    let base64 = json!({ "type": "base64", "media_type": "image/png", "data": "AA==" });
    let url = json!({ "type": "url", "url": "https://example.com/a.png" });
    assert_eq!(
        body(&anthropic(), &request, Mode::Whole)["messages"],
        json!([
            { "role": "user", "content": [{ "type": "image", "source": url }] },
            { "role": "assistant", "content": [
                { "type": "tool_use", "id": "a", "name": "f", "input": {} },
                { "type": "tool_use", "id": "b", "name": "f", "input": { "x": 1 } },
            ] },
            { "role": "user", "content": [
                { "type": "tool_result", "tool_use_id": "a",
                  "content": [{ "type": "image", "source": base64 }] },
                { "type": "tool_result", "tool_use_id": "b", "is_error": true,
                  "content": [{ "type": "text", "text": "bad" }] },
                { "type": "text", "text": "so?" },
            ] },
        ])
    );
}

#[test]
fn only_thoughts_of_this_provider_go_back() {
    let thought = |provider: &str, content| Part::Thinking(Thinking { provider: provider.into(), content });
    let shown = |signature: Option<&str>| ThinkingContent::Shown {
        text: "hm".into(),
        signature: signature.map(Into::into),
    };
    let mut request = hello();
    request.messages.push(say(
        Role::Assistant,
        vec![
            thought("anthropic", shown(Some("s"))),
            thought("anthropic", ThinkingContent::Redacted("r".into())),
            thought("anthropic", shown(None)),
            thought("other", shown(Some("t"))),
        ],
    ));

    assert_eq!(
        body(&anthropic(), &request, Mode::Whole)["messages"][1]["content"],
        json!([
            { "type": "thinking", "thinking": "hm", "signature": "s" },
            { "type": "redacted_thinking", "data": "r" },
        ])
    );
}

#[test]
fn what_the_format_cannot_say_is_refused() {
    let mut object = hello();
    object.response_format = Some(ResponseFormat::JsonObject);
    let call = ToolCall { id: "a".into(), name: "f".into(), arguments: "[".into() };
    let mut broken = hello();
    broken.messages.push(say(Role::Assistant, vec![Part::ToolCall(call)]));

    for request in [object, broken] {
        let error = anthropic().encode(&request, Mode::Whole).expect_err("cannot be said");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
}

#[test]
fn input_counts_what_the_cache_gave_and_took() {
    let reply = anthropic().decode(&fixture("anthropic", "text.json")).expect("is a reply");

    assert_eq!(reply.usage.input, Some(3 + 7 + 10));
    assert_eq!((reply.usage.cache_read, reply.usage.cache_write), (Some(10), Some(7)));
}

#[test]
fn a_stop_text_is_named() {
    let bytes = fixture("anthropic", "sequence.sse");

    let reply = fold(read(&Arc::new(anthropic()), [&bytes[..]]).0);

    assert_eq!(reply.finish, FinishReason::StopSequence("three".into()));
    assert_eq!(reply, anthropic().decode(&fixture("anthropic", "sequence.json")).expect("a reply"));
}

#[test]
fn unknown_events_blocks_and_deltas_are_skipped() {
    let bytes = sse(&[
        r#"{"type":"message_start","message":{"id":"a","model":"m","usage":{}}}"#,
        r#"{"type":"news","index":0}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"server_tool_use","input":{}}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"text","text":"a"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"citations_delta","citation":{}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"}}"#,
        r#"{"type":"message_stop"}"#,
        "not even JSON",
    ]);

    let (events, end) = read(&Arc::new(anthropic()), [&bytes[..]]);

    end.expect("nothing counts after the end");
    assert_eq!(fold(events).parts, [Part::Text("a".into())]);
}

#[test]
fn a_stream_without_a_reason_has_no_end() {
    let start = r#"{"type":"message_start","message":{"id":"a","model":"m","usage":{}}}"#;
    let bytes = sse(&[start, r#"{"type":"message_stop"}"#]);

    let (events, end) = read(&Arc::new(anthropic()), [&bytes[..]]);

    assert_eq!(end.expect_err("has no reason").kind(), ErrorKind::BadResponse);
    assert!(!events.iter().any(|event| matches!(event, StreamEvent::Finished(_))));
}

#[test]
fn efforts_that_the_format_does_not_know_are_translated() {
    let sent = |effort: &str| {
        let mut request = hello();
        request.reasoning_effort = Some(effort.into());
        let sent = body(&anthropic(), &request, Mode::Whole);
        (sent.get("thinking").cloned(), sent.get("output_config").cloned())
    };

    assert_eq!(sent("none"), (Some(json!({ "type": "disabled" })), None));
    assert_eq!(sent("minimal"), (None, Some(json!({ "effort": "low" }))));
    assert_eq!(sent("max"), (None, Some(json!({ "effort": "max" }))));
}
