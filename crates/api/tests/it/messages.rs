//! Requests as Anthropic's SDKs send them.

use codeflow_api::{Decoded, Error, ErrorKind, Messages};
use codeflow_model::{
    ChatRequest, Image, ImageSource, Message, Part, ResponseFormat, Role, Thinking, ThinkingContent, Tool,
    ToolCall, ToolChoice, ToolResult,
};
use serde_json::{Value, json};

fn decode(body: &Value) -> Result<Decoded, Error> {
    Messages::decode(body.to_string().as_bytes())
}

fn with(fields: Value) -> Value {
    let mut body = json!({ "model": "m", "max_tokens": 9, "messages": [] });
    for (name, value) in fields.as_object().expect("is an object") {
        body[name] = value.clone();
    }
    body
}

fn request(fields: Value) -> ChatRequest {
    decode(&with(fields)).expect("is fine").request
}

#[test]
fn every_setting_is_read() {
    let tool = json!({ "name": "look", "description": "does", "strict": true, "type": "custom",
        "input_schema": { "type": "object" }, "cache_control": { "type": "ephemeral" } });
    let body = with(json!({
        "system": [{ "type": "text", "text": "Be brief.", "cache_control": { "type": "ephemeral" } }],
        "tools": [tool],
        "tool_choice": { "type": "tool", "name": "look", "disable_parallel_tool_use": true },
        "output_config": { "effort": "high", "format": { "type": "json_schema", "schema": { "type": "object" } } },
        "temperature": 0.5, "top_p": 0.25, "stop_sequences": ["END"],
        "metadata": { "user_id": "u" }, "stream": true,
    }));

    let decoded = decode(&body).expect("is fine");

    let schema = json!({ "type": "object" });
    let mut expected = ChatRequest::new("m", vec![Message::text(Role::System, "Be brief.")]);
    expected.tools = vec![Tool {
        name: "look".into(),
        description: Some("does".into()),
        parameters: schema.clone(),
        strict: Some(true),
    }];
    expected.tool_choice = Some(ToolChoice::Named("look".into()));
    expected.parallel_tool_calls = Some(false);
    expected.response_format =
        Some(ResponseFormat::JsonSchema { name: "reply".into(), schema, strict: Some(true) });
    expected.max_output_tokens = Some(9);
    (expected.temperature, expected.top_p) = (Some(0.5), Some(0.25));
    expected.stop = vec!["END".into()];
    (expected.reasoning_effort, expected.user) = (Some("high".into()), Some("u".into()));
    assert_eq!(decoded, Decoded { request: expected, stream: true, wants_usage: true, dropped: vec![] });
}

#[test]
fn settings_that_come_in_several_forms_are_read_in_each() {
    let choice = |kind: &str| request(json!({ "tool_choice": { "type": kind } })).tool_choice;
    assert_eq!(choice("auto"), Some(ToolChoice::Auto));
    assert_eq!(choice("any"), Some(ToolChoice::Required));
    assert_eq!(choice("none"), Some(ToolChoice::None));
    let effort = |thinking: Value| request(json!({ "thinking": thinking })).reasoning_effort;
    let enabled = |budget: u64| effort(json!({ "type": "enabled", "budget_tokens": budget }));
    assert_eq!(enabled(1024).as_deref(), Some("low"));
    assert_eq!(enabled(10_000).as_deref(), Some("medium"));
    assert_eq!(enabled(32_000).as_deref(), Some("high"));
    assert_eq!(effort(json!({ "type": "disabled" })), None);
    assert_eq!(effort(json!({ "type": "adaptive" })), None);
    assert_eq!(request(json!({ "system": "Be kind." })).messages, [Message::text(Role::System, "Be kind.")]);
    let old = json!({ "output_format": { "type": "json_schema", "schema": {} } });
    assert!(request(old).response_format.is_some());
}

