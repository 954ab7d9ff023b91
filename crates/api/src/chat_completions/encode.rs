//! Whole replies, and the pieces they share with streamed ones.

use codeflow_core::Timestamp;
use codeflow_model::{ChatResponse, FinishReason, Part, ThinkingContent, ToolCall, Usage};
use serde::Serialize;

use crate::{Stamp, sse};

const MICROS: i64 = 1_000_000;

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    usage: Option<WireUsage>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Said<'a>,
    logprobs: Option<()>,
    finish_reason: &'a str,
}

#[derive(Serialize)]
struct Said<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<()>,
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call<'a>>,
}

#[derive(Serialize)]
struct Call<'a> {
    id: &'a str,
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: String,
}

/// Tokens as this format counts them: cached ones are part of the prompt, thoughts are part of the completion.
#[derive(Clone, Copy, Serialize)]
pub(super) struct WireUsage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Clone, Copy, Serialize)]
struct PromptDetails {
    #[serde(skip_serializing_if = "Option::is_none")]
    cached_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_tokens: Option<u64>,
}

#[derive(Clone, Copy, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

pub(super) fn response(response: &ChatResponse, stamp: &Stamp) -> Vec<u8> {
    let completion = Completion {
        id: or(&response.id, &stamp.id),
        object: "chat.completion",
        created: seconds(stamp.created),
        model: or(&response.model, &stamp.model),
        choices: [Choice {
            index: 0,
            message: message(&response.parts),
            logprobs: None,
            finish_reason: finish_reason(&response.finish),
        }],
        usage: usage(&response.usage),
    };
    let mut out = Vec::new();
    sse::json(&mut out, &completion);
    out
}

fn message(parts: &[Part]) -> Said<'_> {
    let (mut content, mut reasoning_content, mut tool_calls) = (String::new(), String::new(), Vec::new());
    for part in parts {
        match part {
            Part::Text(text) => content.push_str(text),
            Part::ToolCall(call) => tool_calls.push(tool_call(call)),
            Part::Thinking(thought) => match &thought.content {
                ThinkingContent::Shown { text, .. } => reasoning_content.push_str(text),
                ThinkingContent::Redacted(_) => {}
            },
            // No reply holds these.
            Part::Image(_) | Part::ToolResult(_) => {}
        }
    }
    let is_silent = content.is_empty() && !tool_calls.is_empty();
    let content = (!is_silent).then_some(content);
    Said { role: "assistant", content, refusal: None, reasoning_content, tool_calls }
}

fn tool_call(call: &ToolCall) -> Call<'_> {
    let mut arguments = call.arguments.clone();
    if is_blank(&arguments) {
        arguments.push_str(NO_ARGUMENTS);
    }
    Call { id: &call.id, r#type: "function", function: Function { name: &call.name, arguments } }
}

/// Clients parse arguments without looking, and nothing is not JSON.
pub(super) const NO_ARGUMENTS: &str = "{}";

fn is_blank(arguments: &str) -> bool {
    arguments.trim_ascii().is_empty()
}

pub(super) fn finish_reason(reason: &FinishReason) -> &str {
    match reason {
        FinishReason::Stop | FinishReason::StopSequence(_) => "stop",
        FinishReason::Length => "length",
        FinishReason::ToolCalls => "tool_calls",
        FinishReason::ContentFilter => "content_filter",
        FinishReason::Other(word) => word,
    }
}

/// `None` when either number is unknown, for the format can only say numbers and unknown is not zero.
pub(super) fn usage(usage: &Usage) -> Option<WireUsage> {
    let (prompt_tokens, completion_tokens) = (usage.input?, usage.output?);
    let knows_cache = usage.cache_read.is_some() || usage.cache_write.is_some();
    Some(WireUsage {
        prompt_tokens,
        completion_tokens,
        total_tokens: prompt_tokens.saturating_add(completion_tokens),
        prompt_tokens_details: knows_cache.then_some(PromptDetails {
            cached_tokens: usage.cache_read,
            cache_write_tokens: usage.cache_write,
        }),
        completion_tokens_details: usage
            .reasoning
            .map(|reasoning_tokens| CompletionDetails { reasoning_tokens }),
    })
}

pub(super) fn or<'a>(text: &'a str, fallback: &'a str) -> &'a str {
    if text.is_empty() { fallback } else { text }
}

/// The format tells time in whole seconds.
pub(super) fn seconds(moment: Timestamp) -> i64 {
    moment.micros().div_euclid(MICROS)
}
