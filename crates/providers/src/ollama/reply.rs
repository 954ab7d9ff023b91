//! Replies, whole and in pieces: a whole one is a stream of one piece.

use codeflow_model::{
    ApiClientError, ChatResponse, EmbedRequest, EmbedResponse, FinishReason, Fold, StreamEvent,
    ThinkingDelta, Usage,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Ollama, errors};
use crate::{Frame, failure, parts::Parts};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Reply {
    model: Option<String>,
    message: Option<WireMessage>,
    done: Option<bool>,
    done_reason: Option<String>,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    error: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireMessage {
    content: Option<String>,
    thinking: Option<String>,
    tool_calls: Option<Vec<WireCall>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct WireCall {
    id: Option<String>,
    function: Function,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Function {
    name: Option<String>,
    arguments: Option<Box<RawValue>>,
}

/// What is remembered between the lines of one stream.
#[derive(Debug, Default)]
pub struct OllamaStream {
    started: bool,
    parts: Parts,
    has_calls: bool,
    finished: bool,
}

pub(super) fn decode(dialect: &Ollama, body: &[u8]) -> Result<ChatResponse, ApiClientError> {
    let mut stream = OllamaStream::default();
    let mut events = Vec::new();
    stream.take(dialect, failure::parse(&dialect.provider, body)?, &mut events)?;
    if !stream.finished {
        return Err(failure::bad(&dialect.provider, "a reply that is not done"));
    }
    let mut fold = Fold::default();
    events.into_iter().try_for_each(|event| fold.push(event))?;
    fold.finish()
}

impl OllamaStream {
    pub(super) fn frame(
        &mut self,
        dialect: &Ollama,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        self.take(dialect, failure::parse(&dialect.provider, frame.data.as_bytes())?, out)
    }

    fn take(
        &mut self,
        dialect: &Ollama,
        piece: Reply,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        if let Some(error) = piece.error {
            return Err(errors::in_band(&dialect.provider, &error));
        }
        if !std::mem::replace(&mut self.started, true) {
            let (id, model) = (String::new(), piece.model.unwrap_or_default());
            out.push(StreamEvent::Started { id, model, provider: dialect.provider.clone() });
        }
        self.say(piece.message.unwrap_or_default(), out);
        if piece.done == Some(true) {
            self.finished = true;
            let (input, output) = (piece.prompt_eval_count, piece.eval_count);
            out.push(StreamEvent::Usage(Usage { input, output, ..Usage::default() }));
            out.push(StreamEvent::Finished(self.finish(piece.done_reason)));
        }
        Ok(())
    }

    fn say(&mut self, message: WireMessage, out: &mut Vec<StreamEvent>) {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(text) = some(message.thinking) {
            let index = self.parts.thought();
            out.push(StreamEvent::Thinking { index, delta: ThinkingDelta::Text(text) });
        }
        if let Some(delta) = some(message.content) {
            out.push(StreamEvent::Text { index: self.parts.text(), delta });
        }
        for call in message.tool_calls.unwrap_or_default() {
            self.has_calls = true;
            let index = self.parts.whole();
            let id = some(call.id).unwrap_or_else(|| failure::made_up_id(index));
            let name = call.function.name.unwrap_or_default();
            let arguments = call.function.arguments.map_or_else(|| "{}".to_owned(), |it| it.get().to_owned());
            out.push(StreamEvent::ToolCall { index, id: Some(id), name: Some(name), arguments });
        }
    }

    /// The format has no reason of its own for tool calls, and older servers give no reason at all.
    fn finish(&self, reason: Option<String>) -> FinishReason {
        match reason.as_deref() {
            None | Some("stop" | "") if self.has_calls => FinishReason::ToolCalls,
            None | Some("stop" | "") => FinishReason::Stop,
            Some("length") => FinishReason::Length,
            Some(other) => FinishReason::Other(other.to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct Embeddings {
    model: Option<String>,
    embeddings: Vec<Vec<f32>>,
    prompt_eval_count: Option<u64>,
}

pub(super) fn decode_embed(
    dialect: &Ollama,
    request: &EmbedRequest,
    body: &[u8],
) -> Result<EmbedResponse, ApiClientError> {
    let reply: Embeddings = failure::parse(&dialect.provider, body)?;
    Ok(EmbedResponse {
        model: reply.model.unwrap_or_else(|| request.model.clone()),
        vectors: failure::one_each(&dialect.provider, request, reply.embeddings)?,
        usage: Usage { input: reply.prompt_eval_count, ..Usage::default() },
    })
}
