//! Estimates of tokens: high rather than low, and never lost on what a text is made of.

use codeflow_model::{
    ChatRequest, Image, ImageSource, Message, Part, Role, Tool, ToolCall, ToolResult, estimate_bytes,
    estimate_text, estimate_tokens,
};
use proptest::prelude::any;
use proptest::{prop_assert, proptest};
use serde_json::json;

/// How many tokens each text has in the vocabularies of current models, roughly, at least and at most.
#[test]
fn texts_are_estimated_a_little_high() {
    for (text, least, most) in [
        ("", 0, 0),
        ("Hello", 1, 2),
        ("The quick brown fox jumps over the lazy dog.", 10, 16),
        ("let total = items.iter().map(|item| item.price).sum();", 16, 32),
        ("2026-11-25T22:12:36Z", 12, 18),
        ("        return 1", 3, 4),
        ("敏捷的棕色狐狸跳过懒狗", 8, 12),
        ("Привет, как дела?", 6, 12),
        ("😀😀", 2, 6),
        ("\n\n\n\n", 1, 2),
    ] {
        let tokens = estimate_text(text);
        assert!((least..=most).contains(&tokens), "{tokens} for {text:?}");
    }
}

#[test]
fn everything_in_a_request_counts() {
    let empty = ChatRequest::new("m", vec![]);
    let base = estimate_tokens(&empty);
    let say = |part: Part| {
        let message = Message { role: Role::User, parts: vec![part], name: None };
        estimate_tokens(&ChatRequest::new("m", vec![message])) - base
    };
    let image = |detail: Option<&str>| {
        let source = ImageSource::Base64 { media_type: "image/png".into(), data: "A".repeat(100_000) };
        Part::Image(Image { source, detail: detail.map(str::to_owned) })
    };
    let call = ToolCall { id: "c".into(), name: "look".into(), arguments: "{\"a\": 1}".into() };
    let result = ToolResult { call_id: "c".into(), parts: vec![image(Some("low"))], is_error: false };
    let mut tools = empty;
    tools.tools = vec![Tool {
        name: "f".into(),
        description: None,
        parameters: json!({ "type": "object" }),
        strict: None,
    }];

    assert!(say(Part::Text("word ".repeat(100))) >= 100);
    assert!((1500..2000).contains(&say(image(None))), "a picture counts by its kind and not by its bytes");
    assert!((50..200).contains(&say(image(Some("low")))));
    assert!(say(Part::ToolCall(call)) > 10);
    assert!(say(Part::ToolResult(result)) > 100);
    assert!(estimate_tokens(&tools) > base + 300);
}

#[test]
fn bytes_alone_are_estimated_higher_than_english_is() {
    assert_eq!((estimate_bytes(0), estimate_bytes(1), estimate_bytes(300)), (0, 1, 100));
    assert!(estimate_bytes(usize::MAX) > 1 << 60);
}

proptest! {
    #[test]
    fn a_longer_text_is_never_cheaper(one in any::<String>(), other in any::<String>()) {
        let both = estimate_text(&format!("{one}{other}"));
        prop_assert!(both + 1 >= estimate_text(&one));
        prop_assert!(both <= estimate_text(&one) + estimate_text(&other) + 1);
    }
}
