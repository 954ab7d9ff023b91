//! Requests as OpenAI's SDKs send them.

use codeflow_api::{ChatCompletions, Decoded, Error, ErrorKind};
use codeflow_model::{
    ChatRequest, Image, ImageSource, Message, Part, ResponseFormat, Role, Tool, ToolCall, ToolChoice,
    ToolResult,
};
use proptest::prelude::{Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};
use serde_json::{Value, json};

fn decode(body: &Value) -> Result<Decoded, Error> {
    ChatCompletions::decode(body.to_string().as_bytes())
}

fn with(fields: Value) -> Value {
    let mut body = json!({ "model": "m", "messages": [] });
    for (name, value) in fields.as_object().expect("is an object") {
        body[name] = value.clone();
    }
    body
}

fn request(fields: Value) -> ChatRequest {
    decode(&with(fields)).expect("is fine").request
}

fn messages(messages: Value) -> Vec<Message> {
    request(json!({ "messages": messages })).messages
}

#[test]
fn every_setting_is_read() {
    let function = json!({ "name": "look", "description": "does", "strict": true,
        "parameters": { "type": "object", "properties": {} } });
    let format = json!({ "name": "out", "schema": { "type": "object" }, "strict": true });
    let body = with(json!({
        "tools": [{ "type": "function", "function": function }],
        "tool_choice": { "type": "function", "function": { "name": "look" } },
        "parallel_tool_calls": false,
        "response_format": { "type": "json_schema", "json_schema": format },
        "max_completion_tokens": 7, "temperature": 0.5, "top_p": 1, "seed": -3, "n": 1,
        "stop": ["END"], "reasoning_effort": "low", "user": "u", "metadata": { "k": "v" },
        "stream": true, "stream_options": { "include_usage": true }, "modalities": ["text"],
    }));

    let decoded = decode(&body).expect("is fine");

    let schema = json!({ "type": "object" });
    let mut expected = ChatRequest::new("m", vec![]);
    expected.tools = vec![Tool {
        name: "look".into(),
        description: Some("does".into()),
        parameters: json!({ "type": "object", "properties": {} }),
        strict: Some(true),
    }];
    expected.tool_choice = Some(ToolChoice::Named("look".into()));
    expected.parallel_tool_calls = Some(false);
    expected.response_format =
        Some(ResponseFormat::JsonSchema { name: "out".into(), schema, strict: Some(true) });
    expected.max_output_tokens = Some(7);
    (expected.temperature, expected.top_p, expected.seed) = (Some(0.5), Some(1.0), Some(-3));
    expected.stop = vec!["END".into()];
    (expected.reasoning_effort, expected.user) = (Some("low".into()), Some("u".into()));
    expected.metadata.insert("k".into(), json!("v"));
    assert_eq!(decoded, Decoded { request: expected, stream: true, wants_usage: true, dropped: vec![] });
}

#[test]
fn settings_that_come_in_several_forms_are_read_in_each() {
    let choice = |choice: Value| request(json!({ "tool_choice": choice })).tool_choice;
    assert_eq!(choice(json!("auto")), Some(ToolChoice::Auto));
    assert_eq!(choice(json!("none")), Some(ToolChoice::None));
    assert_eq!(choice(json!("required")), Some(ToolChoice::Required));
    assert_eq!(choice(Value::Null), None);
    assert_eq!(request(json!({ "stop": "END" })).stop, ["END"]);
    assert_eq!(request(json!({ "stop": null })).stop, [""; 0]);
    assert_eq!(request(json!({ "max_tokens": 5 })).max_output_tokens, Some(5));
    assert_eq!(request(json!({ "max_tokens": 5, "max_completion_tokens": 5 })).max_output_tokens, Some(5));
    assert_eq!(request(json!({ "safety_identifier": "s" })).user.as_deref(), Some("s"));
    let format = |kind: &str| request(json!({ "response_format": { "type": kind } })).response_format;
    assert_eq!(format("text"), Some(ResponseFormat::Text));
    assert_eq!(format("json_object"), Some(ResponseFormat::JsonObject));
    let bare = json!({ "tools": [{ "type": "function", "function": { "name": "f" } }] });
    assert_eq!(request(bare).tools[0].parameters, json!({ "type": "object", "properties": {} }));
}

