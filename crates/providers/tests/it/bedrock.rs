//! Amazon Bedrock's Converse: its format, its signatures, its frames.

use std::sync::Arc;

use codeflow_core::Timestamp;
use codeflow_model::{
    EmbedRequest, ErrorKind, Image, ImageSource, Message, Part, ResponseFormat, Role, Thinking,
    ThinkingContent, ToolCall, ToolChoice, ToolResult,
};
use codeflow_providers::{AwsCredentials, Bedrock, Credentials, Dialect, Mode, Signing, WireRequest};
use serde_json::{Value, json};

use crate::support::{ask, body, event_stream_frame, event_stream_message, fold, hello, read, sign, tool};

const NOVA: &str = "us.amazon.nova-lite-v1:0";

fn bedrock() -> Bedrock {
    Bedrock::new("bedrock", "eu-central-1")
}

/// 25 November 2026, midnight.
fn midnight() -> Timestamp {
    Timestamp::from_micros(1_795_564_800_000_000)
}

fn identity(session_token: Option<&str>) -> Credentials {
    Credentials::Aws(AwsCredentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "quiet".to_owned().into(),
        session_token: session_token.map(|token| token.to_owned().into()),
    })
}

fn signed(session_token: Option<&str>) -> WireRequest {
    let path = "/model/us.amazon.nova-lite-v1%3A0/converse";
    let mut wire = WireRequest::post(path, bytes::Bytes::from_static(br#"{"a":1}"#));
    let base = "https://bedrock-runtime.eu-central-1.amazonaws.com/".parse().expect("is an address");
    let credentials = identity(session_token);
    let signing = Signing { credentials: &credentials, base: &base, now: midnight() };
    bedrock().sign(&mut wire, &signing).expect("can be signed");
    wire
}

/// The signatures were worked out apart from this program, by the steps that Amazon publishes.
#[test]
fn a_signature_covers_address_body_and_session() {
    let bare = signed(None);
    assert_eq!(bare.headers["authorization"], SIGNATURE);
    assert_eq!(bare.headers["x-amz-date"], "20261125T000000Z");
    assert!(!bare.headers.contains_key("x-amz-security-token"));

    let session = signed(Some("session/token=="));
    assert_eq!(session.headers["authorization"], SESSION_SIGNATURE);
    assert_eq!(session.headers["x-amz-security-token"], "session/token==");
    assert!(session.headers["authorization"].is_sensitive());
    assert!(session.headers["x-amz-security-token"].is_sensitive());
    assert!(!format!("{session:?}").contains("session/token"));
}

const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/eu-central-1/bedrock/aws4_request, \
    SignedHeaders=content-type;host;x-amz-date, Signature=5938cc0dd82801457b2d5c9d205d81e4352ffec13201a1b5ae15f320437ed03e";
const SESSION_SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/eu-central-1/bedrock/aws4_request, \
    SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, Signature=d1882ace01fed4693a9225cfc4b811a45dde710b8ac73fe100bdb18efaf2b889";

#[test]
fn a_key_is_sent_instead_of_a_signature() {
    let mut wire = bedrock().encode(&hello(), Mode::Whole).expect("can be said");

    sign(&bedrock(), &mut wire, "k").expect("fits a header");

    assert_eq!(wire.headers["authorization"], "Bearer k");
    assert!(!wire.headers.contains_key("x-amz-date"));
}

#[test]
fn the_name_of_a_model_is_one_segment() {
    let mut request = hello();
    request.model = "arn:aws:bedrock:eu-central-1:1:inference-profile/x y".into();

    let whole = bedrock().encode(&request, Mode::Whole).expect("can be said").path;
    let streamed = bedrock().encode(&request, Mode::Stream).expect("can be said").path;

    let name = "arn%3Aaws%3Abedrock%3Aeu-central-1%3A1%3Ainference-profile%2Fx%20y";
    assert_eq!(whole, format!("/model/{name}/converse"));
    assert_eq!(streamed, format!("/model/{name}/converse-stream"));
}

#[test]
fn every_setting_has_its_field() {
    let mut request = hello();
    request.model = NOVA.into();
    request.messages.insert(0, Message::text(Role::System, "Be brief."));
    request.tools = vec![tool("look")];
    request.tool_choice = Some(ToolChoice::Named("look".into()));
    let schema = json!({ "type": "object" });
    request.response_format =
        Some(ResponseFormat::JsonSchema { name: "out".into(), schema, strict: Some(true) });
    request.max_output_tokens = Some(7);
    (request.temperature, request.top_p) = (Some(0.5), Some(0.25));
    request.stop = vec!["END".into()];
    request.reasoning_effort = Some("low".into());
    request.metadata.insert("k".into(), json!("v"));
    request.extra.insert("serviceTier".into(), json!({ "type": "flex" }));
    request.extra.insert("additionalModelRequestFields".into(), json!({ "top_k": 3 }));
    request.extra.insert("min_p".into(), json!(0.5));

    let spec = json!({ "name": "look", "description": "does", "strict": true,
        "inputSchema": { "json": { "type": "object", "properties": {} } } });
    let format = json!({ "type": "json_schema",
        "structure": { "jsonSchema": { "name": "out", "schema": "{\"type\":\"object\"}" } } });
    assert_eq!(
        body(&bedrock(), &request, Mode::Whole),
        json!({
            "system": [{ "text": "Be brief." }],
            "messages": [{ "role": "user", "content": [{ "text": "Hello" }] }],
            "inferenceConfig": { "maxTokens": 7, "temperature": 0.5, "topP": 0.25, "stopSequences": ["END"] },
            "toolConfig": { "tools": [{ "toolSpec": spec }], "toolChoice": { "tool": { "name": "look" } } },
            "outputConfig": { "textFormat": format },
            "requestMetadata": { "k": "v" },
            "serviceTier": { "type": "flex" },
            "additionalModelRequestFields": {
                "top_k": 3, "min_p": 0.5,
                "reasoningConfig": { "type": "enabled", "maxReasoningEffort": "low" },
            },
        })
    );
}

#[test]
fn each_family_of_models_has_its_field_for_efforts() {
    for (model, effort, fields) in [
        ("us.anthropic.claude-opus-5-5", "low", json!({ "output_config": { "effort": "low" } })),
        ("us.anthropic.claude-opus-5-5", "minimal", json!({ "output_config": { "effort": "low" } })),
        ("us.anthropic.claude-opus-5-5", "none", json!({ "thinking": { "type": "disabled" } })),
        ("openai.gpt-oss-120b-1:0", "low", json!({ "reasoning_effort": "low" })),
    ] {
        let mut request = hello();
        (request.model, request.reasoning_effort) = (model.into(), Some(effort.into()));
        assert_eq!(body(&bedrock(), &request, Mode::Whole)["additionalModelRequestFields"], fields);
    }
}

#[test]
fn thoughts_calls_and_results_go_back() {
    let thought = |provider: &str, content| Part::Thinking(Thinking { provider: provider.into(), content });
    let shown = ThinkingContent::Shown { text: "hm".into(), signature: Some("c2ln".into()) };
    let hidden = ThinkingContent::Redacted("b3A=".into());
    let call = ToolCall { id: "a".into(), name: "look".into(), arguments: String::new() };
    let source = ImageSource::Base64 { media_type: "image/jpg".into(), data: "AA==".into() };
    let parts = vec![Part::Text("see".into()), Part::Image(Image { source, detail: None })];
    let result = ToolResult { call_id: "a".into(), parts, is_error: true };
    let mut request = hello();
    let said = vec![
        thought("other", shown.clone()),
        thought("bedrock", shown),
        thought("bedrock", hidden),
        Part::Text(String::new()),
        Part::ToolCall(call),
    ];
    request.messages.push(Message { role: Role::Assistant, parts: said, name: None });
    request.messages.push(Message { role: Role::Tool, parts: vec![Part::ToolResult(result)], name: None });
    request.messages.push(Message::text(Role::User, "so?"));

    let image = json!({ "image": { "format": "jpeg", "source": { "bytes": "AA==" } } });
    assert_eq!(
        body(&bedrock(), &request, Mode::Whole)["messages"].as_array().expect("are messages")[1..],
        [
            json!({ "role": "assistant", "content": [
                { "reasoningContent": { "reasoningText": { "text": "hm", "signature": "c2ln" } } },
                { "reasoningContent": { "redactedContent": "b3A=" } },
                { "toolUse": { "toolUseId": "a", "name": "look", "input": {} } },
            ] }),
            json!({ "role": "user", "content": [
                { "toolResult": { "toolUseId": "a", "status": "error", "content": [{ "text": "see" }, image] } },
                { "text": "so?" },
            ] }),
        ]
    );
}

#[test]
fn what_the_format_cannot_say_is_refused() {
    let source = ImageSource::Url("https://example.com/a.png".into());
    let elsewhere = ask(vec![Part::Image(Image { source, detail: None })]);
    let mut kept = hello();
    kept.tools = vec![tool("look")];
    kept.tool_choice = Some(ToolChoice::None);
    assert!(body(&bedrock(), &kept, Mode::Whole).get("toolConfig").is_none());
    let call = ToolCall { id: "a".into(), name: "look".into(), arguments: "{}".into() };
    kept.messages.push(Message { role: Role::Assistant, parts: vec![Part::ToolCall(call)], name: None });

    for request in [elsewhere, kept] {
        let error = bedrock().encode(&request, Mode::Whole).expect_err("is too much");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
}

#[test]
fn exceptions_and_errors_in_a_stream_are_told_apart() {
    for (name, message, kind) in [
        ("throttlingException", "slow down", ErrorKind::RateLimited),
        ("internalServerException", "", ErrorKind::Overloaded),
        ("modelStreamErrorException", "", ErrorKind::Overloaded),
        ("validationException", "no", ErrorKind::InvalidRequest),
        ("validationException", "Input is too long for requested model.", ErrorKind::ContextTooLong),
        ("newException", "", ErrorKind::Overloaded),
    ] {
        let body = json!({ "message": message }).to_string();
        let frame = event_stream_frame(&format!("!{name}"), body.as_bytes());

        let error = read(&Arc::new(bedrock()), [&frame[..]]).1.expect_err("is an error");

        assert_eq!(error.kind(), kind, "{name}");
        assert_eq!(error.details().provider_code.as_deref(), Some(name));
    }
    let headers = [(":message-type", "error"), (":error-code", "Broken"), (":error-message", "gone")];
    let error = read(&Arc::new(bedrock()), [&event_stream_message(&headers, b"")[..]]).1;
    assert_eq!(error.expect_err("is an error").to_string(), "`bedrock` says: gone");
}

#[test]
fn a_call_without_input_has_an_empty_one() {
    let start =
        json!({ "contentBlockIndex": 0, "start": { "toolUse": { "toolUseId": "a", "name": "look" } } });
    let bytes = [
        event_stream_frame("messageStart", br#"{"role":"assistant"}"#),
        event_stream_frame("contentBlockStart", start.to_string().as_bytes()),
        event_stream_frame("contentBlockStop", br#"{"contentBlockIndex":0}"#),
        event_stream_frame("messageStop", br#"{"stopReason":"tool_use"}"#),
        event_stream_frame("metadata", br#"{"usage":{"inputTokens":1,"outputTokens":2}}"#),
    ]
    .concat();

    let reply = fold(read(&Arc::new(bedrock()), [&bytes[..]]).0);

    let call = ToolCall { id: "a".into(), name: "look".into(), arguments: "{}".into() };
    assert_eq!(reply.parts, [Part::ToolCall(call)]);
}

#[test]
fn input_counts_what_the_cache_gave_and_took() {
    let usage = json!({ "inputTokens": 3, "outputTokens": 2, "cacheReadInputTokens": 10,
        "cacheWriteInputTokens": 5, "cacheDetails": [{ "ttl": "5m", "inputTokens": 1 }, { "ttl": "1h", "inputTokens": 4 }] });
    let body =
        json!({ "output": { "message": { "content": [] } }, "stopReason": "end_turn", "usage": usage });

    let usage = bedrock().decode(body.to_string().as_bytes()).expect("is a reply").usage;

    assert_eq!((usage.input, usage.cache_read, usage.cache_write), (Some(18), Some(10), Some(5)));
    assert_eq!((usage.cache_write_1h, usage.output), (Some(4), Some(2)));
}

#[test]
fn each_family_of_models_has_its_format_for_vectors() {
    let sent = |request: &EmbedRequest| -> (String, Value) {
        let wire = bedrock().encode_embed(request).expect("can be said");
        (wire.path.clone(), serde_json::from_slice(&wire.body.to_bytes()).expect("is JSON"))
    };
    let mut titan = EmbedRequest::new("amazon.titan-embed-text-v2:0", ["a"]);
    titan.dimensions = Some(256);
    let cohere = EmbedRequest::new("cohere.embed-english-v3", ["a", "b"]);

    let path = "/model/amazon.titan-embed-text-v2%3A0/invoke".to_owned();
    assert_eq!(sent(&titan), (path, json!({ "inputText": "a", "dimensions": 256 })));
    assert_eq!(sent(&cohere).1["texts"], json!(["a", "b"]));
    let reply = bedrock().decode_embed(&cohere, br#"{"embeddings":[[1.0],[2.0]]}"#).expect("is a reply");
    assert_eq!(reply.vectors, [[1.0], [2.0]]);
    assert_eq!((bedrock().embeds_at_once(&titan.model), bedrock().embeds_at_once(&cohere.model)), (1, 96));
    titan.input.extend(cohere.input);
    let error = bedrock().encode_embed(&titan).expect_err("is too much");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}
