//! Bedrock's Converse and ConverseStream.

use serde_json::{Value, json};

use super::{Refused, Wire, halves};
use crate::providers::asked::Asked;
use crate::providers::frames::{Frame, Framing, Role};
use crate::providers::reply::tokens;
use crate::providers::{End, Refusal, Reply, Said, UsagePlace};

pub(super) struct Bedrock;

const SIGNATURE: &str = "c2lnbmF0dXJl";

impl Wire for Bedrock {
    fn framing(&self) -> Framing {
        Framing::Binary
    }

    fn whole(&self, _: &Asked, reply: &Reply) -> Value {
        let block = |(index, said): (usize, &Said)| match said {
            Said::Thought(text) => {
                json!({ "reasoningContent": { "reasoningText": { "text": text, "signature": SIGNATURE } } })
            }
            Said::Text(text) => json!({ "text": text }),
            Said::Call { name, arguments } => {
                json!({ "toolUse": { "toolUseId": id(index), "name": name, "input": arguments } })
            }
        };
        let content: Vec<Value> = reply.said.iter().enumerate().map(block).collect();
        json!({
            "output": { "message": { "role": "assistant", "content": content } },
            "stopReason": reason(&reply.end),
            "usage": usage(reply),
            "metrics": { "latencyMs": 1 },
        })
    }

    fn frames(&self, _: &Asked, reply: &Reply, place: UsagePlace) -> Vec<Frame> {
        let mut frames = vec![Frame::new(Role::Opening, "messageStart", &json!({ "role": "assistant" }))];
        for (index, said) in reply.said.iter().enumerate() {
            block(index, said, &mut frames);
        }
        let reason = json!({ "stopReason": reason(&reply.end) });
        frames.push(Frame::new(Role::Reason, "messageStop", &reason));
        if place != UsagePlace::Nowhere {
            let metadata = json!({ "usage": usage(reply), "metrics": { "latencyMs": 1 } });
            frames.push(Frame::new(Role::Closing, "metadata", &metadata));
        }
        frames
    }

    fn refusal(&self, _: &Asked, refusal: Refusal) -> Refused {
        let (status, kind, message) = words(refusal);
        let header = Some(("x-amzn-errortype", kind));
        Refused { status, header, body: json!({ "message": message }) }
    }

    fn error_frame(&self, _: &Asked) -> Frame {
        let body = json!({ "message": "Bedrock is unable to process your request." });
        Frame::new(Role::Error, "serviceUnavailableException", &body)
    }

    fn vectors(&self, _: &Asked) -> Value {
        Value::Null
    }
}

fn block(index: usize, said: &Said, frames: &mut Vec<Frame>) {
    let mut delta = |delta: Value| {
        let data = json!({ "contentBlockIndex": index, "delta": delta });
        frames.push(Frame::new(Role::Token, "contentBlockDelta", &data));
    };
    match said {
        Said::Thought(text) => {
            tokens(text).for_each(|token| delta(json!({ "reasoningContent": { "text": token } })));
            delta(json!({ "reasoningContent": { "signature": SIGNATURE } }));
        }
        // A block of words is not announced.
        Said::Text(text) => tokens(text).for_each(|token| delta(json!({ "text": token }))),
        Said::Call { name, arguments } => {
            let start = json!({ "toolUse": { "toolUseId": id(index), "name": name } });
            let data = json!({ "contentBlockIndex": index, "start": start });
            frames.push(Frame::new(Role::Token, "contentBlockStart", &data));
            for half in halves(arguments) {
                let delta = json!({ "toolUse": { "input": half } });
                let data = json!({ "contentBlockIndex": index, "delta": delta });
                frames.push(Frame::new(Role::Token, "contentBlockDelta", &data));
            }
        }
    }
    let stop = json!({ "contentBlockIndex": index });
    frames.push(Frame::new(Role::Token, "contentBlockStop", &stop));
}

fn id(index: usize) -> String {
    format!("tooluse_{index}")
}

fn reason(end: &End) -> &'static str {
    match end {
        End::Stop => "end_turn",
        End::StopSequence(_) => "stop_sequence",
        End::Length => "max_tokens",
        End::Tools => "tool_use",
        End::Refusal => "guardrail_intervened",
        End::Filtered => "content_filtered",
    }
}

/// Cached tokens are counted beside the others.
fn usage(reply: &Reply) -> Value {
    let used = reply.tokens;
    json!({
        "inputTokens": used.input - used.cached,
        "cacheReadInputTokens": used.cached,
        "cacheWriteInputTokens": 0,
        "outputTokens": used.output,
        "totalTokens": used.input + used.output,
    })
}

/// The status, the exception and the message.
fn words(refusal: Refusal) -> (u16, &'static str, &'static str) {
    match refusal {
        Refusal::RateLimited(_) => (429, "ThrottlingException", "Too many requests, please wait."),
        Refusal::NoCredit => (400, "ServiceQuotaExceededException", "Your quota is used up."),
        Refusal::Internal | Refusal::BadGateway => {
            (500, "InternalServerException", "An internal server error occurred.")
        }
        Refusal::Unavailable | Refusal::Overloaded => {
            (503, "ServiceUnavailableException", "The service is not available.")
        }
        Refusal::TimedOut => (408, "ModelTimeoutException", "The model took too long."),
        Refusal::Unauthorized => {
            (403, "UnrecognizedClientException", "The security token included in the request is invalid.")
        }
        Refusal::Forbidden => {
            (403, "AccessDeniedException", "You don't have access to the model with the specified model ID.")
        }
        Refusal::NoModel => (404, "ResourceNotFoundException", "Could not resolve the model."),
        Refusal::TooLong => (400, "ValidationException", "Input is too long for requested model."),
        Refusal::Filtered => (400, "ValidationException", "The content is blocked by a filter."),
        Refusal::Invalid => (400, "ValidationException", "temperature must be at most 1"),
    }
}
