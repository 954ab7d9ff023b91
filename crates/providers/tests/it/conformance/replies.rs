//! Whole replies, what can be said back, and keys.

use codeflow_model::{ErrorKind, FinishReason, Message, Part, Role};
use codeflow_providers::{Dialect, Mode};

use super::{Suite, kinds};
use crate::support::{ask, body, read, sign};

pub(super) fn replies_keep_their_words_calls_and_reasons<D: Dialect>(suite: &Suite<D>) {
    let reply = suite.whole("text");
    assert_eq!(reply.parts, [Part::Text("Grüße, 世界 🌍!".into())]);
    assert_eq!((reply.usage.input, reply.usage.output), (Some(20), Some(9)));
    let city = serde_json::json!({ "city": "Kyiv" });
    let schema = suite.whole("schema").parts;
    assert!(matches!(&schema[..], [Part::Text(json)] if serde_json::from_str(json).ok() == Some(city)));
    assert!(kinds(&suite.whole("tools").parts).trim_start_matches('h').starts_with("cc"));
    let thinking = kinds(&suite.whole("thinking").parts);
    assert!(thinking.starts_with('h') && thinking.trim_end_matches('h').ends_with('t'));
    for name in suite.names() {
        let reason = match name {
            "length" => FinishReason::Length,
            "tools" => FinishReason::ToolCalls,
            "refusal" | "filtered" => FinishReason::ContentFilter,
            "unknown" => continue,
            _ => FinishReason::Stop,
        };
        assert_eq!(suite.whole(name).finish, reason, "{name}");
    }
    assert!(matches!(suite.whole("unknown").finish, FinishReason::Other(_)));
}

pub(super) fn what_a_model_said_can_be_said_back<D: Dialect>(suite: &Suite<D>) {
    for name in suite.names() {
        let mut request = ask(vec![Part::Text("Hello".into())]);
        let parts = suite.whole(name).parts;
        request.messages.push(Message { role: Role::Assistant, parts: parts.clone(), name: None });

        let sent = body(&*suite.dialect, &request, Mode::Stream);

        let turns = sent.get("messages").or_else(|| sent.get("contents")).expect("has turns");
        let said = turns[1].to_string();
        for part in parts {
            match part {
                Part::Text(text) => assert!(said.contains(&serde_json::json!(text).to_string())),
                Part::ToolCall(call) => assert!(said.contains(&call.id) && said.contains(&call.name)),
                _ => {}
            }
        }
    }
}

pub(super) fn nonsense_is_a_bad_response<D: Dialect>(suite: &Suite<D>) {
    for bytes in [&b""[..], b"<html>", b"{}", b"[]", b"null"] {
        let error = suite.dialect.decode(bytes).expect_err("is nonsense");
        assert_eq!(error.kind(), ErrorKind::BadResponse);
    }
    let (_, end) = read(&suite.dialect, [&suite.frame("<html>")[..]]);
    assert_eq!(end.expect_err("is nonsense").kind(), ErrorKind::BadResponse);
}

pub(super) fn a_key_is_never_shown<D: Dialect>(suite: &Suite<D>) {
    let dialect = &*suite.dialect;
    let mut wire = dialect.encode(&ask(Vec::new()), Mode::Whole).expect("can be said");
    sign(dialect, &mut wire, "quiet").expect("fits a header");
    assert!(wire.headers.values().any(|it| it.is_sensitive()));
    assert!(!format!("{wire:?}").contains("quiet"));
    let error = sign(dialect, &mut wire, "a\nb").expect_err("does not fit");
    assert_eq!(error.kind(), ErrorKind::Authentication);
}
