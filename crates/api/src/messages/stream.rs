//! Streamed replies.

use std::collections::BTreeSet;

use codeflow_model::{ApiClientError, ErrorKind, FinishReason, StreamEvent, Usage, WireFormat};
use serde_json::json;

use super::staging::{Body, Growing};
use super::{encode, thoughts};
use crate::{Failure, Stamp, sse};

/// Writes one streamed reply: the start with what is known of the usage, one block after another, why it ended with
/// the whole usage, and the stop. Parts that grow while another is shown wait, and nothing of them is lost.
#[derive(Debug)]
pub struct MessagesStream {
    id: String,
    model: String,
    provider: String,
    usage: Usage,
    phase: Phase,
    /// How many blocks there were.
    blocks: usize,
    shown: Option<Shown>,
    waiting: Vec<Growing>,
    /// The calls that are complete on the wire.
    closed_calls: BTreeSet<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Within,
    Over,
}

/// The part on stage.
#[derive(Debug)]
struct Shown {
    growing: Growing,
    /// Whether its block has begun on the wire.
    is_open: bool,
}

impl MessagesStream {
    /// The start of a reply.
    pub fn new(stamp: Stamp) -> Self {
        Self {
            id: stamp.id,
            model: stamp.model,
            provider: String::new(),
            usage: Usage::default(),
            phase: Phase::Before,
            blocks: 0,
            shown: None,
            waiting: Vec::new(),
            closed_calls: BTreeSet::new(),
        }
    }

    /// Appends what the next piece is on the wire, which may be nothing yet. Nothing follows the end.
    ///
    /// # Errors
    ///
    /// `BadResponse` when the piece does not fit those before it.
    pub fn push(&mut self, event: &StreamEvent, out: &mut Vec<u8>) -> Result<(), ApiClientError> {
        if self.phase == Phase::Over {
            return Ok(());
        }
        match event {
            // Nothing is written yet, because the usage that belongs into the start comes next, if at all.
            StreamEvent::Started { id, model, provider } if self.phase == Phase::Before => {
                self.id = encode::or(id, &self.id).to_owned();
                self.model = encode::or(model, &self.model).to_owned();
                self.provider = provider.clone();
            }
            StreamEvent::Started { .. } => {}
            StreamEvent::Usage(usage) => self.usage.update(*usage),
            StreamEvent::Text { delta, .. } if delta.is_empty() => {}
            StreamEvent::Text { index, .. }
            | StreamEvent::Thinking { index, .. }
            | StreamEvent::ToolCall { index, .. } => {
                self.start(out);
                return self.piece(*index, event, out);
            }
            StreamEvent::Finished(reason) => self.finish(reason, out),
        }
        Ok(())
    }

