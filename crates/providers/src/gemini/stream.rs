//! Streamed replies. Nothing closes them: a reply is complete when its finish reason came and the bytes ended.

use codeflow_model::{ApiClientError, FinishReason, StreamEvent, ThinkingDelta};

use super::{
    Gemini,
    reply::{self, Reply, Said},
};
use crate::{Frame, failure, parts::Parts};

/// What is remembered between the frames of one stream.
#[derive(Debug, Default)]
pub struct GeminiStream {
    started: bool,
    parts: Parts,
    has_calls: bool,
    finish: Option<FinishReason>,
}

impl GeminiStream {
    pub(super) fn frame(
        &mut self,
        dialect: &Gemini,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        self.take(dialect, failure::parse(&dialect.provider, frame.data.as_bytes())?, out)
    }

    /// Takes the next piece of a reply, which may be all of it.
    pub(super) fn take(
        &mut self,
        dialect: &Gemini,
        piece: Reply,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        piece.check(dialect)?;
        let candidate = reply::first(piece.candidates);
        if !std::mem::replace(&mut self.started, true) {
            let id = piece.response_id.unwrap_or_default();
            let model = piece.model_version.unwrap_or_default();
            out.push(StreamEvent::Started { id, model, provider: dialect.provider.clone() });
        }
        if let Some(candidate) = candidate {
            for part in candidate.content.and_then(|it| it.parts).unwrap_or_default() {
                part.said().into_iter().for_each(|said| out.push(self.say(said)));
            }
            if let Some(reason) = candidate.finish_reason.filter(|it| !it.is_empty()) {
                self.finish = Some(reply::finish(&reason, self.has_calls));
            }
        }
        out.extend(piece.usage_metadata.map(|usage| StreamEvent::Usage(usage.normal())));
        Ok(())
    }

    /// Whether the reason for the end has come.
    pub(super) fn has_ended(&self) -> bool {
        self.finish.is_some()
    }

    /// The reply is complete, if its reason to end has come. Usage may follow that reason, so it is held until now.
    pub(super) fn close(&mut self, out: &mut Vec<StreamEvent>) {
        out.extend(self.finish.take().map(StreamEvent::Finished));
    }

    /// Texts and thoughts grow until something else comes; calls come whole and are numbered here.
    fn say(&mut self, said: Said) -> StreamEvent {
        match said {
            Said::Text(delta) => StreamEvent::Text { index: self.parts.text(), delta },
            Said::Thought(text) => {
                let delta = ThinkingDelta::Text(text);
                StreamEvent::Thinking { index: self.parts.thought(), delta }
            }
            Said::Signature(data) => {
                StreamEvent::Thinking { index: self.parts.whole(), delta: ThinkingDelta::Redacted(data) }
            }
            Said::Call { id, name, arguments } => {
                self.has_calls = true;
                let index = self.parts.whole();
                let id = id.unwrap_or_else(|| failure::made_up_id(index));
                StreamEvent::ToolCall { index, id: Some(id), name: Some(name), arguments }
            }
        }
    }
}
