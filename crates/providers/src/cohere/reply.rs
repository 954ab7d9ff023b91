//! Whole replies, and the pieces they share with streamed ones.

use codeflow_model::{
    ApiClientError, ChatResponse, FinishReason, Part, Thinking, ThinkingContent, ToolCall, Usage,
};
use serde::Deserialize;

use super::{Cohere, errors};
use crate::failure;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    id: Option<String>,
    message: Option<Said>,
    finish_reason: Option<String>,
    usage: WireUsage,
}

/// In an error, the place of the message holds a sentence.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Error(String),
    Message(WireMessage),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireMessage {
    content: Option<Vec<Block>>,
    tool_plan: Option<String>,
    tool_calls: Option<Vec<WireCall>>,
}

/// A text or a thought.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Block {
    pub(super) text: Option<String>,
    pub(super) thinking: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireCall {
    pub(super) id: Option<String>,
    pub(super) function: Function,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Function {
    pub(super) name: Option<String>,
    pub(super) arguments: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    /// What is paid for.
    billed_units: Option<Tokens>,
    /// What the model saw, the vendor's own additions included.
    tokens: Option<Tokens>,
    cached_tokens: Option<f64>,
}

/// Numbers that the vendor writes with a fraction at times.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Tokens {
    input_tokens: Option<f64>,
    output_tokens: Option<f64>,
}

/// The reply does not say which model served.
pub(super) fn decode(dialect: &Cohere, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
    let reply: Reply = failure::parse(&dialect.provider, body)?;
    let message = match reply.message {
        Some(Said::Message(message)) => message,
        Some(Said::Error(text)) => return Err(errors::in_band(&dialect.provider, Some(&text))),
        None => return Err(failure::bad(&dialect.provider, "a reply without a message")),
    };
    let Some(reason) = reply.finish_reason else {
        return Err(failure::bad(&dialect.provider, "a reply that does not say why it ended"));
    };
    Ok(ChatResponse {
        id: reply.id.unwrap_or_default(),
        model: String::new(),
        parts: parts(dialect, message),
        finish: finish(dialect, &reason, None)?,
        usage: reply.usage.normal(),
    })
}

fn parts(dialect: &Cohere, message: WireMessage) -> Vec<Part> {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let mut parts = Vec::new();
    for block in message.content.unwrap_or_default() {
        if let Some(text) = some(block.thinking) {
            let content = ThinkingContent::Shown { text, signature: None };
            parts.push(Part::Thinking(Thinking { provider: dialect.provider.clone(), content }));
        }
        parts.extend(some(block.text).map(Part::Text));
    }
    parts.extend(some(message.tool_plan).map(Part::Text));
    for call in message.tool_calls.unwrap_or_default() {
        parts.push(Part::ToolCall(ToolCall {
            id: some(call.id).unwrap_or_else(|| failure::made_up_id(parts.len())),
            name: call.function.name.unwrap_or_default(),
            arguments: call.function.arguments.unwrap_or_default(),
        }));
    }
    parts
}

/// Why a reply ended. An error is not a way to end.
pub(super) fn finish(
    dialect: &Cohere,
    reason: &str,
    error: Option<&str>,
) -> Result<FinishReason, ApiClientError> {
    Ok(match reason {
        "COMPLETE" => FinishReason::Stop,
        // It does not say which.
        "STOP_SEQUENCE" => FinishReason::StopSequence(String::new()),
        "MAX_TOKENS" => FinishReason::Length,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "ERROR" | "TIMEOUT" => return Err(errors::in_band(&dialect.provider, error)),
        other => FinishReason::Other(other.to_owned()),
    })
}

impl WireUsage {
    /// The numbers as we count them: what is paid for, where that is known.
    pub(super) fn normal(&self) -> Usage {
        // A conversion that saturates: nobody counts less than nothing.
        let whole = |number: Option<f64>| number.map(|number| number as u64);
        let counted = self.billed_units.as_ref().or(self.tokens.as_ref());
        Usage {
            input: counted.and_then(|tokens| whole(tokens.input_tokens)),
            cache_read: whole(self.cached_tokens),
            output: counted.and_then(|tokens| whole(tokens.output_tokens)),
            ..Usage::default()
        }
    }
}
