//! What every dialect must do, run on each.

use codeflow_model::Part;

/// Whether a reply's parts are these kinds, in this order.
fn kinds(parts: &[Part]) -> String {
    let kind = |part: &Part| match part {
        Part::Text(_) => 't',
        Part::ToolCall(_) => 'c',
        Part::Thinking(_) => 'h',
        Part::Image(_) | Part::ToolResult(_) => '?',
    };
    parts.iter().map(kind).collect()
}

macro_rules! conformance {
    ($module:ident, $dialect:expr, $broken:expr) => {
        mod $module {
            use std::sync::Arc;

            use codeflow_model::{ErrorKind, FinishReason, Message, Part, Phase, Role, StreamEvent};
            use codeflow_providers::{Dialect, Mode};
            use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

            use super::kinds;
            use crate::support::{ask, body, fixture, fold, read, sign};

            const NAMES: [&str; 8] = [
                "text", "length", "schema", "refusal", "filtered", "unknown", "thinking", "tools",
            ];

            fn stream(name: &str) -> Vec<u8> {
                fixture(stringify!($module), &format!("{name}.sse"))
            }

            fn whole(name: &str) -> codeflow_model::ChatResponse {
                let bytes = fixture(stringify!($module), &format!("{name}.json"));
                $dialect.decode(&bytes).expect("is a reply")
            }

            #[test]
            fn a_folded_stream_is_the_whole_reply() {
                for name in NAMES {
                    let (events, end) = read(&Arc::new($dialect), [&stream(name)[..]]);

                    end.expect("is complete");
                    assert_eq!(fold(events), whole(name), "{name}");
                }
            }

            #[test]
            fn replies_keep_their_words_calls_and_reasons() {
                let reply = whole("text");
                assert_eq!(reply.parts, [Part::Text("Grüße, 世界 🌍!".into())]);
                assert_eq!((reply.usage.input, reply.usage.output), (Some(20), Some(9)));
                let city = serde_json::json!({ "city": "Kyiv" });
                let Part::Text(json) = &whole("schema").parts[0] else { panic!("is a text") };
                assert_eq!(serde_json::from_str::<serde_json::Value>(json).expect("JSON"), city);
                assert!(kinds(&whole("tools").parts).starts_with("cc"));
                let thinking = kinds(&whole("thinking").parts);
                assert!(thinking.starts_with('h') && thinking.ends_with('t'));
                for (name, reason) in [
                    ("text", FinishReason::Stop),
                    ("length", FinishReason::Length),
                    ("tools", FinishReason::ToolCalls),
                    ("refusal", FinishReason::ContentFilter),
                    ("filtered", FinishReason::ContentFilter),
                ] {
                    assert_eq!(whole(name).finish, reason, "{name}");
                }
                assert!(matches!(whole("unknown").finish, FinishReason::Other(_)));
            }

            #[test]
            fn a_stream_cut_anywhere_never_ends_well() {
                for name in ["text", "tools", "thinking"] {
                    let bytes = stream(name);
                    for cut in 0..bytes.len() {
                        let (events, end) = read(&Arc::new($dialect), [&bytes[..cut]]);

                        assert_eq!(end.expect_err("is cut").kind(), ErrorKind::BadResponse);
                        let finished = |event: &_| matches!(event, StreamEvent::Finished(_));
                        assert!(!events.iter().any(finished), "{name} cut at {cut}");
                    }
                }
            }

            #[test]
            fn every_line_end_means_the_same() {
                for name in NAMES {
                    let text = String::from_utf8(stream(name)).expect("is UTF-8");
                    let expected = read(&Arc::new($dialect), [text.as_bytes()]).0;
                    for end in ["\r\n", "\r"] {
                        let other = text.replace('\n', end);
                        assert_eq!(read(&Arc::new($dialect), [other.as_bytes()]).0, expected);
                    }
                }
            }

            #[test]
            fn an_error_in_the_stream_says_whether_somebody_else_may_answer() {
                let (events, early) = read(&Arc::new($dialect), [$broken.as_bytes()]);
                let early = early.expect_err("is broken");
                assert!(events.is_empty() && early.may_fall_back());
                assert_eq!(early.details().model, "asked-for");

                let text = String::from_utf8(stream("text")).expect("is UTF-8");
                let half = text.find("界").expect("is there");
                let half = text[..half].rfind("data:").expect("is there");
                let half = text[..half].rfind("\n\n").expect("is there") + 2;
                let (events, late) = read(&Arc::new($dialect), [text[..half].as_bytes(), $broken.as_bytes()]);
                let late = late.expect_err("is broken");
                assert!(events.iter().any(|event| matches!(event, StreamEvent::Text { .. })));
                assert_eq!(late.details().phase, Phase::AfterFirstToken);
                assert!(!late.may_fall_back() && !late.may_retry());
                assert_eq!(late.kind(), early.kind());
            }

            #[test]
            fn what_a_model_said_can_be_said_back() {
                for name in NAMES {
                    let mut request = ask(vec![Part::Text("Hello".into())]);
                    let parts = whole(name).parts;
                    request.messages.push(Message { role: Role::Assistant, parts: parts.clone(), name: None });

                    let said = body(&$dialect, &request, Mode::Stream)["messages"][1].to_string();

                    for part in parts {
                        match part {
                            Part::Text(text) => {
                                assert!(said.contains(&serde_json::json!(text).to_string()));
                            }
                            Part::ToolCall(call) => {
                                assert!(said.contains(&call.id) && said.contains(&call.name));
                            }
                            _ => {}
                        }
                    }
                }
            }

            #[test]
            fn nonsense_is_a_bad_response() {
                for bytes in [&b""[..], b"<html>", b"{}", b"[]", b"null"] {
                    let error = $dialect.decode(bytes).expect_err("is nonsense");
                    assert_eq!(error.kind(), ErrorKind::BadResponse);
                }
                let (_, end) = read(&Arc::new($dialect), [&b"data: <html>\n\n"[..]]);
                assert_eq!(end.expect_err("is nonsense").kind(), ErrorKind::BadResponse);
            }

            #[test]
            fn a_key_is_never_shown() {
                let mut wire = $dialect.encode(&ask(Vec::new()), Mode::Whole).expect("can be said");
                sign(&$dialect, &mut wire, "quiet").expect("fits a header");
                assert!(wire.headers.values().any(|it| it.is_sensitive()));
                assert!(!format!("{wire:?}").contains("quiet"));
                let error = sign(&$dialect, &mut wire, "a\nb").expect_err("does not fit");
                assert_eq!(error.kind(), ErrorKind::Authentication);
            }

            proptest! {
                #[test]
                fn bytes_split_anywhere_give_the_same_events(
                    which in 0..NAMES.len(),
                    mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
                ) {
                    let bytes = stream(NAMES[which]);
                    let mut cuts: Vec<_> = cuts.drain(..).map(|it| it.index(bytes.len())).collect();
                    cuts.extend([0, bytes.len()]);
                    cuts.sort_unstable();

                    let pieces = cuts.windows(2).map(|it| &bytes[it[0]..it[1]]);
                    let (events, end) = read(&Arc::new($dialect), pieces);

                    prop_assert!(end.is_ok());
                    prop_assert_eq!(events, read(&Arc::new($dialect), [&bytes[..]]).0);
                }

                #[test]
                fn no_bytes_make_a_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
                    let _ = $dialect.decode(&bytes);
                    let mut framed = b"data: ".to_vec();
                    framed.extend(&bytes);
                    framed.extend(b"\n\n");
                    let _ = read(&Arc::new($dialect), [&framed[..]]);
                }
            }
        }
    };
}

conformance!(
    openai,
    codeflow_providers::OpenAi::new("openai", codeflow_providers::Compatibility::default()),
    "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"code\":null}}\n\n"
);
conformance!(
    anthropic,
    codeflow_providers::Anthropic::new("anthropic"),
    "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n"
);