    /// Ends a reply that broke.
    pub fn fail(&mut self, failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            out.extend_from_slice(b"event: error\ndata: ");
            out.extend_from_slice(&failure.body(WireFormat::Messages, request_id));
            out.extend_from_slice(b"\n\n");
        }
    }

    /// Shows that the connection lives.
    pub fn keep_alive(&mut self, out: &mut Vec<u8>) {
        if self.phase != Phase::Over {
            self.start(out);
            sse::event(out, "ping", &json!({ "type": "ping" }));
        }
    }

    fn start(&mut self, out: &mut Vec<u8>) {
        if self.phase != Phase::Before {
            return;
        }
        self.phase = Phase::Within;
        let message = encode::WireMessage {
            id: &self.id,
            r#type: "message",
            role: "assistant",
            model: &self.model,
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: encode::usage(&self.usage),
        };
        sse::event(out, "message_start", &json!({ "type": "message_start", "message": message }));
    }

    fn piece(&mut self, part: usize, event: &StreamEvent, out: &mut Vec<u8>) -> Result<(), ApiClientError> {
        if self.closed_calls.contains(&part) {
            return late(part, event);
        }
        if let Some(shown) = self.shown.as_mut().filter(|shown| shown.growing.part == part) {
            fit(&mut shown.growing, event)?;
            self.show(out);
            self.advance(out);
            return Ok(());
        }
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.part == part) {
            return fit(waiting, event);
        }
        let Some(mut growing) = Growing::of(event) else { return Ok(()) };
        fit(&mut growing, event)?;
        self.waiting.push(growing);
        if self.shown.as_ref().is_none_or(|shown| shown.growing.may_leave()) {
            self.close(out);
            self.take_stage(out);
        }
        Ok(())
    }

    /// Lets those who wait follow, as far as the stage is free.
    fn advance(&mut self, out: &mut Vec<u8>) {
        while !self.waiting.is_empty() && self.shown.as_ref().is_none_or(|shown| shown.growing.may_leave()) {
            self.close(out);
            self.take_stage(out);
        }
    }

    fn take_stage(&mut self, out: &mut Vec<u8>) {
        if !self.waiting.is_empty() {
            self.shown = Some(Shown { growing: self.waiting.remove(0), is_open: false });
            self.show(out);
        }
    }

    /// Writes what has come of the part on stage.
    fn show(&mut self, out: &mut Vec<u8>) {
        let index = self.blocks;
        let Some(Shown { growing, is_open }) = &mut self.shown else { return };
        match &mut growing.body {
            Body::Text { more } => {
                open(out, is_open, index, json!({ "type": "text", "text": "" }));
                grow(out, index, ("text_delta", "text"), more);
            }
            Body::Thinking { more, .. } => {
                let block = json!({ "type": "thinking", "thinking": "", "signature": "" });
                open(out, is_open, index, block);
                grow(out, index, ("thinking_delta", "thinking"), more);
            }
            Body::ToolCall(call) => {
                // A block cannot begin without both.
                let (Some(id), Some(name)) = (&call.id, &call.name) else { return };
                let block = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
                open(out, is_open, index, block);
                grow(out, index, ("input_json_delta", "partial_json"), &mut call.more);
            }
            Body::Redacted { .. } => {}
        }
    }

    /// Ends the block of the part on stage, with what could only be written now.
    fn close(&mut self, out: &mut Vec<u8>) {
        let part = self.shown.as_ref().map(|shown| shown.growing.part).unwrap_or_default();
        if let Some(Shown { growing: Growing { body: Body::ToolCall(call), .. }, .. }) = &mut self.shown {
            call.id.get_or_insert_with(|| format!("call_{part}"));
            call.name.get_or_insert_default();
            self.closed_calls.insert(part);
        }
        self.show(out);
        let index = self.blocks;
        let Some(Shown { growing, mut is_open }) = self.shown.take() else { return };
        match growing.body {
            Body::Thinking { signature, .. } => {
                let mut signature = thoughts::mark(&self.provider, &signature);
                grow(out, index, ("signature_delta", "signature"), &mut signature);
            }
            Body::Redacted { data } => {
                let data = thoughts::mark(&self.provider, &data);
                open(out, &mut is_open, index, json!({ "type": "redacted_thinking", "data": data }));
            }
            Body::Text { .. } | Body::ToolCall(_) => {}
        }
        sse::event(out, "content_block_stop", &json!({ "type": "content_block_stop", "index": index }));
        self.blocks += 1;
    }

    fn finish(&mut self, reason: &FinishReason, out: &mut Vec<u8>) {
        self.start(out);
        self.close(out);
        while !self.waiting.is_empty() {
            self.take_stage(out);
            self.close(out);
        }
        let (stop_reason, stop_sequence) = encode::stop(reason);
        let delta = json!({ "stop_reason": stop_reason, "stop_sequence": stop_sequence });
        let usage = encode::usage(&self.usage);
        let end = json!({ "type": "message_delta", "delta": delta, "usage": usage });
        sse::event(out, "message_delta", &end);
        sse::event(out, "message_stop", &json!({ "type": "message_stop" }));
        self.phase = Phase::Over;
    }
}

fn open(out: &mut Vec<u8>, is_open: &mut bool, index: usize, block: serde_json::Value) {
    if !*is_open {
        *is_open = true;
        let start = json!({ "type": "content_block_start", "index": index, "content_block": block });
        sse::event(out, "content_block_start", &start);
    }
}

/// Writes what has come since the last time, and forgets it.
fn grow(out: &mut Vec<u8>, index: usize, (kind, field): (&str, &str), more: &mut String) {
    if !more.is_empty() {
        let delta = json!({ "type": kind, field: more });
        let event = json!({ "type": "content_block_delta", "index": index, "delta": delta });
        sse::event(out, "content_block_delta", &event);
        more.clear();
    }
}

fn fit(growing: &mut Growing, event: &StreamEvent) -> Result<(), ApiClientError> {
    if growing.grow(event) { Ok(()) } else { Err(misplaced(growing.part)) }
}

/// More of a call whose object was complete: only blanks can be left out.
fn late(part: usize, event: &StreamEvent) -> Result<(), ApiClientError> {
    match event {
        StreamEvent::ToolCall { arguments, .. } if arguments.trim_ascii().is_empty() => Ok(()),
        _ => Err(misplaced(part)),
    }
}

fn misplaced(part: usize) -> ApiClientError {
    let text = format!("part {part} of the stream does not go on as it began");
    ApiClientError::new(ErrorKind::BadResponse, text)
}
