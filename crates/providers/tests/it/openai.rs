//! Chat completions and their variants.

use std::sync::Arc;

use codeflow_model::{
    EmbedInput, EmbedRequest, ErrorKind, FinishReason, Image, ImageSource, Message, Part, ResponseFormat,
    Role, Thinking, ThinkingContent, ToolCall, ToolChoice, ToolResult,
};
use codeflow_providers::{Compatibility, Dialect, KeyHeader, LimitField, Mode, OpenAi};
use serde_json::json;

use crate::support::{ask, body, fold, hello, read, sign, sse, tool};

fn openai() -> OpenAi {
    OpenAi::new("openai", Compatibility::default())
}

fn chunk(delta: &str) -> String {
    format!(r#"{{"id":"x","model":"m","choices":[{{"index":0,"delta":{delta}}}]}}"#)
}

const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#""usage":{"prompt_tokens":5,"completion_tokens":2}"#;

#[test]
fn every_setting_has_its_field() {
    let mut request = hello();
    request.tools = vec![tool("look")];
    request.tool_choice = Some(ToolChoice::Named("look".into()));
    request.parallel_tool_calls = Some(false);
    let schema = json!({ "type": "object" });
    request.response_format =
        Some(ResponseFormat::JsonSchema { name: "out".into(), schema: schema.clone(), strict: Some(true) });
    request.max_output_tokens = Some(7);
    (request.temperature, request.top_p, request.seed) = (Some(0.5), Some(0.25), Some(3));
    request.stop = vec!["END".into()];
    (request.reasoning_effort, request.user) = (Some("low".into()), Some("u".into()));
    request.metadata.insert("k".into(), json!("v"));
    request.extra.insert("logit_bias".into(), json!({ "1": 2 }));
    request.extra.insert("model".into(), json!("other"));

    let function = json!({ "name": "look", "description": "does", "strict": true,
        "parameters": { "type": "object", "properties": {} } });
    let format = json!({ "name": "out", "schema": schema, "strict": true });
    assert_eq!(
        body(&openai(), &request, Mode::Stream),
        json!({
            "model": "m",
            "messages": [{ "role": "user", "content": "Hello" }],
            "tools": [{ "type": "function", "function": function }],
            "tool_choice": { "type": "function", "function": { "name": "look" } },
            "parallel_tool_calls": false,
            "response_format": { "type": "json_schema", "json_schema": format },
            "max_completion_tokens": 7, "temperature": 0.5, "top_p": 0.25, "seed": 3,
            "stop": ["END"], "reasoning_effort": "low", "user": "u", "metadata": { "k": "v" },
            "logit_bias": { "1": 2 },
            "stream": true, "stream_options": { "include_usage": true },
        })
    );
}

#[test]
fn differences_are_data() {
    let mut mistral = Compatibility { path: "/v1/chat".into(), ..Compatibility::default() };
    mistral.limit = LimitField::MaxTokens;
    (mistral.seed, mistral.required) = ("random_seed".into(), "any".into());
    (mistral.asks_for_usage, mistral.key) = (false, KeyHeader::ApiKey);
    let dialect = OpenAi::new("mistral", mistral);
    let mut request = hello();
    (request.max_output_tokens, request.seed) = (Some(7), Some(3));
    (request.tools, request.tool_choice) = (vec![tool("a")], Some(ToolChoice::Required));

    let sent = body(&dialect, &request, Mode::Stream);
    let mut wire = dialect.encode(&request, Mode::Whole).expect("can be said");
    sign(&dialect, &mut wire, "k").expect("fits a header");

    assert_eq!((&sent["max_tokens"], &sent["random_seed"]), (&json!(7), &json!(3)));
    assert_eq!(sent["tool_choice"], "any");
    assert!(sent.get("stream_options").is_none() && sent.get("seed").is_none());
    assert_eq!((wire.path.as_str(), &wire.headers["api-key"]), ("/v1/chat", &"k".parse().expect("fits")));
}

#[test]
fn what_a_provider_cannot_do_is_refused_before_it_is_asked() {
    let mut less = Compatibility::default();
    less.capabilities.json_schema = false;
    less.capabilities.json_object = false;
    less.capabilities.tools = false;
    less.capabilities.images = false;
    let dialect = OpenAi::new("small", less);
    let mut schema = hello();
    let format = ResponseFormat::JsonSchema { name: "x".into(), schema: json!({}), strict: None };
    schema.response_format = Some(format);
    let mut object = hello();
    object.response_format = Some(ResponseFormat::JsonObject);
    let mut tools = hello();
    tools.tools = vec![tool("a")];
    let source = ImageSource::Url("https://example.com/a.png".into());
    let images = ask(vec![Part::Image(Image { source, detail: None })]);

    for request in [schema, object, tools, images] {
        let error = dialect.encode(&request, Mode::Whole).expect_err("is too much");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
}

#[test]
fn results_follow_their_calls_and_images_follow_the_results() {
    let picture = || {
        let source = ImageSource::Base64 { media_type: "image/png".into(), data: "AA==".into() };
        Part::Image(Image { source, detail: Some("low".into()) })
    };
    let result =
        |id: &str, parts| Part::ToolResult(ToolResult { call_id: id.into(), parts, is_error: false });
    let call = ToolCall { id: "a".into(), name: "look".into(), arguments: "{}".into() };
    let content = ThinkingContent::Shown { text: "hm".into(), signature: None };
    let thought = Thinking { provider: "openai".into(), content };
    let mut request = hello();
    let say = |role, parts| Message { role, parts, name: None };
    request.messages.extend([
        say(Role::Assistant, vec![Part::Thinking(thought), Part::ToolCall(call)]),
        say(Role::Tool, vec![result("a", vec![Part::Text("see".into()), picture()])]),
        say(Role::User, vec![result("b", vec![Part::Text("1".into())]), Part::Text("so?".into())]),
    ]);

    let image = json!({ "type": "image_url",
        "image_url": { "url": "data:image/png;base64,AA==", "detail": "low" } });
    let call = json!({ "id": "a", "type": "function",
        "function": { "name": "look", "arguments": "{}" } });
    assert_eq!(
        body(&openai(), &request, Mode::Whole)["messages"],
        json!([
            { "role": "user", "content": "Hello" },
            { "role": "assistant", "content": null, "tool_calls": [call] },
            { "role": "tool", "tool_call_id": "a", "content": "see" },
            { "role": "tool", "tool_call_id": "b", "content": "1" },
            { "role": "user", "content": [image] },
            { "role": "user", "content": "so?" },
        ])
    );
}

#[test]
fn usage_is_found_wherever_it_rides() {
    let text = chunk(r#"{"content":"a"}"#);
    let empty = format!(r#"{{"choices":[],{USAGE}}}"#);
    let full = format!(r#"{{"choices":[{{"index":0,"delta":{{}}}}],{USAGE}}}"#);
    let groq = format!(r#"{{"choices":[],"x_groq":{{{USAGE}}}}}"#);
    let riding = format!(r#"{{{},{USAGE}}}"#, &STOP[1..STOP.len() - 1]);
    for frames in [[STOP, &empty], [STOP, &full], [STOP, &groq], [STOP, &riding]] {
        let bytes = sse(&[&text, frames[0], frames[1], "[DONE]"]);

        let (events, end) = read(&Arc::new(openai()), [&bytes[..]]);

        end.expect("is complete");
        let usage = fold(events).usage;
        assert_eq!((usage.input, usage.output), (Some(5), Some(2)));
    }
}

#[test]
fn parallel_calls_stay_apart_however_they_are_numbered() {
    let call = |number: &str, id: &str, text: &str| {
        let id = if id.is_empty() { String::new() } else { format!(r#""id":"{id}","#) };
        chunk(&format!(
            r#"{{"tool_calls":[{{{number}{id}"function":{{"name":"f","arguments":"{text}"}}}}]}}"#
        ))
    };
    for frames in [
        vec![call(r#""index":0,"#, "a", "1"), call(r#""index":0,"#, "b", "2")],
        vec![call("", "a", "1"), call("", "b", "2")],
        vec![
            call(r#""index":0,"#, "a", ""),
            call(r#""index":1,"#, "b", "2"),
            call(r#""index":0,"#, "a", "1"),
        ],
        vec![call("", "a", ""), call("", "", "1"), call("", "b", ""), call("", "b", "2")],
    ] {
        let mut frames: Vec<_> = frames.iter().map(String::as_str).collect();
        frames.extend([STOP, "[DONE]"]);

        let reply = fold(read(&Arc::new(openai()), [&sse(&frames)[..]]).0);

        let call = |id: &str, arguments: &str| {
            let (id, name, arguments) = (id.into(), "f".into(), arguments.into());
            Part::ToolCall(ToolCall { id, name, arguments })
        };
        assert_eq!(reply.parts, [call("a", "1"), call("b", "2")]);
    }
}

#[test]
fn a_call_without_an_id_gets_the_same_one_either_way() {
    let calls = r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}}]}"#;
    let bytes = sse(&[&chunk(calls), STOP, "[DONE]"]);
    let whole = format!(r#"{{"choices":[{{"message":{calls},"finish_reason":"stop"}}]}}"#);

    let streamed = fold(read(&Arc::new(openai()), [&bytes[..]]).0);

    assert_eq!(streamed.parts, openai().decode(whole.as_bytes()).expect("is a reply").parts);
}

#[test]
fn servers_that_do_not_close_are_complete_only_with_a_reason() {
    let open = Compatibility { closes: false, ..Compatibility::default() };
    let dialect = Arc::new(OpenAi::new("local", open));
    let text = chunk(r#"{"content":"a"}"#);

    let (events, end) = read(&dialect, [&sse(&[&text, STOP])[..]]);
    end.expect("is complete");
    assert_eq!(fold(events).finish, FinishReason::Stop);
    read(&dialect, [&sse(&[&text])[..]]).1.expect_err("is cut");
    read(&dialect, [&sse(&[&text, "[DONE]"])[..]]).1.expect_err("has no reason");
}

#[test]
fn an_error_is_never_a_way_to_end() {
    let frame = r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}"#;

    let (_, end) = read(&Arc::new(openai()), [&sse(&[frame, "[DONE]"])[..]]);

    assert_eq!(end.expect_err("is an error").kind(), ErrorKind::BadResponse);
}

#[test]
fn variants_of_replies_are_understood() {
    let reply = |rest: &str, usage: &str| {
        format!(r#"{{"choices":[{{"message":{{{rest}}},"finish_reason":"stop"}}],"usage":{usage}}}"#)
    };
    let parts = reply(r#""content":[{"type":"text","text":"a"},{"type":"x"},{"text":"b"}]"#, "null");
    let parts = openai().decode(parts.as_bytes()).expect("is a reply");
    assert_eq!(parts.parts, [Part::Text("ab".into())]);
    assert_eq!(parts.usage, codeflow_model::Usage::default());

    let apart = Compatibility { reasoning_apart: true, ..Compatibility::default() };
    let usage = r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_cache_hit_tokens":4,
        "completion_tokens_details":{"reasoning_tokens":5}}"#;
    let apart = OpenAi::new("xai", apart).decode(reply(r#""content":"a""#, usage).as_bytes());
    let usage = apart.expect("is a reply").usage;
    assert_eq!((usage.output, usage.reasoning, usage.cache_read), (Some(7), Some(5), Some(4)));
}

#[test]
fn vectors_are_asked_for_in_the_shorter_form_where_it_is_known() {
    let sent = |dialect: &OpenAi, request: &EmbedRequest| -> serde_json::Value {
        let wire = dialect.encode_embed(request).expect("can be said");
        assert_eq!(wire.path, "/embeddings");
        serde_json::from_slice(&wire.body.to_bytes()).expect("is JSON")
    };
    let mut request = EmbedRequest::new("m", ["a", "b"]);
    (request.dimensions, request.user) = (Some(256), Some("u".into()));
    assert_eq!(
        sent(&openai(), &request),
        json!({ "model": "m", "input": ["a", "b"], "dimensions": 256, "user": "u", "encoding_format": "base64" })
    );
    request.extra.insert("encoding_format".into(), json!("float"));
    assert_eq!(sent(&openai(), &request)["encoding_format"], "float");

    let plain = OpenAi::new("x", Compatibility { base64_vectors: false, ..Compatibility::default() });
    request = EmbedRequest { input: vec![EmbedInput::Tokens(vec![1, 2])], ..EmbedRequest::new("m", ["a"]) };
    assert_eq!(sent(&plain, &request), json!({ "model": "m", "input": [[1, 2]] }));
    request.input.push(EmbedInput::Text("a".into()));
    let error = plain.encode_embed(&request).expect_err("mixes them");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[test]
fn vectors_that_are_none_are_bad_responses() {
    let request = EmbedRequest::new("m", ["a"]);
    let decode = |data: &str| openai().decode_embed(&request, format!(r#"{{"data":[{data}]}}"#).as_bytes());

    assert_eq!(decode(r#"{"embedding":[1,2.5]}"#).expect("is a reply").vectors, [[1.0, 2.5]]);
    // Two numbers where one text was sent, half a number, and no base64 at all.
    for data in [r#"{"embedding":[1]},{"embedding":[2]}"#, r#"{"embedding":"AAA="}"#, r#"{"embedding":"?"}"#]
    {
        assert_eq!(decode(data).expect_err("is none").kind(), ErrorKind::BadResponse);
    }
    let error =
        openai().decode_embed(&request, br#"{"error":{"message":"no","code":"rate_limit_exceeded"}}"#);
    assert_eq!(error.expect_err("is an error").kind(), ErrorKind::RateLimited);
}

#[test]
fn thoughts_before_a_call_go_back_to_those_who_insist() {
    let strict = Compatibility { thought: Some("reasoning_content".into()), ..Compatibility::default() };
    let dialect = OpenAi::new("deepseek", strict);
    let call = || Part::ToolCall(ToolCall { id: "a".into(), name: "f".into(), arguments: "{}".into() });
    let content = ThinkingContent::Shown { text: "hm".into(), signature: None };
    let thought =
        |provider: &str| Part::Thinking(Thinking { provider: provider.into(), content: content.clone() });
    let said = |parts| {
        let mut request = hello();
        request.messages.push(Message { role: Role::Assistant, parts, name: None });
        body(&dialect, &request, Mode::Whole)["messages"][1].get("reasoning_content").cloned()
    };

    assert_eq!(said(vec![thought("deepseek"), call()]), Some(json!("hm")));
    assert_eq!(said(vec![thought("other"), call()]), Some(json!("")));
    assert_eq!(said(vec![thought("deepseek"), Part::Text("a".into())]), None);
}

#[test]
fn fields_that_a_provider_refuses_are_left_out() {
    let omits = ["user".to_owned(), "metadata".to_owned()].into();
    let dialect = OpenAi::new("mistral", Compatibility { omits, ..Compatibility::default() });
    let mut request = hello();
    request.user = Some("u".into());
    request.metadata.insert("k".into(), json!("v"));
    request.extra.insert("safe_prompt".into(), json!(true));

    let sent = body(&dialect, &request, Mode::Whole);

    assert!(sent.get("user").is_none() && sent.get("metadata").is_none());
    assert_eq!(sent["safe_prompt"], true);
}

#[test]
fn thoughts_among_the_parts_of_the_content_are_found() {
    let content = r#"{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"So"}]}"#;
    let whole = format!(r#"{{"choices":[{{"message":{content},"finish_reason":"model_length"}}]}}"#);

    let reply = openai().decode(whole.as_bytes()).expect("is a reply");
    let streamed = fold(read(&Arc::new(openai()), [&sse(&[&chunk(content), STOP, "[DONE]"])[..]]).0);

    let thought = ThinkingContent::Shown { text: "hm".into(), signature: None };
    let thought = Part::Thinking(Thinking { provider: "openai".into(), content: thought });
    assert_eq!(reply.parts, [thought, Part::Text("So".into())]);
    assert_eq!((streamed.parts, reply.finish), (reply.parts, FinishReason::Length));
}
