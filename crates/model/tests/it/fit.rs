//! Requests made to fit a model.

use std::borrow::Cow;

use codeflow_model::{
    ChatRequest, ErrorKind, Message, OnRetired, Quirks, Registry, ResponseFormat, Role, Tool, ToolChoice,
};
use serde_json::json;

fn hello() -> ChatRequest {
    ChatRequest::new("m", vec![Message::text(Role::User, "Hello")])
}

fn quirks(text: &str) -> Quirks {
    serde_json::from_str(text).expect("are quirks")
}

#[test]
fn a_request_that_fits_is_not_copied() {
    let mut request = hello();
    (request.temperature, request.reasoning_effort) = (Some(0.5), Some("low".into()));
    request.messages.push(Message::text(Role::Assistant, "So"));

    for quirks in [Quirks::default(), quirks(r#"{"sampling":true,"prefill":true,"efforts":{"max":false}}"#)] {
        assert!(matches!(quirks.fit(&request), Ok(Cow::Borrowed(_))));
    }
}

#[test]
fn wishes_that_a_model_refuses_are_left_out() {
    let mut request = hello();
    (request.temperature, request.top_p) = (Some(0.5), Some(0.9));
    request.extra.insert("top_k".into(), json!(4));
    request.extra.insert("speed".into(), json!("fast"));
    request.reasoning_effort = Some("minimal".into());
    let (name, parameters) = ("look".to_owned(), json!({ "type": "object" }));
    request.tools = vec![Tool { name, description: None, parameters, strict: Some(true) }];
    let quirks = quirks(r#"{"sampling":false,"strict_tools":false,"efforts":{"minimal":false}}"#);

    let fit = quirks.fit(&request).expect("fits").into_owned();

    assert_eq!((fit.temperature, fit.top_p, fit.reasoning_effort), (None, None, None));
    assert_eq!(fit.extra.keys().collect::<Vec<_>>(), ["speed"]);
    assert_eq!(fit.tools[0].strict, None);
}

#[test]
fn what_would_change_the_reply_is_refused() {
    let mut begun = hello();
    begun.messages.push(Message::text(Role::Assistant, "{"));
    let mut forced = hello();
    forced.tool_choice = Some(ToolChoice::Required);
    let mut named = hello();
    named.tool_choice = Some(ToolChoice::Named("look".into()));
    let mut schema = hello();
    let format = ResponseFormat::JsonSchema { name: "x".into(), schema: json!({}), strict: None };
    schema.response_format = Some(format);

    let quirks = quirks(r#"{"prefill":false,"forced_tools":false,"output_config":false}"#);
    for request in [begun, forced, named, schema] {
        let error = quirks.fit(&request).expect_err("is too much");
        assert_eq!((error.kind(), error.details().model.as_str()), (ErrorKind::InvalidRequest, "m"));
    }
    let mut free = hello();
    free.tool_choice = Some(ToolChoice::Auto);
    quirks.fit(&free).expect("fits");
}

#[test]
fn a_model_that_decides_by_itself_is_let() {
    let quirks = quirks(r#"{"adaptive_thinking":true,"thinking_always_on":true}"#);
    let thinking = |effort: &str, own: Option<serde_json::Value>| {
        let mut request = hello();
        request.reasoning_effort = Some(effort.to_owned());
        request.extra.extend(own.map(|own| ("thinking".to_owned(), own)));
        let fit = quirks.fit(&request).expect("fits").into_owned();
        (fit.reasoning_effort, fit.extra.get("thinking").cloned())
    };

    let adaptive = json!({ "type": "adaptive" });
    assert_eq!(thinking("high", None), (Some("high".into()), Some(adaptive)));
    let own = json!({ "type": "enabled", "budget_tokens": 2000 });
    assert_eq!(thinking("high", Some(own.clone())), (Some("high".into()), Some(own)));
    assert_eq!(thinking("none", None), (None, None));
}

#[test]
fn the_registry_knows_models_without_sampling() {
    let model =
        Registry::builtin().resolve("anthropic/claude-opus-5-5", OnRetired::Refuse).expect("is known");
    let mut request = hello();
    request.temperature = Some(0.0);

    let fit = model.quirks.fit(&request).expect("fits");

    assert_eq!(fit.temperature, None);
}