#[test]
fn a_conversation_keeps_its_speakers_pictures_and_tools() {
    let call =
        json!({ "id": "c1", "type": "function", "function": { "name": "look", "arguments": "{\"a\": 1}" } });
    let picture = |url: &str| json!({ "type": "image_url", "image_url": { "url": url, "detail": "low" } });
    let read = messages(json!([
        { "role": "developer", "content": "Be brief." },
        { "role": "system", "content": [{ "type": "text", "text": "Be kind." }] },
        { "role": "user", "name": "ann", "content": [{ "type": "text", "text": "What is this?" },
            picture("https://example.com/a.png"), picture("data:image/PNG;charset=x;base64,AA==")] },
        { "role": "assistant", "content": null, "tool_calls": [call] },
        { "role": "tool", "tool_call_id": "c1", "content": [{ "type": "text", "text": "a cat" }] },
        { "role": "assistant", "content": [{ "type": "refusal", "refusal": "No." }] },
        { "role": "assistant", "refusal": "Never." },
    ]));

    let image = |source| Part::Image(Image { source, detail: Some("low".into()) });
    let say = |role, parts| Message { role, parts, name: None };
    let url = ImageSource::Url("https://example.com/a.png".into());
    let data = ImageSource::Base64 { media_type: "image/png".into(), data: "AA==".into() };
    let call = ToolCall { id: "c1".into(), name: "look".into(), arguments: "{\"a\": 1}".into() };
    let parts = vec![Part::Text("a cat".into())];
    let result = ToolResult { call_id: "c1".into(), parts, is_error: false };
    assert_eq!(
        read,
        [
            Message::text(Role::System, "Be brief."),
            Message::text(Role::System, "Be kind."),
            Message {
                role: Role::User,
                parts: vec![Part::Text("What is this?".into()), image(url), image(data)],
                name: Some("ann".into()),
            },
            say(Role::Assistant, vec![Part::ToolCall(call)]),
            say(Role::Tool, vec![Part::ToolResult(result)]),
            Message::text(Role::Assistant, "No."),
            Message::text(Role::Assistant, "Never."),
        ]
    );
}

#[test]
fn unknown_fields_are_named_and_lost() {
    let body = with(json!({
        "logit_bias": { "1": 2 }, "store": true, "prediction": null,
        "messages": [{ "role": "user", "content": [{ "type": "text", "text": "a", "x": 1 }], "cache_control": {} }],
        "tools": [{ "type": "function", "function": { "name": "f", "y": 1 } }],
        "stream_options": { "include_obfuscation": false },
    }));

    let decoded = decode(&body).expect("is fine");

    let names = [
        "messages[0].content[0].x",
        "messages[0].cache_control",
        "tools[0].function.y",
        "stream_options.include_obfuscation",
        "logit_bias",
        "store",
    ];
    assert_eq!(decoded.dropped, names);
    assert_eq!(decoded.dropped_header().as_deref(), Some(names.join(", ").as_str()));
    assert!(decoded.request.extra.is_empty());
}

#[test]
fn a_header_of_lost_fields_is_clean_and_short() {
    let fields: serde_json::Map<String, Value> =
        (0..500).map(|number| (format!("f{number:03}\r\nset-cookie: é"), json!(1))).collect();

    let decoded = decode(&with(Value::Object(fields))).expect("is fine");

    let header = decoded.dropped_header().expect("is there");
    assert_eq!(decoded.dropped.len(), 100);
    assert!(header.starts_with("f000set-cookie, f001set-cookie, ") && header.ends_with(", ..."), "{header}");
    assert_eq!(header.split(", ").count(), 17);
    assert_eq!(decode(&with(json!({}))).expect("is fine").dropped_header(), None);
}

