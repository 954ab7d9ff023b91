//! What one pass over a body finds, and that it agrees with a full parser.

use codeflow_api::{ErrorKind, Sketch};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

fn kind(body: &str) -> ErrorKind {
    Sketch::of(body.as_bytes()).expect_err("is refused").kind()
}

#[test]
fn the_fields_that_matter_are_found_wherever_they_stand() {
    let body = r#" { "messages" : [{"role":"user","content":"say \"model\": \"x\" \\"}],
        "stream_options" : {"include_usage": true}, "max_tokens":7,
        "model" : "a/b" , "stream":true,"n":1, "user":"u\u0041","max_completion_tokens":9} "#;

    let sketch = Sketch::of(body.as_bytes()).expect("is fine");

    assert_eq!(sketch.model.as_deref(), Some("a/b"));
    assert_eq!(&body[sketch.model_at.clone()], "\"a/b\"");
    assert_eq!(&body[sketch.stream_options_at.clone().expect("is there")], r#"{"include_usage": true}"#);
    assert_eq!((sketch.stream, sketch.include_usage), (true, true));
    assert_eq!((sketch.max_tokens, sketch.max_completion_tokens, sketch.n), (Some(7), Some(9), Some(1)));
    assert_eq!((sketch.limit(), sketch.user.as_deref()), (Some(9), Some("uA")));
    assert!(!sketch.has_tools && !sketch.has_images);
}

#[test]
fn what_is_null_or_missing_is_absent() {
    let body =
        br#"{"model":null,"stream":null,"stream_options":null,"max_tokens":null,"user":null,"tools":null}"#;

    let sketch = Sketch::of(body).expect("is fine");

    assert_eq!(sketch, Sketch { stream_options_at: Some(45..49), ..Sketch::default() });
    assert_eq!(Sketch::of(b"{}").expect("is fine"), Sketch::default());
}

