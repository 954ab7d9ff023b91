//! Cohere's second chat format.

use std::sync::Arc;

use codeflow_model::{
    EmbedRequest, ErrorKind, FinishReason, Image, ImageSource, Message, Part, ResponseFormat, Role, Thinking,
    ThinkingContent, ToolCall, ToolChoice, ToolResult,
};
use codeflow_providers::{Cohere, Dialect, Mode};
use serde_json::{Value, json};

use crate::support::{body, fixture, fold, hello, read, sse, tool};

fn cohere() -> Cohere {
    Cohere::new("cohere")
}

#[test]
fn every_setting_has_its_field() {
    let mut request = hello();
    request.tools = vec![tool("look"), tool("listen")];
    request.tool_choice = Some(ToolChoice::Named("look".into()));
    let schema = json!({ "type": "object" });
    let format =
        ResponseFormat::JsonSchema { name: "out".into(), schema: schema.clone(), strict: Some(true) };
    request.response_format = Some(format);
    (request.max_output_tokens, request.seed) = (Some(7), Some(3));
    (request.temperature, request.top_p) = (Some(0.5), Some(0.25));
    request.stop = vec!["END".into()];
    request.reasoning_effort = Some("high".into());
    request.extra.insert("safety_mode".into(), json!("OFF"));

    let function = json!({ "name": "look", "description": "does",
        "parameters": { "type": "object", "properties": {} } });
    assert_eq!(
        body(&cohere(), &request, Mode::Stream),
        json!({
            "model": "m", "messages": [{ "role": "user", "content": "Hello" }],
            "tools": [{ "type": "function", "function": function }],
            "tool_choice": "REQUIRED", "strict_tools": true,
            "response_format": { "type": "json_object", "json_schema": schema },
            "max_tokens": 7, "temperature": 0.5, "p": 0.25, "seed": 3, "stop_sequences": ["END"],
            "thinking": { "type": "enabled" }, "stream": true, "safety_mode": "OFF",
        })
    );
}

#[test]
fn what_is_said_before_calls_is_a_plan() {
    let whole = cohere().decode(&fixture("cohere", "plan.json")).expect("is a reply");
    let (events, end) = read(&Arc::new(cohere()), [&fixture("cohere", "plan.sse")[..]]);
    end.expect("is complete");
    assert_eq!(fold(events).parts, whole.parts);
    assert_eq!(whole.parts[0], Part::Text("I will look.".into()));
    let mut request = hello();
    let content = ThinkingContent::Shown { text: "hm".into(), signature: None };
    let mut parts = vec![Part::Thinking(Thinking { provider: "cohere".into(), content })];
    parts.extend(whole.parts);
    request.messages.push(Message { role: Role::Assistant, parts, name: None });

    let sent = body(&cohere(), &request, Mode::Whole);

    let function = json!({ "name": "weather", "arguments": "{\"city\": \"Oslo\"}" });
    assert_eq!(
        sent["messages"][1],
        json!({ "role": "assistant", "tool_plan": "I will look.",
            "content": [{ "type": "thinking", "thinking": "hm" }],
            "tool_calls": [{ "id": "weather_a", "type": "function", "function": function }] })
    );
}

#[test]
fn results_follow_their_calls_and_images_follow_the_results() {
    let source = ImageSource::Base64 { media_type: "image/png".into(), data: "AA==".into() };
    let picture = Part::Image(Image { source, detail: Some("low".into()) });
    let call = ToolCall { id: "a".into(), name: "look".into(), arguments: "{}".into() };
    let parts = vec![Part::Text("see".into()), picture];
    let result = ToolResult { call_id: "a".into(), parts, is_error: false };
    let mut request = hello();
    let say = |role, parts| Message { role, parts, name: None };
    request.messages.push(say(Role::Assistant, vec![Part::ToolCall(call)]));
    request.messages.push(say(Role::Tool, vec![Part::ToolResult(result)]));

    let image = json!({ "type": "image_url",
        "image_url": { "url": "data:image/png;base64,AA==", "detail": "low" } });
    assert_eq!(
        body(&cohere(), &request, Mode::Whole)["messages"].as_array().expect("are messages")[2..],
        [
            json!({ "role": "tool", "tool_call_id": "a", "content": "see" }),
            json!({ "role": "user", "content": [image] }),
        ]
    );
}

#[test]
fn what_is_paid_for_is_what_counts() {
    let usage = |usage: &str| {
        let body = format!(r#"{{"message":{{}},"finish_reason":"STOP_SEQUENCE","usage":{usage}}}"#);
        let reply = cohere().decode(body.as_bytes()).expect("is a reply");
        assert_eq!(reply.finish, FinishReason::StopSequence(String::new()));
        (reply.usage.input, reply.usage.output, reply.usage.cache_read)
    };

    let tokens = r#""tokens":{"input_tokens":90,"output_tokens":11}"#;
    let billed = r#""billed_units":{"input_tokens":20.0,"output_tokens":9}"#;
    assert_eq!(usage(&format!("{{{tokens},{billed},\"cached_tokens\":4}}")), (Some(20), Some(9), Some(4)));
    assert_eq!(usage(&format!("{{{tokens}}}")), (Some(90), Some(11), None));
    assert_eq!(usage("{}"), (None, None, None));
}

#[test]
fn an_error_is_never_a_way_to_end() {
    for reason in ["ERROR", "TIMEOUT"] {
        let frame = format!(r#"{{"type":"message-end","delta":{{"finish_reason":"{reason}"}}}}"#);
        let (_, end) = read(&Arc::new(cohere()), [&sse(&[&frame])[..]]);
        assert_eq!(end.expect_err("is an error").kind(), ErrorKind::Overloaded);
    }
    let error = cohere().decode(br#"{"message":"no"}"#).expect_err("is an error");
    assert_eq!(error.to_string(), "`cohere` says: no");
}

#[test]
fn a_purpose_is_always_told() {
    let sent = |request: &EmbedRequest| -> Value {
        let wire = cohere().encode_embed(request).expect("can be said");
        assert_eq!(wire.path, "/v2/embed");
        serde_json::from_slice(&wire.body.to_bytes()).expect("is JSON")
    };
    let mut request = EmbedRequest::new("m", ["a"]);
    assert_eq!(sent(&request)["input_type"], "search_document");
    (request.purpose, request.dimensions) = (Some("classification".into()), Some(256));

    assert_eq!(
        sent(&request),
        json!({ "model": "m", "texts": ["a"], "input_type": "classification", "embedding_types": ["float"],
            "output_dimension": 256 })
    );
}