#[test]
fn what_cannot_be_asked_of_everybody_is_refused_by_name() {
    for (fields, path) in [
        (json!({ "functions": [] }), "functions"),
        (json!({ "function_call": "auto" }), "function_call"),
        (json!({ "n": 2 }), "n"),
        (json!({ "audio": {} }), "audio"),
        (json!({ "modalities": ["text", "audio"] }), "modalities[1]"),
        (json!({ "tools": [{ "type": "custom", "custom": {} }] }), "tools[0].type"),
        (json!({ "tool_choice": { "type": "allowed_tools" } }), "tool_choice.type"),
        (json!({ "messages": [{ "role": "function", "content": "x" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "assistant", "function_call": {} }] }), "messages[0].function_call"),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "input_audio" }] }] }),
            "messages[0].content[0].type",
        ),
    ] {
        let error = decode(&with(fields)).expect_err("is refused");
        assert_eq!((error.kind(), error.path()), (ErrorKind::UnsupportedField, Some(path)));
        assert!(error.to_string().starts_with(&format!("`{path}` ")), "{error}");
    }
}

#[test]
fn what_is_wrong_is_named_by_its_path() {
    let user = |content: Value| json!({ "messages": [{ "role": "user", "content": "a" }, { "role": "user", "content": content }] });
    let picture = |url: &str| user(json!([{ "type": "image_url", "image_url": { "url": url } }]));
    let call = |call: Value| json!({ "messages": [{ "role": "assistant", "tool_calls": [call] }] });
    for (fields, path) in [
        (json!({ "model": null }), "model"),
        (json!({ "model": 7 }), "model"),
        (json!({ "messages": null }), "messages"),
        (json!({ "messages": {} }), "messages"),
        (json!({ "messages": ["a"] }), "messages[0]"),
        (json!({ "messages": [{ "content": "a" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "robot", "content": "a" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "user" }] }), "messages[0].content"),
        (user(json!(7)), "messages[1].content"),
        (user(json!([7])), "messages[1].content[0]"),
        (user(json!([{ "type": "text" }])), "messages[1].content[0].text"),
        (user(json!([{ "text": "a" }])), "messages[1].content[0].type"),
        (picture("file:///etc/passwd"), "messages[1].content[0].image_url.url"),
        (picture("data:image/png,abc"), "messages[1].content[0].image_url.url"),
        (picture("data:;base64,abc"), "messages[1].content[0].image_url.url"),
        (picture("data:"), "messages[1].content[0].image_url.url"),
        (json!({ "messages": [{ "role": "tool", "content": "a" }] }), "messages[0].tool_call_id"),
        (call(json!({ "function": {} })), "messages[0].tool_calls[0].id"),
        (
            call(json!({ "id": "c", "function": { "name": "f", "arguments": {} } })),
            "messages[0].tool_calls[0].function.arguments",
        ),
        (json!({ "tools": [{ "type": "function", "function": {} }] }), "tools[0].function.name"),
        (
            json!({ "tools": [{ "type": "function", "function": { "name": "f", "parameters": [] } }] }),
            "tools[0].function.parameters",
        ),
        (json!({ "tool_choice": "some" }), "tool_choice"),
        (json!({ "tool_choice": { "type": "function" } }), "tool_choice.function"),
        (json!({ "response_format": { "type": "xml" } }), "response_format.type"),
        (json!({ "response_format": { "type": "json_schema" } }), "response_format.json_schema"),
        (json!({ "max_tokens": 1, "max_completion_tokens": 2 }), "max_tokens"),
        (json!({ "max_tokens": -1 }), "max_tokens"),
        (json!({ "temperature": "hot" }), "temperature"),
        (json!({ "seed": 1.5 }), "seed"),
        (json!({ "stop": [1] }), "stop[0]"),
        (json!({ "stream": "yes" }), "stream"),
        (json!({ "metadata": [] }), "metadata"),
    ] {
        let error = decode(&with(fields)).expect_err(path);
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidField, Some(path)));
    }
}

