//! Streamed chat completions.

use std::collections::HashMap;

use codeflow_model::{ApiClientError, FinishReason, StreamEvent, ThinkingDelta};

use super::{
    OpenAi, errors,
    reply::{self, Choice, Reply, WireCall, WireMessage},
};
use crate::{Frame, failure};

/// What is remembered between the frames of one stream.
#[derive(Debug, Default)]
pub struct OpenAiStream {
    started: bool,
    parts: usize,
    thought: Option<usize>,
    text: Option<usize>,
    calls: Calls,
    refused: bool,
    finish: Option<FinishReason>,
    /// Whether the model has said anything, in a stream that is handed on.
    said: bool,
}

/// Which part each tool call is.
#[derive(Debug, Default)]
struct Calls {
    /// By the server's own number.
    numbered: HashMap<usize, (usize, String)>,
    /// By id, for servers that do not number.
    named: HashMap<String, usize>,
    last: Option<usize>,
}

impl OpenAiStream {
    pub(super) fn frame(
        &mut self,
        dialect: &OpenAi,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        if frame.data == "[DONE]" {
            if self.finish.is_none() {
                return Err(reply::bad(dialect, "a stream that does not say why it ended"));
            }
            self.close(out);
            return Ok(());
        }
        let piece: Reply = failure::parse(&dialect.provider, frame.data.as_bytes())?;
        if let Some(error) = piece.error {
            return Err(errors::in_band(&dialect.provider, &error));
        }
        let usage = piece.usage.or(piece.x_groq.and_then(|it| it.usage));
        let choice = reply::first(piece.choices);
        // Azure opens with a piece that says nothing, not even the model.
        if !self.started && (choice.is_some() || usage.is_some()) {
            self.started = true;
            let (id, model) = (piece.id.unwrap_or_default(), piece.model.unwrap_or_default());
            out.push(StreamEvent::Started { id, model, provider: dialect.provider.clone() });
        }
        if let Some(choice) = choice {
            self.choice(dialect, choice, out)?;
        }
        if let Some(usage) = usage {
            out.push(StreamEvent::Usage(usage.normal(dialect)));
        }
        Ok(())
    }

    /// The reply is complete, if its reason to end has come. Usage may follow that reason, so it is held until now.
    pub(super) fn close(&mut self, out: &mut Vec<StreamEvent>) {
        out.extend(self.finish.take().map(StreamEvent::Finished));
    }

    /// Whether the reason for the end has come.
    pub(super) fn has_ended(&self) -> bool {
        self.finish.is_some()
    }

    /// Keeps the reason for the end.
    pub(super) fn end(&mut self, reason: FinishReason) {
        self.finish = Some(reason);
    }

    /// Whether the model has said anything.
    pub(super) fn has_said(&self) -> bool {
        self.said
    }

    /// Keeps that the model has said something.
    pub(super) fn say(&mut self, something: bool) {
        self.said |= something;
    }

    fn choice(
        &mut self,
        dialect: &OpenAi,
        choice: Choice,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        if let Some(message) = choice.message {
            self.message(message, out);
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(reply::finish(dialect, &reason, self.refused)?);
        }
        Ok(())
    }

    fn message(&mut self, message: WireMessage, out: &mut Vec<StreamEvent>) {
        self.refused |= message.refusal.is_some();
        if let Some(thought) = message.thought() {
            let index = *self.thought.get_or_insert_with(|| next(&mut self.parts));
            let delta = ThinkingDelta::Text(thought.into_owned());
            out.push(StreamEvent::Thinking { index, delta });
        }
        let delta = message.text();
        if !delta.is_empty() {
            let index = *self.text.get_or_insert_with(|| next(&mut self.parts));
            out.push(StreamEvent::Text { index, delta });
        }
        for call in message.tool_calls.unwrap_or_default() {
            out.push(self.calls.take(call, &mut self.parts));
        }
    }
}

impl Calls {
    /// Finds the call that a piece belongs to. Parallel calls are told apart by number and by id, for some servers give
    /// them all the number zero and some give none.
    fn take(&mut self, call: WireCall, parts: &mut usize) -> StreamEvent {
        let function = call.function.unwrap_or_default();
        let id = call.id.filter(|id| !id.is_empty());
        let known = match (call.index, &id) {
            (Some(number), Some(id)) => {
                self.numbered.get(&number).filter(|(_, own)| own == id).map(|(part, _)| *part)
            }
            (Some(number), None) => self.numbered.get(&number).map(|(part, _)| *part),
            (None, Some(id)) => self.named.get(id).copied(),
            (None, None) => self.last,
        };
        let arguments = function.arguments.unwrap_or_default();
        if let Some(index) = known {
            return StreamEvent::ToolCall { index, id: None, name: None, arguments };
        }
        let index = next(parts);
        let id = id.unwrap_or_else(|| failure::made_up_id(index));
        if let Some(number) = call.index {
            self.numbered.insert(number, (index, id.clone()));
        }
        self.named.insert(id.clone(), index);
        self.last = Some(index);
        let name = Some(function.name.unwrap_or_default());
        StreamEvent::ToolCall { index, id: Some(id), name, arguments }
    }
}

fn next(parts: &mut usize) -> usize {
    let index = *parts;
    *parts += 1;
    index
}
