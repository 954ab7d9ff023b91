//! Cohere's second chat and embed.

use serde_json::{Value, json};

use super::{Refused, Wire, halves, usual_status, vector};
use crate::providers::asked::Asked;
use crate::providers::frames::{Frame, Role};
use crate::providers::reply::tokens;
use crate::providers::{End, Refusal, Reply, Said, UsagePlace};

pub(super) struct Cohere;

const ID: &str = "c-1";

impl Wire for Cohere {
    fn whole(&self, _: &Asked, reply: &Reply) -> Value {
        let (mut content, mut calls) = (Vec::new(), Vec::new());
        for said in &reply.said {
            match said {
                Said::Thought(text) => content.push(json!({ "type": "thinking", "thinking": text })),
                Said::Text(text) => content.push(json!({ "type": "text", "text": text })),
                Said::Call { name, arguments } => calls.push(json!({
                    "id": id(calls.len()),
                    "type": "function",
                    "function": { "name": name, "arguments": arguments.to_string() },
                })),
            }
        }
        let mut message = json!({ "role": "assistant", "content": content });
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        json!({ "id": ID, "message": message, "finish_reason": reason(&reply.end), "usage": usage(reply) })
    }

    fn frames(&self, _: &Asked, reply: &Reply, place: UsagePlace) -> Vec<Frame> {
        let message = json!({ "role": "assistant", "content": [], "tool_plan": "", "tool_calls": [] });
        let start = json!({ "id": ID, "delta": { "message": message } });
        let mut frames = vec![frame(Role::Opening, "message-start", start)];
        let (mut texts, mut calls) = (0, 0);
        for said in &reply.said {
            match said {
                Said::Thought(text) => content(texts, "thinking", text, &mut frames),
                Said::Text(text) => content(texts, "text", text, &mut frames),
                Said::Call { name, arguments } => {
                    call(calls, name, arguments, &mut frames);
                    calls += 1;
                    continue;
                }
            }
            texts += 1;
        }
        let mut delta = json!({ "finish_reason": reason(&reply.end) });
        if place != UsagePlace::Nowhere {
            delta["usage"] = usage(reply);
        }
        frames.push(frame(Role::Reason, "message-end", json!({ "id": ID, "delta": delta })));
        frames
    }

    fn refusal(&self, asked: &Asked, refusal: Refusal) -> Refused {
        let message = match refusal {
            Refusal::RateLimited(_) => "You are past the per minute request limit.",
            Refusal::NoCredit => "Your billing limit is reached.",
            Refusal::Internal | Refusal::BadGateway => "internal server error",
            Refusal::Unavailable | Refusal::Overloaded => "the service is unavailable",
            Refusal::TimedOut => "the request timed out",
            Refusal::Unauthorized => "invalid api token",
            Refusal::Forbidden => "you may not use this",
            Refusal::NoModel => "model '{model}' not found",
            Refusal::TooLong => "too many tokens: size limit exceeded by 1000 tokens",
            Refusal::Filtered => "the request was blocked by a content filter",
            Refusal::Invalid => "invalid request: temperature must be at most 1",
        };
        let message = message.replace("{model}", &asked.model);
        let status = if refusal == Refusal::Filtered { 498 } else { usual_status(refusal) };
        Refused::new(status, json!({ "id": ID, "message": message }))
    }

    fn error_frame(&self, _: &Asked) -> Frame {
        let delta = json!({ "finish_reason": "ERROR", "error": "the model failed" });
        frame(Role::Error, "message-end", json!({ "id": ID, "delta": delta }))
    }

    fn vectors(&self, asked: &Asked) -> Value {
        let vectors: Vec<_> = asked.inputs.iter().map(|text| vector(text, asked.dimensions)).collect();
        let meta = json!({ "api_version": { "version": "2" }, "billed_units": { "input_tokens": 6 } });
        json!({ "id": ID, "embeddings": { "float": vectors }, "texts": asked.inputs, "meta": meta })
    }
}

fn frame(role: Role, name: &'static str, mut data: Value) -> Frame {
    data["type"] = json!(name);
    Frame::new(role, name, &data)
}

fn content(index: usize, kind: &str, text: &str, frames: &mut Vec<Frame>) {
    let role = if index == 0 { Role::Opening } else { Role::Token };
    let delta = |content: Value| json!({ "index": index, "delta": { "message": { "content": content } } });
    frames.push(frame(role, "content-start", delta(json!({ "type": kind, kind: "" }))));
    for token in tokens(text) {
        frames.push(frame(Role::Token, "content-delta", delta(json!({ kind: token }))));
    }
    frames.push(frame(Role::Token, "content-end", json!({ "index": index })));
}

fn call(index: usize, name: &str, arguments: &Value, frames: &mut Vec<Frame>) {
    let delta = |call: Value| json!({ "index": index, "delta": { "message": { "tool_calls": call } } });
    let function = json!({ "name": name, "arguments": "" });
    let start = delta(json!({ "id": id(index), "type": "function", "function": function }));
    frames.push(frame(Role::Token, "tool-call-start", start));
    for half in halves(arguments) {
        let delta = delta(json!({ "function": { "arguments": half } }));
        frames.push(frame(Role::Token, "tool-call-delta", delta));
    }
    frames.push(frame(Role::Token, "tool-call-end", json!({ "index": index })));
}

fn id(index: usize) -> String {
    format!("call_{index}")
}

fn reason(end: &End) -> &'static str {
    match end {
        End::Stop => "COMPLETE",
        End::StopSequence(_) => "STOP_SEQUENCE",
        End::Length => "MAX_TOKENS",
        End::Tools => "TOOL_CALL",
        End::Refusal | End::Filtered => "ERROR_TOXIC",
    }
}

fn usage(reply: &Reply) -> Value {
    let used = json!({ "input_tokens": reply.tokens.input, "output_tokens": reply.tokens.output });
    json!({ "billed_units": used, "tokens": used })
}