#[test]
fn a_body_that_is_no_object_is_refused() {
    for (body, kind) in [
        ("", ErrorKind::InvalidJson),
        ("{\"model\":", ErrorKind::InvalidJson),
        ("{} x", ErrorKind::InvalidJson),
        ("[]", ErrorKind::InvalidField),
    ] {
        assert_eq!(ChatCompletions::decode(body.as_bytes()).expect_err("is refused").kind(), kind);
    }
}

fn part() -> impl Strategy<Value = (Value, Part)> {
    prop_oneof![
        any::<String>().prop_map(|text| (json!({ "type": "text", "text": text }), Part::Text(text))),
        ("[a-zA-Z0-9+/]{0,8}", prop::option::of("low|high")).prop_map(|(data, detail)| {
            let mut inner = json!({ "url": format!("data:image/gif;base64,{data}") });
            if let Some(detail) = &detail {
                inner["detail"] = json!(detail);
            }
            let source = ImageSource::Base64 { media_type: "image/gif".into(), data };
            (json!({ "type": "image_url", "image_url": inner }), Part::Image(Image { source, detail }))
        }),
    ]
}

fn message() -> impl Strategy<Value = (Value, Message)> {
    let said = |role: Role, parts| Message { role, parts, name: None };
    let call = (any::<String>(), any::<String>(), any::<String>());
    prop_oneof![
        any::<String>().prop_map(|text| {
            (json!({ "role": "system", "content": text }), Message::text(Role::System, text))
        }),
        prop::collection::vec(part(), 0..4).prop_map(move |parts| {
            let (wire, parts): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
            (json!({ "role": "user", "content": wire }), said(Role::User, parts))
        }),
        prop::collection::vec(call, 0..3).prop_map(move |calls| {
            let wire = |(id, name, arguments): &(String, String, String)| {
                json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
            };
            let wire: Vec<_> = calls.iter().map(wire).collect();
            let part = |(id, name, arguments)| Part::ToolCall(ToolCall { id, name, arguments });
            let parts = calls.into_iter().map(part).collect();
            (json!({ "role": "assistant", "content": null, "tool_calls": wire }), said(Role::Assistant, parts))
        }),
        (any::<String>(), any::<String>()).prop_map(move |(call_id, text)| {
            let wire = json!({ "role": "tool", "tool_call_id": call_id, "content": text });
            let result = ToolResult { call_id, parts: vec![Part::Text(text)], is_error: false };
            (wire, said(Role::Tool, vec![Part::ToolResult(result)]))
        }),
    ]
}

proptest! {
    #[test]
    fn any_conversation_is_read_as_it_was_meant(
        conversation in prop::collection::vec(message(), 0..6),
        temperature in prop::option::of(0.0..2.0_f64),
        limit in prop::option::of(any::<u64>()),
        stop in prop::collection::vec(any::<String>(), 0..3),
    ) {
        let (wire, expected): (Vec<_>, Vec<_>) = conversation.into_iter().unzip();
        let body = with(json!({ "messages": wire, "temperature": temperature, "max_tokens": limit, "stop": stop }));

        let decoded = decode(&body).expect("is fine");

        prop_assert_eq!(decoded.request.messages, expected);
        prop_assert_eq!(decoded.request.max_output_tokens, limit);
        prop_assert_eq!(decoded.request.stop, stop);
        let close = |one: f64, other: f64| (one - other).abs() < 1e-9;
        prop_assert_eq!(
            decoded.request.temperature.zip(temperature).map(|(one, other)| close(one, other)),
            temperature.map(|_| true)
        );
        prop_assert_eq!(decoded.dropped, Vec::<String>::new());
    }

    #[test]
    fn no_bytes_make_it_stumble(body in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = ChatCompletions::decode(&body);
    }
}
