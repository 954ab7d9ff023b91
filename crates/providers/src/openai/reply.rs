//! Whole chat completions, and the pieces they share with streamed ones.

use std::borrow::Cow;

use codeflow_model::{
    ApiClientError, ChatResponse, FinishReason, Part, Thinking, ThinkingContent, ToolCall, Usage,
};
use serde::Deserialize;
use serde_json::Value;

use super::{OpenAi, errors};
use crate::failure;

/// A reply, or a piece of one.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Reply {
    pub(super) id: Option<String>,
    pub(super) model: Option<String>,
    pub(super) choices: Option<Vec<Choice>>,
    pub(super) usage: Option<WireUsage>,
    /// Where Groq puts a stream's usage.
    pub(super) x_groq: Option<Groq>,
    pub(super) error: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Groq {
    pub(super) usage: Option<WireUsage>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Choice {
    pub(super) index: Option<u64>,
    #[serde(alias = "delta")]
    pub(super) message: Option<WireMessage>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireMessage {
    pub(super) content: Option<Content>,
    pub(super) refusal: Option<String>,
    reasoning_content: Option<String>,
    reasoning: Option<String>,
    pub(super) tool_calls: Option<Vec<WireCall>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Content {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ContentPart {
    text: Option<String>,
    /// Mistral's thoughts are parts of the content.
    thinking: Option<Vec<ThoughtPart>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ThoughtPart {
    text: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct WireCall {
    pub(super) index: Option<usize>,
    pub(super) id: Option<String>,
    pub(super) function: Option<Function>,
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
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
    prompt_tokens_details: Option<TokenDetails>,
    completion_tokens_details: Option<TokenDetails>,
    /// What DeepSeek calls cached tokens.
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
    reasoning_tokens: Option<u64>,
}

pub(super) fn decode(dialect: &OpenAi, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
    let reply: Reply = failure::parse(&dialect.provider, body)?;
    if let Some(error) = reply.error {
        return Err(errors::in_band(&dialect.provider, &error));
    }
    let choice = first(reply.choices).ok_or_else(|| bad(dialect, "a reply without a choice"))?;
    let Some(message) = choice.message else {
        return Err(bad(dialect, "a choice without a message"));
    };
    let Some(reason) = choice.finish_reason.as_deref() else {
        return Err(bad(dialect, "a reply that does not say why it ended"));
    };
    let finish = finish(dialect, reason, message.refusal.is_some())?;
    Ok(ChatResponse {
        id: reply.id.unwrap_or_default(),
        model: reply.model.unwrap_or_default(),
        parts: parts(dialect, message),
        finish,
        usage: reply.usage.map(|usage| usage.normal(dialect)).unwrap_or_default(),
    })
}

/// Of several choices, the first; nothing of ours asks for more.
pub(super) fn first(choices: Option<Vec<Choice>>) -> Option<Choice> {
    choices?.into_iter().find(|choice| choice.index.unwrap_or(0) == 0)
}

fn parts(dialect: &OpenAi, message: WireMessage) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(text) = message.thought() {
        let content = ThinkingContent::Shown { text: text.into_owned(), signature: None };
        parts.push(Part::Thinking(Thinking { provider: dialect.provider.clone(), content }));
    }
    let said = message.text();
    if !said.is_empty() {
        parts.push(Part::Text(said));
    }
    for call in message.tool_calls.unwrap_or_default() {
        let function = call.function.unwrap_or_default();
        parts.push(Part::ToolCall(ToolCall {
            id: call.id.unwrap_or_else(|| failure::made_up_id(parts.len())),
            name: function.name.unwrap_or_default(),
            arguments: function.arguments.unwrap_or_default(),
        }));
    }
    parts
}

/// Why a reply ended. An error is not a way to end.
pub(super) fn finish(dialect: &OpenAi, reason: &str, refused: bool) -> Result<FinishReason, ApiClientError> {
    Ok(match reason {
        "stop" if refused => FinishReason::ContentFilter,
        "stop" => FinishReason::Stop,
        "length" | "model_length" => FinishReason::Length,
        "tool_calls" | "function_call" => FinishReason::ToolCalls,
        "content_filter" => FinishReason::ContentFilter,
        "error" | "insufficient_system_resource" => {
            return Err(bad(dialect, "a reply that ended in an error"));
        }
        other => FinishReason::Other(other.to_owned()),
    })
}

pub(super) fn bad(dialect: &OpenAi, what: &str) -> ApiClientError {
    failure::bad(&dialect.provider, what)
}

impl WireMessage {
    /// The thought, under whichever of its two names it came. Some servers send both.
    pub(super) fn thought(&self) -> Option<Cow<'_, str>> {
        let thoughts = [&self.reasoning_content, &self.reasoning];
        let plain = thoughts.into_iter().flatten().find(|text| !text.is_empty());
        plain.map(|text| Cow::Borrowed(text.as_str())).or_else(|| self.thought_in_content())
    }

    fn thought_in_content(&self) -> Option<Cow<'_, str>> {
        let Some(Content::Parts(parts)) = &self.content else { return None };
        let thoughts = parts.iter().flat_map(|part| part.thinking.iter().flatten());
        let text: String = thoughts.filter_map(|thought| thought.text.as_deref()).collect();
        (!text.is_empty()).then_some(Cow::Owned(text))
    }

    /// Whether there is anything in it but who speaks.
    pub(super) fn says_something(&self) -> bool {
        let has_words = match &self.content {
            None => false,
            Some(Content::Text(text)) => !text.is_empty(),
            Some(Content::Parts(parts)) => !parts.is_empty(),
        };
        has_words
            || self.refusal.as_ref().is_some_and(|text| !text.is_empty())
            || self.tool_calls.as_ref().is_some_and(|calls| !calls.is_empty())
            || self.thought().is_some()
    }

    /// The words, a refusal included.
    pub(super) fn text(&self) -> String {
        let mut text = match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => parts.iter().filter_map(|part| part.text.as_deref()).collect(),
        };
        text.push_str(self.refusal.as_deref().unwrap_or_default());
        text
    }
}

impl WireUsage {
    /// The numbers as we count them. Tokens that a cache gave or took are already in `prompt_tokens`.
    pub(super) fn normal(&self, dialect: &OpenAi) -> Usage {
        let prompt = self.prompt_tokens_details.as_ref();
        let cached = prompt.and_then(|it| it.cached_tokens);
        let reasoning = self.completion_tokens_details.as_ref().and_then(|it| it.reasoning_tokens);
        let beside = if dialect.compatibility.reasoning_apart { reasoning } else { None };
        Usage {
            input: self.prompt_tokens,
            cache_read: cached.or(self.prompt_cache_hit_tokens),
            cache_write: prompt.and_then(|it| it.cache_write_tokens),
            cache_write_1h: None,
            output: self.completion_tokens.map(|tokens| tokens.saturating_add(beside.unwrap_or(0))),
            reasoning,
        }
    }
}
