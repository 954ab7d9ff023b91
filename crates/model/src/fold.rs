//! Folds a stream into the reply it stands for.

use std::collections::BTreeMap;

use crate::{
    ApiClientError, ChatResponse, Details, ErrorKind, FinishReason, Part, Phase, StreamEvent, Thinking,
    ThinkingContent, ThinkingDelta, ToolCall, Usage,
};

/// Puts the pieces of a stream together.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    id: String,
    model: String,
    provider: String,
    parts: BTreeMap<usize, Part>,
    finish: Option<FinishReason>,
    usage: Usage,
}

impl Fold {
    /// Takes the next piece. A piece that does not fit the part it names is an error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadResponse`].
    pub fn push(&mut self, event: StreamEvent) -> Result<(), ApiClientError> {
        match event {
            StreamEvent::Started { id, model, provider } => {
                (self.id, self.model, self.provider) = (id, model, provider);
            }
            StreamEvent::Text { index, delta } => return self.text(index, &delta),
            StreamEvent::ToolCall { index, id, name, arguments } => {
                return self.tool_call(index, id, name, &arguments);
            }
            StreamEvent::Thinking { index, delta } => return self.thinking(index, delta),
            StreamEvent::Usage(usage) => self.usage.update(usage),
            StreamEvent::Finished(reason) => self.finish = Some(reason),
        }
        Ok(())
    }

    /// What was used, as far as the stream has said. Also true of a stream that breaks.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// The whole reply.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::BadResponse`] when the stream never said that it was complete.
    pub fn finish(self) -> Result<ChatResponse, ApiClientError> {
        let Some(finish) = self.finish else {
            return Err(self.bad("the stream ended before the reply was complete"));
        };
        Ok(ChatResponse {
            id: self.id,
            model: self.model,
            parts: self.parts.into_values().collect(),
            finish,
            usage: self.usage,
        })
    }

    fn text(&mut self, index: usize, delta: &str) -> Result<(), ApiClientError> {
        match self.parts.entry(index).or_insert_with(|| Part::Text(String::new())) {
            Part::Text(text) => {
                text.push_str(delta);
                Ok(())
            }
            _ => Err(self.misplaced(index)),
        }
    }

    fn tool_call(
        &mut self,
        index: usize,
        id: Option<String>,
        name: Option<String>,
        more: &str,
    ) -> Result<(), ApiClientError> {
        let empty = || ToolCall { id: String::new(), name: String::new(), arguments: String::new() };
        match self.parts.entry(index).or_insert_with(|| Part::ToolCall(empty())) {
            Part::ToolCall(call) => {
                call.id = id.unwrap_or_else(|| std::mem::take(&mut call.id));
                call.name = name.unwrap_or_else(|| std::mem::take(&mut call.name));
                call.arguments.push_str(more);
                Ok(())
            }
            _ => Err(self.misplaced(index)),
        }
    }

    fn thinking(&mut self, index: usize, delta: ThinkingDelta) -> Result<(), ApiClientError> {
        let empty = match delta {
            ThinkingDelta::Text(_) | ThinkingDelta::Signature(_) => {
                ThinkingContent::Shown { text: String::new(), signature: None }
            }
            ThinkingDelta::Redacted(_) => ThinkingContent::Redacted(String::new()),
        };
        let provider = &self.provider;
        let part = self
            .parts
            .entry(index)
            .or_insert_with(|| Part::Thinking(Thinking { provider: provider.clone(), content: empty }));
        let Part::Thinking(Thinking { content, .. }) = part else {
            return Err(self.misplaced(index));
        };
        match (content, delta) {
            (ThinkingContent::Shown { text, .. }, ThinkingDelta::Text(more)) => text.push_str(&more),
            (ThinkingContent::Shown { signature, .. }, ThinkingDelta::Signature(more)) => {
                signature.get_or_insert_default().push_str(&more);
            }
            (ThinkingContent::Redacted(data), ThinkingDelta::Redacted(more)) => data.push_str(&more),
            (ThinkingContent::Shown { .. }, ThinkingDelta::Redacted(_))
            | (ThinkingContent::Redacted(_), ThinkingDelta::Text(_) | ThinkingDelta::Signature(_)) => {
                return Err(self.misplaced(index));
            }
        }
        Ok(())
    }

    fn misplaced(&self, index: usize) -> ApiClientError {
        self.bad(&format!("part {index} of the stream changed its kind"))
    }

    fn bad(&self, message: &str) -> ApiClientError {
        ApiClientError::new(ErrorKind::BadResponse, message).about(Details {
            provider: self.provider.clone(),
            model: self.model.clone(),
            phase: if self.parts.is_empty() { Phase::BeforeFirstToken } else { Phase::AfterFirstToken },
            ..Details::default()
        })
    }
}
