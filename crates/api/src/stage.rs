//! Which part of a reply is on stage. Clients want one call after another, and one of the formats wants so for every
//! part and never returns to one, while parts of ours may grow side by side. Those who must wait lose nothing.

use std::collections::BTreeSet;

use codeflow_model::{ApiClientError, ErrorKind, StreamEvent, ThinkingDelta};

/// The part that is shown, and those that wait for it to be over.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    shown: Option<Growing>,
    waiting: Vec<Growing>,
    /// The calls that are over, which nothing can be added to.
    closed_calls: BTreeSet<usize>,
}

/// A part that grows.
#[derive(Debug)]
pub(crate) struct Growing {
    /// Its place among the reply's parts.
    part: usize,
    /// Whether its beginning was written.
    pub(crate) is_open: bool,
    pub(crate) body: Body,
}

/// What has come of a part and is not yet written. Whoever writes it takes it out.
#[derive(Debug)]
pub(crate) enum Body {
    /// Words.
    Text(String),
    /// A thought. Its signature is written as one piece: SDKs replace it and do not append.
    Thinking { more: String, signature: String },
    /// Written as one piece when it is over.
    Redacted(String),
    /// A tool call.
    ToolCall(Call),
}

/// A tool call as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Call {
    /// Known at the latest when the call is over.
    pub(crate) id: Option<String>,
    /// Known at the latest when the call is over.
    pub(crate) name: Option<String>,
    pub(crate) more: String,
    /// Whether there is more in the arguments than blanks.
    pub(crate) has_arguments: bool,
    progress: Progress,
}

/// How far the JSON object of a call's arguments has come.
#[derive(Debug, Default)]
struct Progress {
    depth: usize,
    in_string: bool,
    escaped: bool,
    is_object: bool,
}

/// When a part is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// It has grown.
    Grown,
    /// Nothing more comes of it.
    Over,
}

impl Stage {
    /// Takes a piece and hands to `write` whatever may be written now.
    pub(crate) fn piece(
        &mut self,
        event: &StreamEvent,
        mut write: impl FnMut(&mut Growing, Moment),
    ) -> Result<(), ApiClientError> {
        let Some(mut new) = Growing::of(event) else { return Ok(()) };
        if self.closed_calls.contains(&new.part) {
            return late(new.part, event);
        }
        if let Some(shown) = self.shown.as_mut().filter(|shown| shown.part == new.part) {
            shown.grow(event)?;
            write(shown, Moment::Grown);
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.part == new.part) {
            return waiting.grow(event);
        } else {
            new.grow(event)?;
            self.waiting.push(new);
        }
        while !self.waiting.is_empty() && self.shown.as_ref().is_none_or(Growing::may_leave) {
            self.leave(&mut write);
            self.enter(&mut write);
        }
        Ok(())
    }

    /// Hands to `write` everything that is left.
    pub(crate) fn finish(&mut self, mut write: impl FnMut(&mut Growing, Moment)) {
        self.leave(&mut write);
        while !self.waiting.is_empty() {
            self.enter(&mut write);
            self.leave(&mut write);
        }
    }

    fn enter(&mut self, write: &mut impl FnMut(&mut Growing, Moment)) {
        let shown = self.shown.insert(self.waiting.remove(0));
        write(shown, Moment::Grown);
    }

    fn leave(&mut self, write: &mut impl FnMut(&mut Growing, Moment)) {
        if let Some(mut left) = self.shown.take() {
            if let Body::ToolCall(call) = &mut left.body {
                call.id.get_or_insert_with(|| format!("call_{}", left.part));
                call.name.get_or_insert_default();
                self.closed_calls.insert(left.part);
            }
            write(&mut left, Moment::Over);
        }
    }
}

impl Growing {
    /// A part of which nothing has come; `None` for events that belong to no part.
    fn of(event: &StreamEvent) -> Option<Self> {
        let (part, body) = match event {
            StreamEvent::Text { index, .. } => (*index, Body::Text(String::new())),
            StreamEvent::ToolCall { index, .. } => (*index, Body::ToolCall(Call::default())),
            StreamEvent::Thinking { index, delta: ThinkingDelta::Text(_) | ThinkingDelta::Signature(_) } => {
                (*index, Body::Thinking { more: String::new(), signature: String::new() })
            }
            StreamEvent::Thinking { index, delta: ThinkingDelta::Redacted(_) } => {
                (*index, Body::Redacted(String::new()))
            }
            StreamEvent::Started { .. } | StreamEvent::Usage(_) | StreamEvent::Finished(_) => return None,
        };
        Some(Self { part, is_open: false, body })
    }

    /// Takes a piece, which must be of the same kind.
    fn grow(&mut self, event: &StreamEvent) -> Result<(), ApiClientError> {
        match (&mut self.body, event) {
            (Body::Text(more), StreamEvent::Text { delta, .. })
            | (
                Body::Thinking { more, .. },
                StreamEvent::Thinking { delta: ThinkingDelta::Text(delta), .. },
            )
            | (
                Body::Thinking { signature: more, .. },
                StreamEvent::Thinking { delta: ThinkingDelta::Signature(delta), .. },
            )
            | (Body::Redacted(more), StreamEvent::Thinking { delta: ThinkingDelta::Redacted(delta), .. }) => {
                more.push_str(delta)
            }
            (Body::ToolCall(call), StreamEvent::ToolCall { id, name, arguments, .. }) => {
                call.id = call.id.take().or_else(|| id.clone());
                call.name = call.name.take().or_else(|| name.clone());
                call.progress.read(arguments);
                call.has_arguments |= !arguments.trim_ascii().is_empty();
                call.more.push_str(arguments);
            }
            (Body::Text(_) | Body::Thinking { .. } | Body::Redacted(_) | Body::ToolCall(_), _) => {
                return Err(misplaced(self.part));
            }
        }
        Ok(())
    }

    /// Whether another part may take the stage. More of a text can follow in a new block; more of a call cannot, so a
    /// call keeps the stage until its arguments are a whole object.
    fn may_leave(&self) -> bool {
        match &self.body {
            Body::Text(_) | Body::Thinking { .. } | Body::Redacted(_) => true,
            Body::ToolCall(call) => call.progress.is_whole(),
        }
    }
}

impl Progress {
    fn read(&mut self, text: &str) {
        for byte in text.bytes() {
            if self.escaped {
                self.escaped = false;
            } else if self.in_string {
                self.escaped = byte == b'\\';
                self.in_string = byte != b'"';
            } else {
                self.read_outside(byte);
            }
        }
    }

    fn read_outside(&mut self, byte: u8) {
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                self.is_object |= byte == b'{' && self.depth == 0;
                self.depth += 1;
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn is_whole(&self) -> bool {
        self.is_object && self.depth == 0 && !self.in_string
    }
}

/// More of a call whose object was whole: only blanks can be left out.
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
