//! Streams folded into replies.

use codeflow_model::{
    ErrorKind, FinishReason, Fold, Part, Phase, StreamEvent, Thinking, ThinkingContent, ThinkingDelta,
    ToolCall, Usage,
};

fn fold(events: Vec<StreamEvent>) -> Fold {
    let mut fold = Fold::default();
    for event in events {
        fold.push(event).expect("fits");
    }
    fold
}

fn started() -> StreamEvent {
    StreamEvent::Started { id: "r1".into(), model: "m".into(), provider: "p".into() }
}

fn text(index: usize, delta: &str) -> StreamEvent {
    StreamEvent::Text { index, delta: delta.into() }
}

fn call(index: usize, id: Option<&str>, arguments: &str) -> StreamEvent {
    let (id, name) = (id.map(Into::into), id.map(|id| format!("tool-{id}")));
    StreamEvent::ToolCall { index, id, name, arguments: arguments.into() }
}

#[test]
fn interleaved_tool_calls_stay_apart() {
    let events = vec![
        started(),
        call(2, Some("b"), "{"),
        call(1, Some("a"), "["),
        call(2, None, "}"),
        text(0, "Hi"),
        call(1, None, "]"),
        StreamEvent::Finished(FinishReason::ToolCalls),
    ];

    let reply = fold(events).finish().expect("is complete");

    let call = |id: &str, arguments: &str| {
        let name = format!("tool-{id}");
        Part::ToolCall(ToolCall { id: id.into(), name, arguments: arguments.into() })
    };
    assert_eq!(reply.parts, [Part::Text("Hi".into()), call("a", "[]"), call("b", "{}")]);
    assert_eq!(reply.finish, FinishReason::ToolCalls);
}

#[test]
fn thoughts_keep_their_provider_and_signature() {
    let thinking = |index, delta| StreamEvent::Thinking { index, delta };
    let events = vec![
        started(),
        thinking(0, ThinkingDelta::Text("hm".into())),
        thinking(0, ThinkingDelta::Signature("s1".into())),
        thinking(0, ThinkingDelta::Signature("s2".into())),
        thinking(1, ThinkingDelta::Redacted("zz".into())),
        StreamEvent::Finished(FinishReason::Stop),
    ];

    let reply = fold(events).finish().expect("is complete");

    let thought = |content| Part::Thinking(Thinking { provider: "p".into(), content });
    let shown = ThinkingContent::Shown { text: "hm".into(), signature: Some("s1s2".into()) };
    assert_eq!(reply.parts, [thought(shown), thought(ThinkingContent::Redacted("zz".into()))]);
}

#[test]
fn usage_is_replaced_and_never_summed() {
    let first = Usage { input: Some(7), output: Some(1), ..Usage::default() };
    let second = Usage { output: Some(5), ..Usage::default() };

    let fold = fold(vec![StreamEvent::Usage(first), StreamEvent::Usage(second)]);

    assert_eq!(fold.usage(), Usage { input: Some(7), output: Some(5), ..Usage::default() });
}

#[test]
fn a_stream_without_its_end_is_an_error() {
    let error = fold(vec![started(), text(0, "Hi")]).finish().expect_err("is cut");

    assert_eq!(error.kind(), ErrorKind::BadResponse);
    assert_eq!(error.details().phase, Phase::AfterFirstToken);
    assert_eq!(error.details().provider, "p");
    let nothing = fold(vec![started()]).finish().expect_err("is cut");
    assert_eq!(nothing.details().phase, Phase::BeforeFirstToken);
}

#[test]
fn a_part_cannot_change_its_kind() {
    let thought = |delta| StreamEvent::Thinking { index: 0, delta };
    let redacted = thought(ThinkingDelta::Redacted("x".into()));
    let shown = thought(ThinkingDelta::Text("x".into()));
    for (first, second) in [
        (text(0, "a"), call(0, None, "{}")),
        (call(0, Some("a"), "{}"), text(0, "a")),
        (text(0, "a"), shown.clone()),
        (shown.clone(), redacted.clone()),
        (redacted, shown),
    ] {
        let mut fold = fold(vec![first]);
        assert_eq!(fold.push(second).expect_err("differs").kind(), ErrorKind::BadResponse);
    }
}
