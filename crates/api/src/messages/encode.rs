//! Whole replies, and the pieces they share with streamed ones.

use std::borrow::Cow;

use codeflow_model::{ChatResponse, FinishReason, Part, ThinkingContent, ToolCall, Usage};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{UNREADABLE, thoughts};
use crate::{Stamp, sse};

/// A message, or the beginning of one.
#[derive(Serialize)]
pub(super) struct WireMessage<'a> {
    pub(super) id: &'a str,
    pub(super) r#type: &'static str,
    pub(super) role: &'static str,
    pub(super) model: &'a str,
    pub(super) content: Vec<Block<'a>>,
    pub(super) stop_reason: Option<&'a str>,
    pub(super) stop_sequence: Option<&'a str>,
    pub(super) usage: WireUsage,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum Block<'a> {
    Text { text: &'a str },
    Thinking { thinking: &'a str, signature: String },
    RedactedThinking { data: String },
    ToolUse { id: &'a str, name: &'a str, input: Cow<'a, RawValue> },
}

/// Tokens as this format counts them: what a cache read or wrote stands beside the input and not in it.
#[derive(Serialize)]
pub(super) struct WireUsage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_creation: Option<CacheCreation>,
    output_tokens: u64,
}

#[derive(Serialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: u64,
    ephemeral_1h_input_tokens: u64,
}

pub(super) fn response(response: &ChatResponse, stamp: &Stamp) -> Vec<u8> {
    let (stop_reason, stop_sequence) = stop(&response.finish);
    let message = WireMessage {
        id: or(&response.id, &stamp.id),
        r#type: "message",
        role: "assistant",
        model: or(&response.model, &stamp.model),
        content: response.parts.iter().filter_map(block).collect(),
        stop_reason: Some(stop_reason),
        stop_sequence,
        usage: usage(&response.usage),
    };
    let mut out = Vec::new();
    sse::json(&mut out, &message);
    out
}

fn block(part: &Part) -> Option<Block<'_>> {
    match part {
        // An empty text would be refused when the client sends it back.
        Part::Text(text) if text.is_empty() => None,
        Part::Text(text) => Some(Block::Text { text }),
        Part::ToolCall(call) => Some(Block::ToolUse { id: &call.id, name: &call.name, input: input(call) }),
        Part::Thinking(thought) => Some(match &thought.content {
            ThinkingContent::Shown { text, signature } => Block::Thinking {
                thinking: text,
                signature: thoughts::mark(&thought.provider, signature.as_deref().unwrap_or_default()),
            },
            ThinkingContent::Redacted(data) => {
                Block::RedactedThinking { data: thoughts::mark(&thought.provider, data) }
            }
        }),
        // No reply holds these.
        Part::Image(_) | Part::ToolResult(_) => None,
    }
}

/// The arguments as they were written, where they are an object.
fn input(call: &ToolCall) -> Cow<'_, RawValue> {
    let text = call.arguments.trim_ascii();
    let read = serde_json::from_str::<&RawValue>(text).ok().filter(|raw| raw.get().starts_with('{'));
    match read {
        Some(raw) => Cow::Borrowed(raw),
        None if text.is_empty() => no_input(),
        None => Cow::Owned(raw(serde_json::json!({ UNREADABLE: call.arguments }).to_string())),
    }
}

/// The input of a call without arguments, and of one whose arguments are yet to come.
pub(super) fn no_input() -> Cow<'static, RawValue> {
    Cow::Owned(raw("{}".to_owned()))
}

fn raw(json: String) -> Box<RawValue> {
    RawValue::from_string(json).expect("it was just written as JSON")
}

/// The reason, and the text that stopped the model.
pub(super) fn stop(reason: &FinishReason) -> (&str, Option<&str>) {
    match reason {
        FinishReason::Stop => ("end_turn", None),
        FinishReason::StopSequence(text) => ("stop_sequence", Some(text)),
        FinishReason::Length => ("max_tokens", None),
        FinishReason::ToolCalls => ("tool_use", None),
        FinishReason::ContentFilter => ("refusal", None),
        FinishReason::Other(word) => (word, None),
    }
}

pub(super) fn usage(usage: &Usage) -> WireUsage {
    let (read, write) = (usage.cache_read.unwrap_or(0), usage.cache_write.unwrap_or(0));
    WireUsage {
        input_tokens: usage.input.unwrap_or(0).saturating_sub(read).saturating_sub(write),
        cache_creation_input_tokens: write,
        cache_read_input_tokens: read,
        cache_creation: usage.cache_write_1h.map(|hour| CacheCreation {
            ephemeral_5m_input_tokens: write.saturating_sub(hour),
            ephemeral_1h_input_tokens: hour,
        }),
        output_tokens: usage.output.unwrap_or(0),
    }
}

pub(super) fn or<'a>(text: &'a str, fallback: &'a str) -> &'a str {
    if text.is_empty() { fallback } else { text }
}
