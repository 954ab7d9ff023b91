//! Whole messages, and the pieces they share with streamed ones.

use codeflow_model::{
    ApiClientError, ChatResponse, FinishReason, Part, Thinking, ThinkingContent, ToolCall, Usage,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Anthropic,
    errors::{self, WireError},
};
use crate::failure;

/// A message, or the beginning of one.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Reply {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    content: Option<Vec<Block>>,
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    pub(super) usage: WireUsage,
    error: Option<WireError>,
}

/// A block of a message. It is flat, because a tagged enum could not keep the tool's input as it was written.
#[derive(Deserialize)]
pub(super) struct Block {
    #[serde(rename = "type")]
    kind: String,
    text: Option<String>,
    thinking: Option<String>,
    signature: Option<String>,
    data: Option<String>,
    id: Option<String>,
    name: Option<String>,
    input: Option<Box<RawValue>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    /// Of the tokens written, how many are kept for how long.
    cache_creation: Option<CacheCreation>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_1h_input_tokens: Option<u64>,
}

pub(super) fn decode(dialect: &Anthropic, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
    let reply: Reply = failure::parse(&dialect.provider, body)?;
    if let Some(error) = reply.error {
        return Err(errors::in_band(&dialect.provider, error));
    }
    let Some(blocks) = reply.content else {
        return Err(bad(dialect, "a message without content"));
    };
    let Some(reason) = reply.stop_reason else {
        return Err(bad(dialect, "a message that does not say why it ended"));
    };
    Ok(ChatResponse {
        id: reply.id.unwrap_or_default(),
        model: reply.model.unwrap_or_default(),
        parts: blocks.into_iter().filter_map(|block| block.part(dialect)).collect(),
        finish: finish(&reason, reply.stop_sequence),
        usage: reply.usage.normal(),
    })
}

pub(super) fn finish(reason: &str, sequence: Option<String>) -> FinishReason {
    match reason {
        "end_turn" => FinishReason::Stop,
        "stop_sequence" => FinishReason::StopSequence(sequence.unwrap_or_default()),
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

pub(super) fn bad(dialect: &Anthropic, what: &str) -> ApiClientError {
    failure::bad(&dialect.provider, what)
}

impl Block {
    /// The part that the block is; none for blocks that are empty or that we do not know.
    pub(super) fn part(self, dialect: &Anthropic) -> Option<Part> {
        let thought = |content| Thinking { provider: dialect.provider.clone(), content };
        Some(match self.kind.as_str() {
            "text" => Part::Text(self.text.filter(|text| !text.is_empty())?),
            "thinking" => {
                let text = self.thinking.unwrap_or_default();
                let signature = self.signature.filter(|signature| !signature.is_empty());
                Part::Thinking(thought(ThinkingContent::Shown { text, signature }))
            }
            "redacted_thinking" => Part::Thinking(thought(ThinkingContent::Redacted(self.data?))),
            "tool_use" => Part::ToolCall(ToolCall {
                id: self.id.unwrap_or_default(),
                name: self.name.unwrap_or_default(),
                arguments: self.input.map_or_else(|| "{}".to_owned(), |it| it.get().to_owned()),
            }),
            _ => return None,
        })
    }
}

impl WireUsage {
    /// Takes over every number that `later` knows: reports are cumulative.
    pub(super) fn update(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens =
            later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
    }

    /// The numbers as we count them. `input_tokens` leaves out what the cache read or wrote.
    pub(super) fn normal(self) -> Usage {
        let (read, write) = (self.cache_read_input_tokens, self.cache_creation_input_tokens);
        let cached = read.unwrap_or(0).saturating_add(write.unwrap_or(0));
        Usage {
            input: self.input_tokens.map(|tokens| tokens.saturating_add(cached)),
            cache_read: read,
            cache_write: write,
            cache_write_1h: self.cache_creation.and_then(|kept| kept.ephemeral_1h_input_tokens),
            output: self.output_tokens,
            reasoning: None,
        }
    }
}
