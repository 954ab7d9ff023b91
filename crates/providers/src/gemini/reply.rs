//! Whole replies, and the pieces they share with streamed ones.

use codeflow_model::{ApiClientError, ChatResponse, ErrorKind, FinishReason, Fold, Usage};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{Gemini, GeminiStream, errors};
use crate::failure;

/// A reply, or a piece of one: both have the same form.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reply {
    pub(super) candidates: Option<Vec<Candidate>>,
    pub(super) usage_metadata: Option<WireUsage>,
    pub(super) model_version: Option<String>,
    pub(super) response_id: Option<String>,
    prompt_feedback: Option<Feedback>,
    error: Option<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Candidate {
    index: Option<u64>,
    pub(super) content: Option<Content>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Content {
    pub(super) parts: Option<Vec<WirePart>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct WirePart {
    text: Option<String>,
    thought: Option<bool>,
    thought_signature: Option<String>,
    function_call: Option<FunctionCall>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FunctionCall {
    id: Option<String>,
    name: Option<String>,
    args: Option<Box<RawValue>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct WireUsage {
    prompt_token_count: Option<u64>,
    tool_use_prompt_token_count: Option<u64>,
    cached_content_token_count: Option<u64>,
    candidates_token_count: Option<u64>,
    thoughts_token_count: Option<u64>,
    total_token_count: Option<u64>,
}

/// What one part of the reply says, before it is known which of our parts it belongs to.
pub(super) enum Said {
    Text(String),
    Thought(String),
    /// A signature, which belongs to the next part.
    Signature(String),
    Call {
        id: Option<String>,
        name: String,
        arguments: String,
    },
}

/// A whole reply is a stream of one piece.
pub(super) fn decode(dialect: &Gemini, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
    let reply: Reply = failure::parse(&dialect.provider, body)?;
    let mut stream = GeminiStream::default();
    let mut events = Vec::new();
    stream.take(dialect, reply, &mut events)?;
    if !stream.has_ended() {
        return Err(failure::bad(&dialect.provider, "a reply that does not say why it ended"));
    }
    stream.close(&mut events);
    let mut fold = Fold::default();
    events.into_iter().try_for_each(|event| fold.push(event))?;
    fold.finish()
}

/// The first candidate: no more are asked for.
pub(super) fn first(candidates: Option<Vec<Candidate>>) -> Option<Candidate> {
    candidates?.into_iter().find(|candidate| candidate.index.unwrap_or(0) == 0)
}

/// Why a reply ended. The format has no reason of its own for tool calls.
pub(super) fn finish(reason: &str, has_calls: bool) -> FinishReason {
    match reason {
        "STOP" if has_calls => FinishReason::ToolCalls,
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" => FinishReason::Length,
        "SAFETY"
        | "RECITATION"
        | "BLOCKLIST"
        | "PROHIBITED_CONTENT"
        | "SPII"
        | "IMAGE_SAFETY"
        | "IMAGE_PROHIBITED_CONTENT"
        | "IMAGE_RECITATION" => FinishReason::ContentFilter,
        other => FinishReason::Other(other.to_owned()),
    }
}

impl Reply {
    /// Whether it is a reply at all, and not an error or a refusal of the prompt.
    pub(super) fn check(&self, dialect: &Gemini) -> Result<(), ApiClientError> {
        if let Some(error) = &self.error {
            return Err(errors::in_band(&dialect.provider, error));
        }
        match self.prompt_feedback.as_ref().and_then(|it| it.block_reason.as_deref()) {
            Some(reason) if self.candidates.as_ref().is_none_or(Vec::is_empty) => {
                let text = Some("the prompt was blocked");
                let code = Some(reason.to_owned());
                Err(failure::error(ErrorKind::ContentFiltered, &dialect.provider, text, code, None))
            }
            _ => Ok(()),
        }
    }
}

impl WirePart {
    /// What the part says, its signature first: so it stands before whatever it has to go back with. Empty texts are
    /// nothing but carriers of signatures.
    pub(super) fn said(self) -> Vec<Said> {
        let mut out = Vec::new();
        out.extend(self.thought_signature.filter(|it| !it.is_empty()).map(Said::Signature));
        let text = self.text.filter(|text| !text.is_empty());
        out.extend(text.map(if self.thought == Some(true) { Said::Thought } else { Said::Text }));
        out.extend(self.function_call.map(|call| Said::Call {
            id: call.id.filter(|id| !id.is_empty()),
            name: call.name.unwrap_or_default(),
            arguments: call.args.map_or_else(|| "{}".to_owned(), |args| args.get().to_owned()),
        }));
        out
    }
}

impl WireUsage {
    /// The numbers as we count them. Thoughts come out too, and a count of zero is left out of the document.
    pub(super) fn normal(&self) -> Usage {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (None, None) => None,
            _ => Some(one.unwrap_or(0).saturating_add(other.unwrap_or(0))),
        };
        let input = sum(self.prompt_token_count, self.tool_use_prompt_token_count);
        let written = sum(self.candidates_token_count, self.thoughts_token_count);
        let rest = || self.total_token_count?.checked_sub(input?);
        Usage {
            input,
            cache_read: self.cached_content_token_count,
            cache_write: None,
            cache_write_1h: None,
            output: written.or_else(rest),
            reasoning: self.thoughts_token_count,
        }
    }
}
