//! Anthropic's messages.

use serde_json::{Value, json};

use super::{MODELS, Refused, Wire, halves, usual_status};
use crate::providers::asked::Asked;
use crate::providers::frames::{Frame, Role};
use crate::providers::reply::tokens;
use crate::providers::{End, Refusal, Reply, Said, UsagePlace};

pub(super) struct Anthropic;

const ID: &str = "msg_1";
const SIGNATURE: &str = "c2lnbmF0dXJl";

impl Wire for Anthropic {
    fn whole(&self, asked: &Asked, reply: &Reply) -> Value {
        let block = |(index, said): (usize, &Said)| match said {
            Said::Thought(text) => json!({ "type": "thinking", "thinking": text, "signature": SIGNATURE }),
            Said::Text(text) => json!({ "type": "text", "text": text }),
            Said::Call { name, arguments } => {
                json!({ "type": "tool_use", "id": id(index), "name": name, "input": arguments })
            }
        };
        let content: Vec<Value> = reply.said.iter().enumerate().map(block).collect();
        let (stop_reason, stop_sequence) = reason(&reply.end);
        json!({
            "id": ID, "type": "message", "role": "assistant", "model": asked.model, "content": content,
            "stop_reason": stop_reason, "stop_sequence": stop_sequence, "usage": usage(reply, reply.tokens.output),
        })
    }

    fn frames(&self, asked: &Asked, reply: &Reply, place: UsagePlace) -> Vec<Frame> {
        let message = json!({
            "id": ID, "type": "message", "role": "assistant", "model": asked.model, "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": usage(reply, 1),
        });
        let mut frames = vec![
            frame(Role::Opening, "message_start", json!({ "message": message })),
            frame(Role::Opening, "ping", json!({})),
        ];
        for (index, said) in reply.said.iter().enumerate() {
            block(index, said, &mut frames);
        }
        let (stop_reason, stop_sequence) = reason(&reply.end);
        let delta = json!({ "stop_reason": stop_reason, "stop_sequence": stop_sequence });
        let used = match place {
            UsagePlace::Nowhere => json!({}),
            UsagePlace::Apart | UsagePlace::ApartWithChoice | UsagePlace::WithReason => {
                json!({ "output_tokens": reply.tokens.output })
            }
        };
        frames.push(frame(Role::Reason, "message_delta", json!({ "delta": delta, "usage": used })));
        frames.push(frame(Role::Closing, "message_stop", json!({})));
        frames
    }

    fn refusal(&self, asked: &Asked, refusal: Refusal) -> Refused {
        let (kind, message) = words(refusal);
        let message = message.replace("{model}", &asked.model);
        let error = json!({ "type": kind, "message": message });
        let status = usual_status(refusal);
        Refused::new(status, json!({ "type": "error", "error": error, "request_id": "req_1" }))
    }

    fn error_frame(&self, asked: &Asked) -> Frame {
        Frame::new(Role::Error, "error", &self.refusal(asked, Refusal::Overloaded).body)
    }

    fn vectors(&self, _: &Asked) -> Value {
        Value::Null
    }

    fn models(&self) -> Value {
        let date = "2026-01-01T00:00:00Z";
        let model = |id: &str| json!({ "type": "model", "id": id, "display_name": id, "created_at": date });
        let [first, last] = MODELS;
        json!({ "data": MODELS.map(model), "has_more": false, "first_id": first, "last_id": last })
    }

    fn count(&self) -> Value {
        json!({ "input_tokens": 20 })
    }
}

fn frame(role: Role, name: &'static str, mut data: Value) -> Frame {
    data["type"] = json!(name);
    Frame::new(role, name, &data)
}

fn block(index: usize, said: &Said, frames: &mut Vec<Frame>) {
    // The opening of the first block says nothing yet.
    let role = if index == 0 { Role::Opening } else { Role::Token };
    let start = |block: Value| {
        let data = json!({ "index": index, "content_block": block });
        frame(role, "content_block_start", data)
    };
    let delta = |delta: Value| {
        let data = json!({ "index": index, "delta": delta });
        frame(Role::Token, "content_block_delta", data)
    };
    match said {
        Said::Thought(text) => {
            frames.push(start(json!({ "type": "thinking", "thinking": "", "signature": "" })));
            frames.extend(
                tokens(text).map(|token| delta(json!({ "type": "thinking_delta", "thinking": token }))),
            );
            frames.push(delta(json!({ "type": "signature_delta", "signature": SIGNATURE })));
        }
        Said::Text(text) => {
            frames.push(start(json!({ "type": "text", "text": "" })));
            frames.extend(tokens(text).map(|token| delta(json!({ "type": "text_delta", "text": token }))));
        }
        Said::Call { name, arguments } => {
            frames.push(start(json!({ "type": "tool_use", "id": id(index), "name": name, "input": {} })));
            let pieces = [String::new()].into_iter().chain(halves(arguments));
            frames.extend(
                pieces.map(|piece| delta(json!({ "type": "input_json_delta", "partial_json": piece }))),
            );
        }
    }
    frames.push(frame(Role::Token, "content_block_stop", json!({ "index": index })));
}

fn id(index: usize) -> String {
    format!("toolu_{index}")
}

fn reason(end: &End) -> (&'static str, Option<&str>) {
    match end {
        End::Stop => ("end_turn", None),
        End::StopSequence(text) => ("stop_sequence", Some(text)),
        End::Length => ("max_tokens", None),
        End::Tools => ("tool_use", None),
        End::Refusal | End::Filtered => ("refusal", None),
    }
}

/// Cached tokens are counted beside the others.
fn usage(reply: &Reply, output: u64) -> Value {
    json!({
        "input_tokens": reply.tokens.input - reply.tokens.cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": reply.tokens.cached,
        "output_tokens": output,
        "service_tier": "standard",
    })
}

/// The type of the error, and its message.
fn words(refusal: Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::RateLimited(_) => ("rate_limit_error", "This request would exceed your rate limit."),
        Refusal::NoCredit => ("billing_error", "Your credit balance is too low."),
        Refusal::Internal | Refusal::BadGateway | Refusal::Unavailable => {
            ("api_error", "Internal server error")
        }
        Refusal::TimedOut => ("timeout_error", "Request timed out"),
        Refusal::Overloaded => ("overloaded_error", "Overloaded"),
        Refusal::Unauthorized => ("authentication_error", "invalid x-api-key"),
        Refusal::Forbidden => ("permission_error", "Your API key does not have permission."),
        Refusal::NoModel => ("not_found_error", "model: {model}"),
        Refusal::TooLong => ("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
        Refusal::Filtered => ("invalid_request_error", "Output blocked by content filtering policy"),
        Refusal::Invalid => ("invalid_request_error", "temperature: must be at most 1"),
    }
}
