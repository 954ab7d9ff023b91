//! Whole replies, and that what a client sends back of one is read as what it was.

use codeflow_api::{ChatCompletions, Messages};
use codeflow_model::{ChatResponse, FinishReason, Part, Thinking, ThinkingContent, ToolCall, Usage};
use proptest::prelude::{Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};
use serde_json::{Value, json};

use crate::streams::stamp;

fn response() -> ChatResponse {
    let content = ThinkingContent::Shown { text: "hm".into(), signature: Some("sig".into()) };
    let usage = Usage {
        input: Some(100),
        cache_read: Some(30),
        cache_write: Some(10),
        cache_write_1h: Some(4),
        output: Some(20),
        reasoning: Some(5),
    };
    ChatResponse {
        id: "r1".into(),
        model: "m".into(),
        parts: vec![
            Part::Thinking(Thinking { provider: "anthropic".into(), content }),
            Part::Text("Hi".into()),
            Part::ToolCall(ToolCall {
                id: "c1".into(),
                name: "f".into(),
                arguments: r#"{"b": 1, "a": 1.10}"#.into(),
            }),
        ],
        finish: FinishReason::ToolCalls,
        usage,
    }
}

fn openai(response: &ChatResponse) -> String {
    String::from_utf8(ChatCompletions::encode(response, &stamp())).expect("is text")
}

fn anthropic(response: &ChatResponse) -> String {
    String::from_utf8(Messages::encode(response, &stamp())).expect("is text")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("is JSON")
}

#[test]
fn a_chat_completion_is_written_as_openai_does_it() {
    assert_eq!(
        openai(&response()),
        r#"{"id":"r1","object":"chat.completion","created":1700000000,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null,"reasoning_content":"hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"b\": 1, \"a\": 1.10}"}}]},"logprobs":null,"finish_reason":"tool_calls"}],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":30,"cache_write_tokens":10},"completion_tokens_details":{"reasoning_tokens":5}}}"#
    );
}

#[test]
fn a_message_is_written_as_anthropic_does_it() {
    assert_eq!(
        anthropic(&response()),
        r#"{"id":"r1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"sig"},{"type":"text","text":"Hi"},{"type":"tool_use","id":"c1","name":"f","input":{"b": 1, "a": 1.10}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":60,"cache_creation_input_tokens":10,"cache_read_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":6,"ephemeral_1h_input_tokens":4},"output_tokens":20}}"#
    );
}

#[test]
fn what_the_provider_left_out_is_filled_in() {
    let bare = ChatResponse {
        id: String::new(),
        model: String::new(),
        parts: vec![],
        usage: Usage::default(),
        ..response()
    };

    let (openai, anthropic) = (json(&openai(&bare)), json(&anthropic(&bare)));

    assert_eq!((&openai["id"], &openai["model"]), (&json!("made-up"), &json!("asked-for")));
    assert_eq!((&openai["usage"], &openai["choices"][0]["message"]["content"]), (&Value::Null, &json!("")));
    assert_eq!((&anthropic["id"], &anthropic["model"]), (&json!("made-up"), &json!("asked-for")));
    assert_eq!((&anthropic["content"], &anthropic["usage"]["input_tokens"]), (&json!([]), &json!(0)));
}

#[test]
fn every_end_has_its_word() {
    let words = |finish: FinishReason| {
        let response = ChatResponse { finish, ..response() };
        let (openai, anthropic) = (json(&openai(&response)), json(&anthropic(&response)));
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        [&openai["choices"][0]["finish_reason"], &anthropic["stop_reason"], &anthropic["stop_sequence"]]
            .map(word)
    };
    assert_eq!(words(FinishReason::Stop), ["stop", "end_turn", "-"]);
    assert_eq!(words(FinishReason::StopSequence("END".into())), ["stop", "stop_sequence", "END"]);
    assert_eq!(words(FinishReason::Length), ["length", "max_tokens", "-"]);
    assert_eq!(words(FinishReason::ToolCalls), ["tool_calls", "tool_use", "-"]);
    assert_eq!(words(FinishReason::ContentFilter), ["content_filter", "refusal", "-"]);
    assert_eq!(words(FinishReason::Other("pause_turn".into())), ["pause_turn", "pause_turn", "-"]);
}