#[test]
fn who_asks_and_how_dearly_is_found() {
    let body = br#"{"service_tier":"flex","metadata":{"a":{"user_id":"x"},"user_id":"u\n"},"user":"v"}"#;

    let sketch = Sketch::of(body).expect("is fine");

    assert_eq!((sketch.metadata_user.as_deref(), sketch.user.as_deref()), (Some("u\n"), Some("v")));
    assert_eq!(sketch.service_tier.as_deref(), Some("flex"));
    for metadata in ["null", "7", "{}", r#"{"user_id":7}"#] {
        let body = format!(r#"{{"metadata":{metadata}}}"#);
        assert_eq!(Sketch::of(body.as_bytes()).expect("is fine").metadata_user, None);
    }
}

#[test]
fn thoughts_are_noticed_but_not_words_about_them() {
    let has = |body: &str| Sketch::of(body.as_bytes()).expect("is fine").has_thoughts;

    assert!(has(r#"{"messages":[{"content":[{"type":"thinking","thinking":"Hm.","signature":"s"}]}]}"#));
    assert!(has(r#"{"messages":[{"content":[{"data":"d","type":"redacted_thinking"}]}]}"#));
    assert!(!has(r#"{"thinking":{"type":"enabled"},"messages":[{"content":"type: thinking"}]}"#));
}

#[test]
fn tools_and_pictures_are_noticed_but_not_words_about_them() {
    let has = |body: &str| {
        let sketch = Sketch::of(body.as_bytes()).expect("is fine");
        (sketch.has_tools, sketch.has_images)
    };
    assert_eq!(has(r#"{"tools":[ {"type":"function"} ]}"#), (true, false));
    assert_eq!(has(r#"{"tools":[ ],"messages":[{"content":"\"type\":\"image\""}]}"#), (false, false));
    assert_eq!(has(r#"{"messages":[{"content":[{"type":"image_url","image_url":{}}]}]}"#), (false, true));
    assert_eq!(has(r#"{"messages":[{"content":[{"type":"im\u0061ge","source":{}}]}]}"#), (false, true));
}

#[test]
fn a_model_that_two_readers_could_read_differently_is_refused() {
    for second in ["model", "mod\\u0065l", "Model", "MODEL", "\\u004dodel"] {
        assert_eq!(kind(&format!(r#"{{"model":"a","{second}":"b"}}"#)), ErrorKind::AmbiguousField);
    }
    for body in [
        r#"{"Model":"a"}"#,
        r#"{"model":"a","ſtream":true}"#,
        "{\"to\u{17f}\":1,\"tool\u{17f}\":[]}",
        "{\"max_to\u{212a}ens\":1}",
        r#"{"n":1,"n":1}"#,
        r#"{"messages":[],"messages":[]}"#,
        r#"{"system":"a","System":"b"}"#,
        r#"{"metadata":{"user_id":"a","user_id":"b"}}"#,
        r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#,
        r#"{"stream_options":{"Include_usage":true}}"#,
    ] {
        assert_eq!(kind(body), ErrorKind::AmbiguousField, "{body}");
    }
    Sketch::of(br#"{"model":"a","metadata":{"model":"b","Model":"c"}}"#).expect("is another field");
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    for (body, path) in [
        (r#"{"model":7}"#, "model"),
        (r#"{"stream":"yes"}"#, "stream"),
        (r#"{"stream_options":[]}"#, "stream_options"),
        (r#"{"stream_options":{"include_usage":1}}"#, "stream_options.include_usage"),
        (r#"{"max_tokens":-1}"#, "max_tokens"),
        (r#"{"max_completion_tokens":1.5}"#, "max_completion_tokens"),
        (r#"{"n":"1"}"#, "n"),
        (r#"{"user":{}}"#, "user"),
    ] {
        let error = Sketch::of(body.as_bytes()).expect_err("is refused");
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidField, Some(path)));
    }
    assert_eq!(kind("[]"), ErrorKind::InvalidField);
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));

    Sketch::of(nested(63).as_bytes()).expect("is fine");
    assert_eq!(kind(&nested(64)), ErrorKind::TooDeep);
    assert_eq!(kind(&"[".repeat(1_000_000)), ErrorKind::TooDeep);
}

#[test]
fn what_no_parser_takes_is_refused() {
    for body in [
        "",
        " ",
        "{",
        "}",
        "{}x",
        "{} {}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,}"#,
        r#"{a:1}"#,
        r#"{"a":01}"#,
        r#"{"a":1.}"#,
        r#"{"a":.5}"#,
        r#"{"a":+1}"#,
        r#"{"a":1e}"#,
        r#"{"a":-}"#,
        r#"{"a":1e999}"#,
        r#"{"a":nul}"#,
        r#"{"a":NaN}"#,
        r#"{"a":truex}"#,
        r#"{"a":"\x"}"#,
        r#"{"a":"\u12"}"#,
        r#"{"a":"\ud800"}"#,
        r#"{"a":"\udc00"}"#,
        r#"{"a":"\ud800\u0041"}"#,
        "{\"a\":\"\n\"}",
        "{\"a\":\"0123456789abcdefgh\t\"}",
        "\u{feff}{}",
        r#"{"a":[1 2]}"#,
        r#"{"a":"b}"#,
        "{\"a\":\"\0\"}",
        "{\u{b}}",
        "{\u{a0}}",
        r#"{'a':1}"#,
        "//\n{}",
    ] {
        assert_eq!(kind(body), ErrorKind::InvalidJson, "{body:?}");
        assert!(serde_json::from_str::<Value>(body).is_err(), "{body:?}");
    }
    let error = Sketch::of(b"{\"a\":\"\xff\"}").expect_err("is refused");
    assert_eq!(error.kind(), ErrorKind::InvalidJson);
}

/// Bytes of which a fair share is JSON or nearly so.
fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec![
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "\"model\":", "\"m\"", "true", "null", "false", " ",
            "\n", "\"stream\":", "0", "-", "12", ".5", "e9", "E+400", "\\u0041", "\\ud83d\\ude00", "\\ud83d", "\\n",
            "é", "敏", "😀", "\u{1}", "\t", "\"type\":\"image\"", "\"user\":", "\"max_tokens\":", "\"n\":", "9".repeat(320).leak(),
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789",
        ]).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key = prop_oneof![any::<String>(), Just("type".to_owned()), Just("text".to_owned())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The verdict on JSON alone. What a sketch refuses for its meaning was well formed up to there.
fn is_accepted(body: &[u8]) -> Option<bool> {
    match Sketch::of(body) {
        Ok(_) => Some(true),
        Err(error) if error.kind() == ErrorKind::InvalidJson => Some(false),
        Err(_) => None,
    }
}

proptest! {
    #[test]
    fn the_verdict_is_that_of_a_full_parser(body in jsonish()) {
        let parsed = serde_json::from_slice::<serde_json::Map<String, Value>>(&body);
        // An array or a text is JSON and no body; a second `model` is found before the end is seen.
        if let Some(accepted) = is_accepted(&body) {
            prop_assert_eq!(accepted, parsed.is_ok());
        }
    }

    #[test]
    fn the_verdict_within_an_object_is_that_of_a_full_parser(inner in jsonish()) {
        let body = [b"{\"x\":[".as_slice(), &inner, b"]}"].concat();
        let parsed = serde_json::from_slice::<Value>(&body);
        if let Some(accepted) = is_accepted(&body) {
            prop_assert_eq!(accepted, parsed.is_ok());
        }
    }

    #[test]
    fn one_changed_byte_gets_the_verdict_of_a_full_parser(
        value in value(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        pretty in any::<bool>(),
    ) {
        let whole = json!({ "x": value, "model": "a" });
        let mut body =
            if pretty { serde_json::to_vec_pretty(&whole) } else { serde_json::to_vec(&whole) }.expect("is JSON");
        prop_assert_eq!(is_accepted(&body), Some(true));
        let at = at.index(body.len());
        body[at] = byte;
        if let Some(accepted) = is_accepted(&body) {
            prop_assert_eq!(accepted, serde_json::from_slice::<Value>(&body).is_ok());
        }
    }

    #[test]
    fn the_fields_are_those_that_a_full_parser_reads(
        model in any::<String>(),
        user in prop::option::of(any::<String>()),
        stream in any::<bool>(),
        usage in prop::option::of(any::<bool>()),
        limit in prop::option::of(any::<u64>()),
        rest in value(),
        pretty in any::<bool>(),
    ) {
        let whole = json!({ "a": rest, "model": model, "user": user, "stream": stream, "max_tokens": limit,
            "stream_options": { "include_usage": usage }, "z": rest });
        let body =
            if pretty { serde_json::to_vec_pretty(&whole) } else { serde_json::to_vec(&whole) }.expect("is JSON");

        let sketch = Sketch::of(&body).expect("is JSON");

        prop_assert_eq!(sketch.model.as_deref(), Some(model.as_str()));
        let written: String = serde_json::from_slice(&body[sketch.model_at.clone()]).expect("is a text");
        prop_assert_eq!(written, model);
        prop_assert_eq!(sketch.user.as_deref(), user.as_deref());
        prop_assert_eq!((sketch.stream, sketch.include_usage), (stream, usage.unwrap_or(false)));
        prop_assert_eq!(sketch.max_tokens, limit);
        prop_assert!(sketch.stream_options_at.is_some());
    }
}
