//! Google's `generateContent`.

use std::sync::Arc;

use codeflow_model::{
    EmbedRequest, ErrorKind, FinishReason, Image, ImageSource, Message, Part, ResponseFormat, Role, Thinking,
    ThinkingContent, ToolCall, ToolChoice, ToolResult, Usage,
};
use codeflow_providers::{Dialect, Gemini, Mode};
use serde_json::{Value, json};

use crate::support::{ask, body, fold, hello, read, sse, tool};

fn gemini() -> Gemini {
    Gemini::new("gemini")
}

fn say(role: Role, parts: Vec<Part>) -> Message {
    Message { role, parts, name: None }
}

fn call(id: &str) -> Part {
    Part::ToolCall(ToolCall { id: id.into(), name: "look".into(), arguments: r#"{"at":1}"#.into() })
}

fn signature(provider: &str, data: &str) -> Part {
    let content = ThinkingContent::Redacted(data.into());
    Part::Thinking(Thinking { provider: provider.into(), content })
}

/// The turns that a conversation becomes.
fn turns(model: &str, messages: Vec<Message>) -> Value {
    let mut request = hello();
    request.model = model.into();
    request.messages = messages;
    body(&gemini(), &request, Mode::Whole)["contents"].take()
}

#[test]
fn every_setting_has_its_field() {
    let mut request = hello();
    request.messages.insert(0, Message::text(Role::System, "Be brief."));
    request.tools = vec![tool("look")];
    request.tool_choice = Some(ToolChoice::Named("look".into()));
    let schema = json!({ "type": "object" });
    let format =
        ResponseFormat::JsonSchema { name: "out".into(), schema: schema.clone(), strict: Some(true) };
    request.response_format = Some(format);
    (request.max_output_tokens, request.seed) = (Some(7), Some(3));
    (request.temperature, request.top_p) = (Some(0.5), Some(0.25));
    request.stop = vec!["END".into()];
    request.reasoning_effort = Some("low".into());
    request.extra.insert("safetySettings".into(), json!([]));
    request.extra.insert("contents".into(), json!([]));

    let wire = gemini().encode(&request, Mode::Stream).expect("can be said");
    assert_eq!(wire.path, "/v1beta/models/m:streamGenerateContent?alt=sse");
    let function = json!({ "name": "look", "description": "does",
        "parametersJsonSchema": { "type": "object", "properties": {} } });
    assert_eq!(
        serde_json::from_slice::<Value>(&wire.body.to_bytes()).expect("is JSON"),
        json!({
            "systemInstruction": { "parts": [{ "text": "Be brief." }] },
            "contents": [{ "role": "user", "parts": [{ "text": "Hello" }] }],
            "tools": [{ "functionDeclarations": [function] }],
            "toolConfig": { "functionCallingConfig": { "mode": "ANY", "allowedFunctionNames": ["look"] } },
            "generationConfig": {
                "maxOutputTokens": 7, "temperature": 0.5, "topP": 0.25, "seed": 3, "stopSequences": ["END"],
                "thinkingConfig": { "thinkingLevel": "low", "includeThoughts": true },
                "responseMimeType": "application/json", "responseJsonSchema": schema,
            },
            "safetySettings": [],
        })
    );
}

#[test]
fn names_of_models_stay_within_their_segment() {
    for (model, path) in [
        ("gemini-3", "/v1beta/models/gemini-3:generateContent"),
        ("tunedModels/mine", "/v1beta/tunedModels/mine:generateContent"),
        ("a/../b?c#d", "/v1beta/a/..%2Fb%3Fc%23d:generateContent"),
    ] {
        let mut request = hello();
        request.model = model.into();
        assert_eq!(gemini().encode(&request, Mode::Whole).expect("can be said").path, path);
    }
}

#[test]
fn older_models_count_their_thoughts() {
    for (effort, budget) in
        [("none", 0), ("minimal", 1024), ("low", 1024), ("medium", 8192), ("high", 24_576)]
    {
        let mut request = hello();
        (request.model, request.reasoning_effort) = ("gemini-2.5-flash".into(), Some(effort.into()));
        let sent = body(&gemini(), &request, Mode::Whole);
        let expected = json!({ "thinkingBudget": budget, "includeThoughts": budget > 0 });
        assert_eq!(sent["generationConfig"]["thinkingConfig"], expected);
    }
}

#[test]
fn a_signature_goes_back_on_the_part_that_it_came_with() {
    let turns = turns(
        "gemini-3",
        vec![
            say(Role::User, vec![Part::Text("Hello".into())]),
            say(Role::Assistant, vec![signature("gemini", "s1"), call("a"), call("b")]),
            say(Role::Tool, vec![result("a", "{\"seen\":1}", false), result("b", "dark", true)]),
            say(Role::Assistant, vec![Part::Text("So.".into()), signature("gemini", "s2")]),
        ],
    );

    let function = |id: &str| json!({ "id": id, "name": "look", "args": { "at": 1 } });
    assert_eq!(
        turns[1]["parts"],
        json!([
            { "functionCall": function("a"), "thoughtSignature": "s1" },
            { "functionCall": function("b") },
        ])
    );
    let response = |id: &str, response: Value| json!({ "functionResponse": { "id": id, "name": "look", "response": response } });
    assert_eq!(
        turns[2],
        json!({ "role": "user", "parts": [
            response("a", json!({ "seen": 1 })), response("b", json!({ "error": "dark" })),
        ] })
    );
    assert_eq!(turns[3]["parts"], json!([{ "text": "So." }, { "text": "", "thoughtSignature": "s2" }]));
}

#[test]
fn a_call_of_another_model_goes_back_without_its_check() {
    let foreign = |model| {
        let mut turns =
            turns(model, vec![say(Role::Assistant, vec![signature("other", "x"), call("a"), call("b")])]);
        turns[0]["parts"].take()
    };

    let new = foreign("gemini-3");
    assert_eq!(new[0]["thoughtSignature"], "skip_thought_signature_validator");
    assert!(new[1].get("thoughtSignature").is_none());
    assert!(foreign("gemini-2.5-pro")[0].get("thoughtSignature").is_none());
}

#[test]
fn ids_that_we_made_up_stay_with_us() {
    let turns = turns(
        "gemini-3",
        vec![
            say(Role::Assistant, vec![call("call_0"), call("call_a")]),
            say(Role::Tool, vec![result("call_0", "1", false), result("call_a", "2", false)]),
        ],
    );

    let id = |turn: usize, part: usize, kind: &str| turns[turn]["parts"][part][kind].get("id").cloned();
    assert_eq!((id(0, 0, "functionCall"), id(1, 0, "functionResponse")), (None, None));
    let given = Some(json!("call_a"));
    assert_eq!((id(0, 1, "functionCall"), id(1, 1, "functionResponse")), (given.clone(), given));
    assert_eq!(turns[1]["parts"][0]["functionResponse"]["name"], "look");
}

fn result(id: &str, text: &str, is_error: bool) -> Part {
    Part::ToolResult(ToolResult { call_id: id.into(), parts: vec![Part::Text(text.into())], is_error })
}

#[test]
fn results_come_together_and_their_images_after_them() {
    let source = ImageSource::Base64 { media_type: "image/png".into(), data: "AA==".into() };
    let picture = Part::Image(Image { source, detail: None });
    let seen = ToolResult { call_id: "a".into(), parts: vec![picture], is_error: false };
    let source = ImageSource::Url("https://example.com/x.webp?y".into());
    let elsewhere = Part::Image(Image { source, detail: None });

    let turns = turns(
        "gemini-3",
        vec![
            say(Role::Assistant, vec![call("a"), call("b")]),
            say(Role::Tool, vec![Part::ToolResult(seen)]),
            say(Role::Tool, vec![result("b", "1", false)]),
            say(Role::User, vec![elsewhere]),
        ],
    );

    let parts = turns[1]["parts"].as_array().expect("has parts");
    assert_eq!(parts[0]["functionResponse"]["response"], json!({ "result": "" }));
    assert_eq!(parts[1], json!({ "inlineData": { "mimeType": "image/png", "data": "AA==" } }));
    assert_eq!(parts[2]["functionResponse"]["response"], json!({ "result": "1" }));
    let file = json!({ "mimeType": "image/webp", "fileUri": "https://example.com/x.webp?y" });
    assert_eq!(parts[3], json!({ "fileData": file }));
}

#[test]
fn usage_may_follow_the_reason_for_the_end() {
    let text = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#;
    let usage =
        r#"{"usageMetadata":{"promptTokenCount":5,"toolUsePromptTokenCount":2,"thoughtsTokenCount":3}}"#;

    let (events, end) = read(&Arc::new(gemini()), [&sse(&[text, usage])[..]]);

    end.expect("is complete");
    let reply = fold(events);
    assert_eq!(reply.finish, FinishReason::Stop);
    assert_eq!((reply.usage.input, reply.usage.output, reply.usage.reasoning), (Some(7), Some(3), Some(3)));
}

#[test]
fn counts_of_zero_are_left_out_of_the_document() {
    let usage = |counts: &str| {
        let body = format!(r#"{{"candidates":[{{"finishReason":"SAFETY"}}],"usageMetadata":{counts}}}"#);
        gemini().decode(body.as_bytes()).expect("is a reply").usage
    };

    let known = usage(r#"{"promptTokenCount":5,"totalTokenCount":5}"#);
    assert_eq!((known.input, known.output), (Some(5), Some(0)));
    assert_eq!(usage("{}"), Usage::default());
    assert_eq!(usage(r#"{"promptTokenCount":5}"#).output, None);
}

#[test]
fn calls_without_ids_are_numbered() {
    let call = |at: u8| format!(r#"{{"functionCall":{{"name":"look","args":{{"at": {at}}}}}}}"#);
    let frame = format!(
        r#"{{"candidates":[{{"content":{{"parts":[{},{},{{"functionCall":{{"name":"stop"}}}}]}},"finishReason":"STOP"}}]}}"#,
        call(1),
        call(2)
    );

    let reply = fold(read(&Arc::new(gemini()), [&sse(&[&frame])[..]]).0);

    let expected = |id: &str, name: &str, arguments: &str| {
        let (id, name, arguments) = (id.into(), name.into(), arguments.into());
        Part::ToolCall(ToolCall { id, name, arguments })
    };
    assert_eq!(
        reply.parts,
        [
            expected("call_0", "look", r#"{"at": 1}"#),
            expected("call_1", "look", r#"{"at": 2}"#),
            expected("call_2", "stop", "{}"),
        ]
    );
    assert_eq!(reply.finish, FinishReason::ToolCalls);
}

#[test]
fn a_blocked_prompt_is_an_error_and_not_an_answer() {
    let blocked = br#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#;

    let error = gemini().decode(blocked).expect_err("is blocked");

    assert_eq!(error.kind(), ErrorKind::ContentFiltered);
    assert_eq!(error.details().provider_code.as_deref(), Some("SAFETY"));
}

#[test]
fn vectors_are_asked_for_one_by_one_in_one_request() {
    let mut request = EmbedRequest::new("gemini-embedding-001", ["a", "b"]);
    (request.dimensions, request.purpose) = (Some(2), Some("search_query".into()));

    let wire = gemini().encode_embed(&request).expect("can be said");

    assert_eq!(wire.path, "/v1beta/models/gemini-embedding-001:batchEmbedContents");
    let sent: Value = serde_json::from_slice(&wire.body.to_bytes()).expect("is JSON");
    let one = |text: &str| {
        json!({ "model": "models/gemini-embedding-001", "content": { "parts": [{ "text": text }] },
            "taskType": "RETRIEVAL_QUERY", "outputDimensionality": 2 })
    };
    assert_eq!(sent, json!({ "requests": [one("a"), one("b")] }));
}

#[test]
fn thoughts_of_others_do_not_go_along() {
    let shown = |provider: &str| {
        let content = ThinkingContent::Shown { text: "hm".into(), signature: None };
        Part::Thinking(Thinking { provider: provider.into(), content })
    };
    let mut request = ask(vec![Part::Text("Hello".into())]);
    request
        .messages
        .push(say(Role::Assistant, vec![shown("other"), shown("gemini"), Part::Text("So".into())]));

    let sent = body(&gemini(), &request, Mode::Whole);

    assert_eq!(sent["contents"][1]["parts"], json!([{ "text": "hm", "thought": true }, { "text": "So" }]));
}