#[test]
fn arguments_that_are_no_object_are_not_lost() {
    for (arguments, openai_text, input) in [
        ("", "{}", json!({})),
        (" ", " {}", json!({})),
        (" {\"a\":1} ", " {\"a\":1} ", json!({ "a": 1 })),
        ("{\"a\":", "{\"a\":", json!({ "_unreadable_arguments": "{\"a\":" })),
        ("[1]", "[1]", json!({ "_unreadable_arguments": "[1]" })),
        ("null", "null", json!({ "_unreadable_arguments": "null" })),
    ] {
        let call = ToolCall { id: "c".into(), name: "f".into(), arguments: arguments.into() };
        let response = ChatResponse { parts: vec![Part::ToolCall(call)], ..response() };

        let message = &json(&openai(&response))["choices"][0]["message"];
        assert_eq!(message["tool_calls"][0]["function"]["arguments"], openai_text);
        assert_eq!(message["content"], Value::Null);
        assert_eq!(json(&anthropic(&response))["content"][0]["input"], input);
    }
}

fn part() -> impl Strategy<Value = Part> {
    let provider = || "anthropic|gemini|my:own";
    prop_oneof![
        any::<String>()
            .prop_filter("an empty text has no block", |text| !text.is_empty())
            .prop_map(Part::Text),
        ("[a-z]{1,4}", "[a-z]{1,4}", "\\{\"a\": ?\"[a-z{}]{0,3}\"\\}|[a-z{\"]{1,5}")
            .prop_map(|(id, name, arguments)| { Part::ToolCall(ToolCall { id, name, arguments }) }),
        (provider(), any::<String>(), prop::option::of("[a-zA-Z:+/=]{1,9}")).prop_map(
            |(provider, text, signature)| {
                Part::Thinking(Thinking { provider, content: ThinkingContent::Shown { text, signature } })
            }
        ),
        (provider(), "[a-zA-Z:+/=]{0,9}").prop_map(|(provider, data)| {
            Part::Thinking(Thinking { provider, content: ThinkingContent::Redacted(data) })
        }),
    ]
}

proptest! {
    #[test]
    fn a_message_that_is_sent_back_is_read_as_what_it_was(parts in prop::collection::vec(part(), 1..6)) {
        let reply = json(&anthropic(&ChatResponse { parts: parts.clone(), ..response() }));
        let turn = format!(r#"{{"model":"m","max_tokens":1,"messages":[{}]}}"#,
            json!({ "role": "assistant", "content": reply["content"] }));

        let read = Messages::decode(turn.as_bytes()).expect("is fine");

        prop_assert_eq!(&read.request.messages.len(), &1);
        prop_assert_eq!(without_blanks(&read.request.messages[0].parts), without_blanks(&parts));
        prop_assert_eq!(read.dropped, Vec::<String>::new());
    }

    #[test]
    fn a_completion_that_is_sent_back_is_read_as_what_it_was(parts in prop::collection::vec(part(), 1..6)) {
        let reply = json(&openai(&ChatResponse { parts: parts.clone(), ..response() }));
        let body = json!({ "model": "m", "messages": [reply["choices"][0]["message"]] });

        let read = ChatCompletions::decode(body.to_string().as_bytes()).expect("is fine").request;

        let said = |parts: &[Part]| parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.clone()),
            _ => None,
        }).collect::<String>();
        let calls = |parts: &[Part]| parts.iter().filter_map(|part| match part {
            Part::ToolCall(call) => Some(call.clone()),
            _ => None,
        }).collect::<Vec<_>>();
        prop_assert_eq!(said(&read.messages[0].parts), said(&parts));
        prop_assert_eq!(calls(&read.messages[0].parts), calls(&parts));
    }
}

/// A client's JSON library may write an object in another way.
fn without_blanks(parts: &[Part]) -> Vec<Part> {
    let part = |part: &Part| match part {
        Part::ToolCall(call) => {
            let arguments = call.arguments.replace(": ", ":");
            Part::ToolCall(ToolCall { arguments, ..call.clone() })
        }
        other => other.clone(),
    };
    parts.iter().map(part).collect()
}
