//! Streamed replies.

use codeflow_model::{ApiClientError, FinishReason, StreamEvent, Usage, WireFormat};

use super::encode::Block;
use super::event::{Delta, End, Event};
use super::{encode, thoughts};
use crate::stage::{Body, Growing, Moment, Stage};
use crate::{Failure, Stamp};

/// Writes one streamed reply: the start with what is known of the usage, one block after another, why it ended with
/// the whole usage, and the stop. Parts that grow while another is shown wait, and nothing of them is lost.
#[derive(Debug)]
pub struct MessagesStream {
    id: String,
    model: String,
    usage: Usage,
    phase: Phase,
    stage: Stage,
    blocks: Blocks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Within,
    Over,
}

/// Writes the blocks.
#[derive(Debug, Default)]
struct Blocks {
    /// The number of the block that is open, or comes next.
    index: usize,
    /// Who serves.
    provider: String,
}

impl MessagesStream {
    /// The start of a reply.
    pub fn new(stamp: Stamp) -> Self {
        Self {
            id: stamp.id,
            model: stamp.model,
            usage: Usage::default(),
            phase: Phase::Before,
            stage: Stage::default(),
            blocks: Blocks::default(),
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
            StreamEvent::Started { id, model, provider } => {
                self.id = encode::or(id, &self.id).to_owned();
                self.model = encode::or(model, &self.model).to_owned();
                self.blocks.provider.clone_from(provider);
            }
            StreamEvent::Usage(usage) => self.usage.update(*usage),
            StreamEvent::Text { delta, .. } if delta.is_empty() => {}
            StreamEvent::Text { .. } | StreamEvent::Thinking { .. } | StreamEvent::ToolCall { .. } => {
                self.start(out);
                let Self { stage, blocks, .. } = self;
                return stage.piece(event, |part, moment| blocks.write(part, moment, out));
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

    /// Shows that the connection lives: by a ping, or by a comment while nobody has said which reply this is.
    pub fn keep_alive(&self, out: &mut Vec<u8>) {
        match self.phase {
            Phase::Before => out.extend_from_slice(b": keep-alive\n\n"),
            Phase::Within => Event::Ping.write(out),
            Phase::Over => {}
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
        Event::MessageStart { message }.write(out);
    }

    fn finish(&mut self, reason: &FinishReason, out: &mut Vec<u8>) {
        self.start(out);
        let Self { stage, blocks, .. } = self;
        stage.finish(|part, moment| blocks.write(part, moment, out));
        let (stop_reason, stop_sequence) = encode::stop(reason);
        let delta = End { stop_reason, stop_sequence };
        Event::MessageDelta { delta, usage: encode::usage(&self.usage) }.write(out);
        Event::MessageStop.write(out);
        self.phase = Phase::Over;
    }
}

impl Blocks {
    fn write(&mut self, part: &mut Growing, moment: Moment, out: &mut Vec<u8>) {
        self.grow(part, out);
        if moment == Moment::Over {
            self.close(part, out);
        }
    }

    /// Writes what has come of a part, and forgets it.
    fn grow(&self, part: &mut Growing, out: &mut Vec<u8>) {
        let is_open = &mut part.is_open;
        let more = match &mut part.body {
            Body::Text(more) => {
                self.open(is_open, Block::Text { text: "" }, out);
                self.delta(Delta::Text { text: more }, out);
                more
            }
            Body::Thinking { more, .. } => {
                self.open(is_open, Block::Thinking { thinking: "", signature: String::new() }, out);
                self.delta(Delta::Thinking { thinking: more }, out);
                more
            }
            Body::ToolCall(call) => {
                // A block cannot begin without both.
                let (Some(id), Some(name)) = (&call.id, &call.name) else { return };
                self.open(is_open, Block::ToolUse { id, name, input: encode::no_input() }, out);
                self.delta(Delta::InputJson { partial_json: &call.more }, out);
                &mut call.more
            }
            Body::Redacted(_) => return,
        };
        more.clear();
    }

    /// Ends a block, with what could only be written now.
    fn close(&mut self, part: &mut Growing, out: &mut Vec<u8>) {
        match &part.body {
            Body::Thinking { signature, .. } => {
                let signature = thoughts::mark(&self.provider, signature);
                self.delta(Delta::Signature { signature: &signature }, out);
            }
            Body::Redacted(data) => {
                let data = thoughts::mark(&self.provider, data);
                self.open(&mut part.is_open, Block::RedactedThinking { data }, out);
            }
            Body::Text(_) | Body::ToolCall(_) => {}
        }
        Event::ContentBlockStop { index: self.index }.write(out);
        self.index += 1;
    }

    fn open(&self, is_open: &mut bool, content_block: Block<'_>, out: &mut Vec<u8>) {
        if !std::mem::replace(is_open, true) {
            Event::ContentBlockStart { index: self.index, content_block }.write(out);
        }
    }

    fn delta(&self, delta: Delta<'_>, out: &mut Vec<u8>) {
        if !delta.is_empty() {
            Event::ContentBlockDelta { index: self.index, delta }.write(out);
        }
    }
}
