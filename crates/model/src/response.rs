//! What a model replies, whole or piece by piece.

use serde::{Deserialize, Serialize};

use crate::Part;

/// What a model replied.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct ChatResponse {
    /// The provider's id of the reply; empty when it gives none.
    pub id: String,
    /// The model that served, by the provider's own name for it.
    pub model: String,
    /// Texts, thoughts and tool calls, in order.
    pub parts: Vec<Part>,
    /// Why it ended.
    pub finish: FinishReason,
    /// What was used.
    pub usage: Usage,
}

/// Why a reply ended. An error is never one of these.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model had said everything.
    Stop,
    /// One of the request's stop texts came up; this one.
    StopSequence(String),
    /// The limit of tokens was reached.
    Length,
    /// The model waits for the results of its tool calls.
    ToolCalls,
    /// The provider withheld the rest, or the model refused.
    ContentFilter,
    /// Something else, in the provider's own word.
    Other(String),
}

/// How many tokens a call used. An absent number is unknown, which is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Usage {
    /// Everything that went in, cached or not: reads from and writes to a cache are included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// The part of `input` that was read from the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// The part of `input` that was written to the provider's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// The part of `cache_write` that is kept for an hour, where the provider tells it apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<u64>,
    /// Everything that came out, thoughts included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// The part of `output` that was thoughts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Takes over every number that `later` knows. Reports are cumulative, so nothing is ever added.
    pub fn update(&mut self, later: Self) {
        self.input = later.input.or(self.input);
        self.cache_read = later.cache_read.or(self.cache_read);
        self.cache_write = later.cache_write.or(self.cache_write);
        self.cache_write_1h = later.cache_write_1h.or(self.cache_write_1h);
        self.output = later.output.or(self.output);
        self.reasoning = later.reasoning.or(self.reasoning);
    }
}

/// One piece of a reply. `index` is the place of the part it belongs to among the reply's parts, so that parts which
/// grow side by side, such as parallel tool calls, stay apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// The provider took the request.
    Started {
        /// The provider's id of the reply; empty when it gives none.
        id: String,
        /// The model that serves.
        model: String,
        /// Who serves; thoughts in the reply are bound to it.
        provider: String,
    },
    /// More of a text.
    Text {
        /// Which part.
        index: usize,
        /// What to append.
        delta: String,
    },
    /// More of a tool call.
    ToolCall {
        /// Which part.
        index: usize,
        /// The call's id, once.
        id: Option<String>,
        /// The tool's name, once.
        name: Option<String>,
        /// What to append to the arguments.
        arguments: String,
    },
    /// More of a thought.
    Thinking {
        /// Which part.
        index: usize,
        /// What to append.
        delta: ThinkingDelta,
    },
    /// What was used until now. Later reports replace earlier ones: see [`Usage::update`].
    Usage(Usage),
    /// The reply is complete. Without this event it is not, whatever else came.
    Finished(FinishReason),
}

/// More of a thought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ThinkingDelta {
    /// Words.
    Text(String),
    /// A piece of the signature.
    Signature(String),
    /// A piece of a thought that only the provider can read.
    Redacted(String),
}
