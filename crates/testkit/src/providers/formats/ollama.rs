//! Ollama's own chat and embed.

use serde_json::{Value, json};

use super::{MODELS, Refused, Wire, usual_status, vector};
use crate::providers::asked::Asked;
use crate::providers::frames::{Frame, Framing, Role};
use crate::providers::reply::tokens;
use crate::providers::{End, Refusal, Reply, Said, UsagePlace};

pub(super) struct Ollama;

const CREATED: &str = "2026-01-01T00:00:00.000000Z";

impl Wire for Ollama {
    fn framing(&self) -> Framing {
        Framing::Lines
    }

    fn whole(&self, asked: &Asked, reply: &Reply) -> Value {
        let mut message = json!({ "role": "assistant", "content": "" });
        let mut calls = Vec::new();
        for said in &reply.said {
            match said {
                Said::Thought(text) => message["thinking"] = json!(text),
                Said::Text(text) => message["content"] = json!(text),
                Said::Call { .. } => calls.push(call(said)),
            }
        }
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        last(asked, reply, message, UsagePlace::WithReason)
    }

    fn frames(&self, asked: &Asked, reply: &Reply, place: UsagePlace) -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut push = |field: &str, value: Value| {
            let mut message = json!({ "role": "assistant", "content": "" });
            message[field] = value;
            let line =
                json!({ "model": asked.model, "created_at": CREATED, "message": message, "done": false });
            frames.push(Frame::new(Role::Token, None, &line));
        };
        for said in &reply.said {
            match said {
                Said::Thought(text) => tokens(text).for_each(|token| push("thinking", json!(token))),
                Said::Text(text) => tokens(text).for_each(|token| push("content", json!(token))),
                // A call comes whole.
                Said::Call { .. } => push("tool_calls", json!([call(said)])),
            }
        }
        let message = json!({ "role": "assistant", "content": "" });
        frames.push(Frame::new(Role::Reason, None, &last(asked, reply, message, place)));
        frames
    }

    fn refusal(&self, asked: &Asked, refusal: Refusal) -> Refused {
        let message = match refusal {
            Refusal::RateLimited(_) | Refusal::NoCredit => "too many requests",
            Refusal::Internal | Refusal::BadGateway | Refusal::TimedOut => "an error occurred",
            Refusal::Unavailable | Refusal::Overloaded => "server busy, please try again",
            Refusal::Unauthorized => "unauthorized",
            Refusal::Forbidden => "forbidden",
            Refusal::NoModel => "model '{model}' not found",
            Refusal::TooLong => "the input length exceeds the context length",
            Refusal::Filtered | Refusal::Invalid => "invalid options",
        };
        let message = message.replace("{model}", &asked.model);
        Refused::new(usual_status(refusal), json!({ "error": message }))
    }

    fn error_frame(&self, asked: &Asked) -> Frame {
        Frame::new(Role::Error, None, &self.refusal(asked, Refusal::Internal).body)
    }

    fn vectors(&self, asked: &Asked) -> Value {
        let vectors: Vec<_> = asked.inputs.iter().map(|text| vector(text, asked.dimensions)).collect();
        json!({ "model": asked.model, "embeddings": vectors, "total_duration": 9, "prompt_eval_count": 6 })
    }

    fn models(&self) -> Value {
        let model = |name: &str| json!({ "name": name, "model": name, "modified_at": CREATED, "size": 1 });
        json!({ "models": MODELS.map(model) })
    }
}

fn call(said: &Said) -> Value {
    match said {
        Said::Call { name, arguments } => json!({ "function": { "name": name, "arguments": arguments } }),
        Said::Thought(_) | Said::Text(_) => Value::Null,
    }
}

fn last(asked: &Asked, reply: &Reply, message: Value, place: UsagePlace) -> Value {
    let done_reason = if reply.end == End::Length { "length" } else { "stop" };
    let mut last = json!({
        "model": asked.model, "created_at": CREATED, "message": message,
        "done": true, "done_reason": done_reason, "total_duration": 9, "load_duration": 1,
    });
    if place != UsagePlace::Nowhere {
        last["prompt_eval_count"] = json!(reply.tokens.input);
        last["eval_count"] = json!(reply.tokens.output);
    }
    last
}