#[test]
fn a_conversation_keeps_its_turns_pictures_thoughts_and_tools() {
    let picture =
        json!({ "type": "image", "source": { "type": "base64", "media_type": "image/png", "data": "AA==" } });
    let body = with(json!({ "messages": [
        { "role": "user", "content": "Look" },
        { "role": "assistant", "content": [
            { "type": "thinking", "thinking": "hm", "signature": "sig" },
            { "type": "redacted_thinking", "data": "xx" },
            { "type": "text", "text": "I look." },
            { "type": "tool_use", "id": "t1", "name": "look", "input": { "b": 1, "a": 2.50 } },
        ] },
        { "role": "user", "content": [
            { "type": "tool_result", "tool_use_id": "t1", "content": [{ "type": "text", "text": "a" }, picture] },
            { "type": "tool_result", "tool_use_id": "t2", "content": "broken", "is_error": true },
            { "type": "tool_result", "tool_use_id": "t3" },
            { "type": "text", "text": "So?" },
            { "type": "image", "source": { "type": "url", "url": "https://example.com/a.png" } },
        ] },
    ] }));
    let body = body.to_string().replace(r#"{"a":2.5,"b":1}"#, r#"{"b": 1, "a": 2.50}"#);

    let read = Messages::decode(body.as_bytes()).expect("is fine").request.messages;

    let say = |role, parts| Message { role, parts, name: None };
    let text = |text: &str| Part::Text(text.into());
    let image = |source| Part::Image(Image { source, detail: None });
    let thought = |content| Part::Thinking(Thinking { provider: "anthropic".into(), content });
    let result =
        |id: &str, parts, is_error| Part::ToolResult(ToolResult { call_id: id.into(), parts, is_error });
    let picture = image(ImageSource::Base64 { media_type: "image/png".into(), data: "AA==".into() });
    assert_eq!(
        read,
        [
            say(Role::User, vec![text("Look")]),
            say(
                Role::Assistant,
                vec![
                    thought(ThinkingContent::Shown { text: "hm".into(), signature: Some("sig".into()) }),
                    thought(ThinkingContent::Redacted("xx".into())),
                    text("I look."),
                    Part::ToolCall(ToolCall {
                        id: "t1".into(),
                        name: "look".into(),
                        arguments: r#"{"b": 1, "a": 2.50}"#.into()
                    }),
                ]
            ),
            say(
                Role::Tool,
                vec![
                    result("t1", vec![text("a"), picture], false),
                    result("t2", vec![text("broken")], true),
                    result("t3", vec![], false),
                ]
            ),
            say(Role::User, vec![text("So?"), image(ImageSource::Url("https://example.com/a.png".into()))]),
        ]
    );
}

#[test]
fn unknown_fields_are_named_and_lost() {
    let body = with(json!({
        "top_k": 5, "service_tier": "auto", "thinking": { "type": "enabled", "budget_tokens": 9, "display": "x" },
        "metadata": { "user_id": "u", "team": "t" },
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a", "citations": [] }] }],
    }));

    let decoded = decode(&body).expect("is fine");

    let names =
        ["messages[0].content[0].citations", "metadata.team", "thinking.display", "service_tier", "top_k"];
    assert_eq!(decoded.dropped, names);
}

#[test]
fn what_cannot_be_asked_of_everybody_is_refused_by_name() {
    let user = |block: Value| json!({ "messages": [{ "role": "user", "content": [block] }] });
    for (fields, path) in [
        (json!({ "mcp_servers": [{}] }), "mcp_servers"),
        (json!({ "container": "c" }), "container"),
        (json!({ "tools": [{ "type": "web_search_20250305", "name": "web_search" }] }), "tools[0].type"),
        (user(json!({ "type": "document", "source": {} })), "messages[0].content[0].type"),
        (
            user(json!({ "type": "image", "source": { "type": "file", "file_id": "f" } })),
            "messages[0].content[0].source.type",
        ),
    ] {
        let error = decode(&with(fields)).expect_err("is refused");
        assert_eq!((error.kind(), error.path()), (ErrorKind::UnsupportedField, Some(path)));
    }
    request(json!({ "mcp_servers": [] }));
}

#[test]
fn what_is_wrong_is_named_by_its_path() {
    let turn = |role: &str, block: Value| json!({ "messages": [{ "role": role, "content": [block] }] });
    let call = |input: Value| {
        turn("assistant", json!({ "type": "tool_use", "id": "t", "name": "f", "input": input }))
    };
    for (fields, path) in [
        (json!({ "max_tokens": null }), "max_tokens"),
        (json!({ "max_tokens": 1.5 }), "max_tokens"),
        (json!({ "model": null }), "model"),
        (json!({ "messages": "a" }), "messages"),
        (json!({ "messages": [{ "role": "tool", "content": "a" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "user" }] }), "messages[0].content"),
        (json!({ "system": 7 }), "system"),
        (json!({ "system": [{ "type": "image" }] }), "system[0].type"),
        (turn("user", json!({ "type": "tool_use" })), "messages[0].content[0].type"),
        (turn("user", json!({ "type": "thinking" })), "messages[0].content[0].type"),
        (turn("assistant", json!({ "type": "tool_result" })), "messages[0].content[0].type"),
        (turn("assistant", json!({ "type": "image" })), "messages[0].content[0].type"),
        (turn("user", json!({ "type": "tool_result" })), "messages[0].content[0].tool_use_id"),
        (
            turn(
                "user",
                json!({ "type": "tool_result", "tool_use_id": "t", "content": [{ "type": "tool_result" }] }),
            ),
            "messages[0].content[0].content[0].type",
        ),
        (
            turn("user", json!({ "type": "image", "source": { "type": "url", "url": "file:///a" } })),
            "messages[0].content[0].source.url",
        ),
        (call(json!([])), "messages[0].content[0].input"),
        (call(Value::Null), "messages[0].content[0].input"),
        (json!({ "tools": [{ "name": "f" }] }), "tools[0].input_schema"),
        (json!({ "tool_choice": "auto" }), "tool_choice"),
        (json!({ "tool_choice": { "type": "tool" } }), "tool_choice.name"),
        (json!({ "thinking": { "type": "enabled" } }), "thinking.budget_tokens"),
        (json!({ "output_config": { "format": { "type": "json_object" } } }), "output_config.format.type"),
        (json!({ "stop_sequences": "END" }), "stop_sequences"),
        (json!({ "metadata": { "user_id": 7 } }), "metadata.user_id"),
    ] {
        let error = decode(&with(fields)).expect_err(path);
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidField, Some(path)));
    }
}

#[test]
fn counting_needs_no_limit() {
    let body = json!({ "model": "m", "messages": [{ "role": "user", "content": "Hello" }] }).to_string();

    assert_eq!(Messages::decode(body.as_bytes()).expect_err("has no limit").path(), Some("max_tokens"));
    let decoded = Messages::decode_count(body.as_bytes()).expect("is fine");

    assert_eq!(decoded.request.messages, [Message::text(Role::User, "Hello")]);
    assert_eq!(Messages::encode_count(12), br#"{"input_tokens":12}"#);
}
