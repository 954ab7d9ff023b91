//! OpenAI's chat completions, embeddings and models.

use serde_json::{Value, json};

use super::{MODELS, Refused, Wire, halves, usual_status, vector};
use crate::providers::asked::Asked;
use crate::providers::frames::{Frame, Role};
use crate::providers::reply::tokens;
use crate::providers::{End, Refusal, Reply, Said, UsagePlace};

pub(super) struct OpenAi;

const ID: &str = "chatcmpl-1";
const CREATED: u64 = 1_767_225_600;

impl Wire for OpenAi {
    fn whole(&self, asked: &Asked, reply: &Reply) -> Value {
        let mut message = json!({ "role": "assistant", "content": null, "refusal": null });
        let mut calls = Vec::new();
        for said in &reply.said {
            match said {
                Said::Thought(text) => message["reasoning_content"] = json!(text),
                Said::Text(text) if reply.end == End::Refusal => message["refusal"] = json!(text),
                Said::Text(text) => message["content"] = json!(text),
                Said::Call { name, arguments } => calls.push(json!({
                    "id": id(calls.len()),
                    "type": "function",
                    "function": { "name": name, "arguments": arguments.to_string() },
                })),
            }
        }
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        let finish_reason = reason(&reply.end);
        json!({
            "id": ID, "object": "chat.completion", "created": CREATED, "model": asked.model,
            "choices": [
                { "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason },
            ],
            "usage": usage(reply),
        })
    }

    fn frames(&self, asked: &Asked, reply: &Reply, place: UsagePlace) -> Vec<Frame> {
        let place = if asked.wants_usage { place } else { UsagePlace::Nowhere };
        let chunk = |role, delta: Value, finish_reason: Value| {
            let choice =
                json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
            piece(asked, role, &[choice], Value::Null)
        };
        let opening = json!({ "role": "assistant", "content": "", "refusal": null });
        let mut frames = vec![chunk(Role::Opening, opening, Value::Null)];
        frames.extend(deltas(reply).into_iter().map(|delta| chunk(Role::Token, delta, Value::Null)));
        let last = json!({ "index": 0, "delta": {}, "logprobs": null, "finish_reason": reason(&reply.end) });
        let last = std::slice::from_ref(&last);
        let with_reason = if place == UsagePlace::WithReason { usage(reply) } else { Value::Null };
        frames.push(piece(asked, Role::Reason, last, with_reason));
        match place {
            UsagePlace::Apart => frames.push(piece(asked, Role::Closing, &[], usage(reply))),
            UsagePlace::ApartWithChoice => frames.push(piece(asked, Role::Closing, last, usage(reply))),
            UsagePlace::WithReason | UsagePlace::Nowhere => {}
        }
        frames.push(Frame { event: None, data: "[DONE]".to_owned(), role: Role::Closing });
        frames
    }

    fn refusal(&self, asked: &Asked, refusal: Refusal) -> Refused {
        let (message, kind, code) = words(refusal);
        let status = if refusal == Refusal::NoCredit { 429 } else { usual_status(refusal) };
        let message = message.replace("{model}", &asked.model);
        Refused::new(
            status,
            json!({ "error": { "message": message, "type": kind, "param": null, "code": code } }),
        )
    }

    fn error_frame(&self, asked: &Asked) -> Frame {
        Frame::new(Role::Error, None, &self.refusal(asked, Refusal::Internal).body)
    }

    fn vectors(&self, asked: &Asked) -> Value {
        let data = asked.inputs.iter().enumerate().map(|(index, text)| {
            let vector = vector(text, asked.dimensions);
            let vector = if asked.wants_base64 {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                json!(aws_smithy_types::base64::encode(bytes))
            } else {
                json!(vector)
            };
            json!({ "object": "embedding", "index": index, "embedding": vector })
        });
        let data: Vec<Value> = data.collect();
        let usage = json!({ "prompt_tokens": 6, "total_tokens": 6 });
        json!({ "object": "list", "data": data, "model": asked.model, "usage": usage })
    }

    fn models(&self) -> Value {
        let model =
            |id: &str| json!({ "id": id, "object": "model", "created": CREATED, "owned_by": "testkit" });
        json!({ "object": "list", "data": MODELS.map(model) })
    }
}

fn piece(asked: &Asked, role: Role, choices: &[Value], usage: Value) -> Frame {
    let mut piece = json!({
        "id": ID, "object": "chat.completion.chunk", "created": CREATED, "model": asked.model,
        "choices": choices,
    });
    if asked.wants_usage {
        piece["usage"] = usage;
    }
    Frame::new(role, None, &piece)
}

fn deltas(reply: &Reply) -> Vec<Value> {
    let mut deltas = Vec::new();
    let mut calls = 0;
    for said in &reply.said {
        match said {
            Said::Thought(text) => {
                deltas.extend(tokens(text).map(|token| json!({ "reasoning_content": token })));
            }
            Said::Text(text) => {
                let field = if reply.end == End::Refusal { "refusal" } else { "content" };
                deltas.extend(tokens(text).map(|token| json!({ field: token })));
            }
            Said::Call { name, arguments } => {
                let function = json!({ "name": name, "arguments": "" });
                let call =
                    json!({ "index": calls, "id": id(calls), "type": "function", "function": function });
                deltas.push(json!({ "tool_calls": [call] }));
                deltas.extend(halves(arguments).map(
                    |half| json!({ "tool_calls": [{ "index": calls, "function": { "arguments": half } }] }),
                ));
                calls += 1;
            }
        }
    }
    deltas
}

fn id(index: usize) -> String {
    format!("call_{index}")
}

fn reason(end: &End) -> &'static str {
    match end {
        End::Stop | End::StopSequence(_) | End::Refusal => "stop",
        End::Length => "length",
        End::Tools => "tool_calls",
        End::Filtered => "content_filter",
    }
}

fn usage(reply: &Reply) -> Value {
    let used = reply.tokens;
    json!({
        "prompt_tokens": used.input,
        "completion_tokens": used.output,
        "total_tokens": used.input + used.output,
        "prompt_tokens_details": { "cached_tokens": used.cached, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": used.thoughts, "audio_tokens": 0 },
    })
}

/// The message, its type and its code.
fn words(refusal: Refusal) -> (&'static str, &'static str, Option<&'static str>) {
    match refusal {
        Refusal::RateLimited(_) => {
            ("Rate limit reached for {model}.", "requests", Some("rate_limit_exceeded"))
        }
        Refusal::NoCredit => {
            ("You exceeded your current quota.", "insufficient_quota", Some("insufficient_quota"))
        }
        Refusal::Internal => ("The server had an error.", "server_error", None),
        Refusal::BadGateway | Refusal::TimedOut => ("The gateway had an error.", "server_error", None),
        Refusal::Unavailable | Refusal::Overloaded => {
            ("The engine is currently overloaded.", "server_error", None)
        }
        Refusal::Unauthorized => {
            ("Incorrect API key provided.", "invalid_request_error", Some("invalid_api_key"))
        }
        Refusal::Forbidden => {
            ("You have insufficient permissions for this operation.", "invalid_request_error", None)
        }
        Refusal::NoModel => {
            ("The model `{model}` does not exist.", "invalid_request_error", Some("model_not_found"))
        }
        Refusal::TooLong => (
            "This model's maximum context length is 8192 tokens.",
            "invalid_request_error",
            Some("context_length_exceeded"),
        ),
        Refusal::Filtered => ("The response was filtered.", "invalid_request_error", Some("content_filter")),
        Refusal::Invalid => {
            ("Invalid value for `temperature`.", "invalid_request_error", Some("invalid_value"))
        }
    }
}
