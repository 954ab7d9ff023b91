//! Whole replies, and the pieces they share with streamed ones.

use codeflow_model::{
    ApiClientError, ChatResponse, FinishReason, Part, Thinking, ThinkingContent, ToolCall, Usage,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Bedrock;
use crate::failure;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reply {
    output: Option<Output>,
    stop_reason: Option<String>,
    usage: WireUsage,
}

#[derive(Deserialize)]
struct Output {
    message: WireMessage,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireMessage {
    content: Vec<Block>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Block {
    text: Option<String>,
    tool_use: Option<ToolUse>,
    reasoning_content: Option<Reasoning>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse {
    tool_use_id: String,
    name: String,
    input: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reasoning {
    reasoning_text: Option<ReasoningText>,
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
struct ReasoningText {
    text: String,
    signature: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_write_input_tokens: Option<u64>,
    cache_details: Option<Vec<CacheDetail>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CacheDetail {
    ttl: Option<String>,
    input_tokens: Option<u64>,
}

/// The reply says neither its id nor which model served.
pub(super) fn decode(dialect: &Bedrock, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
    let reply: Reply = failure::parse(&dialect.provider, body)?;
    let Some(output) = reply.output else {
        return Err(failure::bad(&dialect.provider, "a reply without a message"));
    };
    let Some(reason) = reply.stop_reason else {
        return Err(failure::bad(&dialect.provider, "a reply that does not say why it ended"));
    };
    Ok(ChatResponse {
        id: String::new(),
        model: String::new(),
        parts: output.message.content.into_iter().filter_map(|block| block.part(dialect)).collect(),
        finish: finish(&reason),
        usage: reply.usage.normal(),
    })
}

pub(super) fn finish(reason: &str) -> FinishReason {
    match reason {
        "end_turn" => FinishReason::Stop,
        // It does not say which.
        "stop_sequence" => FinishReason::StopSequence(String::new()),
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "content_filtered" | "guardrail_intervened" | "refusal" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

impl Block {
    /// The part that the block is; none for blocks that are empty or that we do not know.
    fn part(self, dialect: &Bedrock) -> Option<Part> {
        if let Some(text) = self.text {
            return (!text.is_empty()).then_some(Part::Text(text));
        }
        if let Some(call) = self.tool_use {
            let arguments = call.input.map_or_else(|| "{}".to_owned(), |input| input.get().to_owned());
            return Some(Part::ToolCall(ToolCall { id: call.tool_use_id, name: call.name, arguments }));
        }
        let reasoning = self.reasoning_content?;
        let content = match (reasoning.reasoning_text, reasoning.redacted_content) {
            (Some(ReasoningText { text, signature }), _) => ThinkingContent::Shown { text, signature },
            (None, Some(data)) => ThinkingContent::Redacted(data),
            (None, None) => return None,
        };
        Some(Part::Thinking(Thinking { provider: dialect.provider.clone(), content }))
    }
}

impl WireUsage {
    /// The numbers as we count them. `inputTokens` leaves out what the cache read or wrote.
    pub(super) fn normal(&self) -> Usage {
        let (read, write) = (self.cache_read_input_tokens, self.cache_write_input_tokens);
        let cached = read.unwrap_or(0).saturating_add(write.unwrap_or(0));
        let hour = self.cache_details.iter().flatten().find(|detail| detail.ttl.as_deref() == Some("1h"));
        Usage {
            input: self.input_tokens.map(|tokens| tokens.saturating_add(cached)),
            cache_read: read,
            cache_write: write,
            cache_write_1h: hour.and_then(|detail| detail.input_tokens),
            output: self.output_tokens,
            reasoning: None,
        }
    }
}
