//! What clients send: the sketch of a body and its full reading.

use codeflow_api::{Decoded, Embeddings, Error, ErrorKind, Failure, Sketch, decode_chat};
use codeflow_model::WireFormat::{ChatCompletions, Messages};
use codeflow_providers::{Anthropic, Bedrock, Cohere, Compatibility, Dialect, Gemini, Mode, Ollama, OpenAi};
use http::HeaderValue;
use serde_json::{Map, Value};

/// A sketch accepts what a full reader of JSON accepts, and reads the same fields.
pub(crate) fn sketch(input: &[u8]) {
    let parsed = serde_json::from_slice::<Map<String, Value>>(input);
    match Sketch::of(input) {
        Ok(sketch) => {
            let fields = parsed.expect("what a sketch accepts every reader does");
            same_fields(&sketch, &fields, input);
        }
        Err(error) => assert!(parsed.is_err() || error.kind() != ErrorKind::InvalidJson, "{error}"),
    }
}

fn same_fields(sketch: &Sketch<'_>, fields: &Map<String, Value>, input: &[u8]) {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let count = |name: &str| fields.get(name).and_then(Value::as_u64);
    let flag = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or(false);
    assert_eq!(sketch.model.as_deref(), text("model"));
    assert_eq!(sketch.user.as_deref(), text("user"));
    assert_eq!(sketch.service_tier.as_deref(), text("service_tier"));
    assert_eq!(sketch.max_tokens, count("max_tokens"));
    assert_eq!(sketch.max_completion_tokens, count("max_completion_tokens"));
    assert_eq!(sketch.n, count("n"));
    assert_eq!(sketch.stream, flag(fields.get("stream")));
    let options = fields.get("stream_options");
    assert_eq!(sketch.include_usage, flag(options.and_then(|it| it.get("include_usage"))));
    let user = fields.get("metadata").and_then(|it| it.get("user_id")).and_then(Value::as_str);
    assert_eq!(sketch.metadata_user.as_deref(), user);
    let tools = fields.get("tools").and_then(Value::as_array);
    assert_eq!(sketch.has_tools, tools.is_some_and(|tools| !tools.is_empty()));
    if sketch.model.is_some() {
        assert_eq!(written(input, sketch.model_at.clone()), fields.get("model").cloned());
    }
    if let Some(at) = sketch.stream_options_at.clone() {
        assert_eq!(written(input, at), options.cloned());
    }
}

fn written(input: &[u8], at: std::ops::Range<usize>) -> Option<Value> {
    serde_json::from_slice(input.get(at)?).ok()
}

/// Whatever a client sends is read, or refused by name; and what is read can be asked of every provider, or is refused.
pub(crate) fn inbound(input: &[u8]) {
    let is_json = Sketch::of(input).is_ok();
    for format in [ChatCompletions, Messages] {
        match decode_chat(format, input) {
            Ok(decoded) => ask_everybody(&decoded),
            Err(error) => {
                is_named(&error, is_json);
                let told = Failure::from(&error).body(format, "r");
                assert!(serde_json::from_slice::<Value>(&told).is_ok(), "a client can read it");
            }
        }
    }
    match Embeddings::decode(input) {
        Ok(decoded) => {
            let openai = OpenAi::new("openai", Compatibility::default());
            is_json_on_the_wire(openai.encode_embed(&decoded.request).map(|wire| wire.body.to_bytes()));
        }
        Err(error) => is_named(&error, is_json),
    }
}

fn is_named(error: &Error, is_json: bool) {
    let kind = error.kind();
    assert!(!is_json || kind != ErrorKind::InvalidJson, "what a sketch accepts is JSON to everybody");
    if kind == ErrorKind::UnsupportedField {
        assert!(error.path().is_some(), "{error}");
    }
}

fn ask_everybody(decoded: &Decoded) {
    if let Some(names) = decoded.dropped_header() {
        assert!(HeaderValue::from_str(&names).is_ok(), "{names}");
    }
    for mode in [Mode::Whole, Mode::Stream] {
        ask(&OpenAi::new("openai", Compatibility::default()), decoded, mode);
        ask(&Anthropic::new("anthropic"), decoded, mode);
        ask(&Gemini::new("gemini"), decoded, mode);
        ask(&Bedrock::new("bedrock", "eu-central-1"), decoded, mode);
        ask(&Ollama::new("ollama"), decoded, mode);
        ask(&Cohere::new("cohere"), decoded, mode);
    }
}

fn ask<D: Dialect>(dialect: &D, decoded: &Decoded, mode: Mode) {
    let wire = dialect.encode(&decoded.request, mode);
    if let Ok(wire) = &wire {
        assert!(wire.path.starts_with('/') && wire.path.parse::<http::Uri>().is_ok(), "{}", wire.path);
    }
    is_json_on_the_wire(wire.map(|wire| wire.body.to_bytes()));
}

fn is_json_on_the_wire(body: Result<bytes::Bytes, codeflow_model::ApiClientError>) {
    match body {
        Ok(body) => assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{body:?}"),
        Err(error) => assert_eq!(error.kind(), codeflow_model::ErrorKind::InvalidRequest),
    }
}
