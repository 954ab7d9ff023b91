//! Ollama's own format.

use std::sync::Arc;

use codeflow_model::{
    EmbedInput, EmbedRequest, ErrorKind, FinishReason, Image, ImageSource, Message, Part, ResponseFormat,
    Role, Thinking, ThinkingContent, ToolCall, ToolChoice, ToolResult,
};
use codeflow_providers::{Credentials, Dialect, Mode, Ollama, Signing};
use serde_json::json;

use crate::support::{ask, body, fold, hello, read, sign, tool};

fn ollama() -> Ollama {
    Ollama::new("ollama")
}

#[test]
fn every_setting_has_its_field() {
    let mut request = hello();
    request.tools = vec![tool("look")];
    let schema = json!({ "type": "object" });
    let format =
        ResponseFormat::JsonSchema { name: "out".into(), schema: schema.clone(), strict: Some(true) };
    request.response_format = Some(format);
    (request.max_output_tokens, request.seed) = (Some(7), Some(3));
    (request.temperature, request.top_p) = (Some(0.5), Some(0.25));
    request.stop = vec!["END".into()];
    request.reasoning_effort = Some("high".into());
    request.extra.insert("keep_alive".into(), json!("5m"));

    let function = json!({ "name": "look", "description": "does",
        "parameters": { "type": "object", "properties": {} } });
    assert_eq!(
        body(&ollama(), &request, Mode::Stream),
        json!({
            "model": "m", "messages": [{ "role": "user", "content": "Hello" }],
            "tools": [{ "type": "function", "function": function }],
            "format": schema, "think": true, "stream": true, "keep_alive": "5m",
            "options": { "num_predict": 7, "temperature": 0.5, "top_p": 0.25, "seed": 3, "stop": ["END"] },
        })
    );
    assert_eq!(body(&ollama(), &hello(), Mode::Whole)["stream"], false);
}

#[test]
fn only_one_family_knows_degrees_of_thinking() {
    for (model, effort, think) in [
        ("qwen3", "low", json!(true)),
        ("qwen3", "none", json!(false)),
        ("gpt-oss:20b", "minimal", json!("low")),
        ("gpt-oss:20b", "medium", json!("medium")),
        ("gpt-oss:20b", "max", json!("high")),
    ] {
        let mut request = hello();
        (request.model, request.reasoning_effort) = (model.into(), Some(effort.into()));
        assert_eq!(body(&ollama(), &request, Mode::Whole)["think"], think, "{model} {effort}");
    }
}

#[test]
fn no_key_is_needed_and_a_key_is_sent() {
    let mut wire = ollama().encode(&hello(), Mode::Whole).expect("can be said");
    let base = "http://127.0.0.1:11434".parse().expect("is an address");
    let now = codeflow_core::Timestamp::EPOCH;
    let signing = Signing { credentials: &Credentials::None, base: &base, now };
    ollama().sign(&mut wire, &signing).expect("needs none");
    assert!(!wire.headers.contains_key("authorization"));

    sign(&ollama(), &mut wire, "k").expect("fits a header");
    assert_eq!(wire.headers["authorization"], "Bearer k");
}

#[test]
fn a_call_cannot_be_forced_but_can_be_kept_from_the_model() {
    let mut request = hello();
    request.tools = vec![tool("look")];
    for choice in [ToolChoice::Required, ToolChoice::Named("look".into())] {
        request.tool_choice = Some(choice);
        let error = ollama().encode(&request, Mode::Whole).expect_err("is too much");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
    request.tool_choice = Some(ToolChoice::None);
    assert!(body(&ollama(), &request, Mode::Whole).get("tools").is_none());
}

#[test]
fn results_name_their_tool_and_arguments_are_objects() {
    let source = ImageSource::Url("data:image/png;base64,AA==".into());
    let picture = || Part::Image(Image { source: source.clone(), detail: None });
    let call = ToolCall { id: "a".into(), name: "look".into(), arguments: r#"{"at":1}"#.into() };
    let content = ThinkingContent::Shown { text: "hm".into(), signature: None };
    let thought = Part::Thinking(Thinking { provider: "ollama".into(), content });
    let parts = vec![Part::Text("see".into()), picture()];
    let result = ToolResult { call_id: "a".into(), parts, is_error: false };
    let mut request = ask(vec![Part::Text("Hello".into()), picture()]);
    let say = |role, parts| Message { role, parts, name: None };
    request.messages.push(say(Role::Assistant, vec![thought, Part::ToolCall(call)]));
    request.messages.push(say(Role::User, vec![Part::ToolResult(result), Part::Text("so?".into())]));

    let call = json!({ "id": "a", "function": { "name": "look", "arguments": { "at": 1 } } });
    assert_eq!(
        body(&ollama(), &request, Mode::Whole)["messages"],
        json!([
            { "role": "user", "content": "Hello", "images": ["AA=="] },
            { "role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call] },
            { "role": "tool", "content": "see", "tool_name": "look", "tool_call_id": "a", "images": ["AA=="] },
            { "role": "user", "content": "so?" },
        ])
    );
}

#[test]
fn what_the_format_cannot_say_is_refused() {
    let source = ImageSource::Url("https://example.com/a.png".into());
    let elsewhere = ask(vec![Part::Image(Image { source, detail: None })]);
    let mut arguments = hello();
    let call = ToolCall { id: "a".into(), name: "f".into(), arguments: "[1".into() };
    arguments.messages.push(Message { role: Role::Assistant, parts: vec![Part::ToolCall(call)], name: None });

    for request in [elsewhere, arguments] {
        let error = ollama().encode(&request, Mode::Whole).expect_err("is too much");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
    let mut tokens = EmbedRequest::new("m", ["a"]);
    tokens.input.push(EmbedInput::Tokens(vec![1]));
    let error = ollama().encode_embed(&tokens).expect_err("is too much");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[test]
fn an_old_server_gives_neither_reason_nor_ids() {
    let lines = concat!(
        r#"{"model":"m","message":{"content":"","tool_calls":[{"function":{"name":"f","arguments":{"a": 1}}}]}}"#,
        "\n",
        r#"{"model":"m","message":{"content":""},"done":true}"#
    );

    let (events, end) = read(&Arc::new(ollama()), [lines.as_bytes()]);

    end.expect("is complete");
    let reply = fold(events);
    let call = ToolCall { id: "call_0".into(), name: "f".into(), arguments: r#"{"a": 1}"#.into() };
    assert_eq!(reply.parts, [Part::ToolCall(call)]);
    assert_eq!(reply.finish, FinishReason::ToolCalls);
    assert_eq!((reply.usage.input, reply.usage.output), (None, None));
}
