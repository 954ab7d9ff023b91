//! Which part of a reply is on stage. This format shows one block at a time and never returns to one, while parts of
//! ours may grow side by side.

use codeflow_model::{StreamEvent, ThinkingDelta};

/// A part that grows.
#[derive(Debug)]
pub(super) struct Growing {
    /// Its place among the reply's parts.
    pub(super) part: usize,
    pub(super) body: Body,
}

/// What has come of a part, as far as it is not yet on the wire.
#[derive(Debug)]
pub(super) enum Body {
    Text {
        more: String,
    },
    /// A signature is sent as one piece: SDKs replace it and do not append.
    Thinking {
        more: String,
        signature: String,
    },
    /// Sent as one piece when it is complete.
    Redacted {
        data: String,
    },
    ToolCall(Call),
}

/// A tool call as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) more: String,
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

impl Growing {
    /// A part of which nothing has come; `None` for events that belong to no part.
    pub(super) fn of(event: &StreamEvent) -> Option<Self> {
        let (part, body) = match event {
            StreamEvent::Text { index, .. } => (*index, Body::Text { more: String::new() }),
            StreamEvent::ToolCall { index, .. } => (*index, Body::ToolCall(Call::default())),
            StreamEvent::Thinking { index, delta: ThinkingDelta::Text(_) | ThinkingDelta::Signature(_) } => {
                (*index, Body::Thinking { more: String::new(), signature: String::new() })
            }
            StreamEvent::Thinking { index, delta: ThinkingDelta::Redacted(_) } => {
                (*index, Body::Redacted { data: String::new() })
            }
            StreamEvent::Started { .. } | StreamEvent::Usage(_) | StreamEvent::Finished(_) => return None,
        };
        Some(Self { part, body })
    }

    /// Takes a piece. False when it is of another kind than the part.
    #[must_use]
    pub(super) fn grow(&mut self, event: &StreamEvent) -> bool {
        match (&mut self.body, event) {
            (Body::Text { more }, StreamEvent::Text { delta, .. })
            | (
                Body::Thinking { more, .. },
                StreamEvent::Thinking { delta: ThinkingDelta::Text(delta), .. },
            )
            | (
                Body::Thinking { signature: more, .. },
                StreamEvent::Thinking { delta: ThinkingDelta::Signature(delta), .. },
            )
            | (
                Body::Redacted { data: more },
                StreamEvent::Thinking { delta: ThinkingDelta::Redacted(delta), .. },
            ) => more.push_str(delta),
            (Body::ToolCall(call), StreamEvent::ToolCall { id, name, arguments, .. }) => {
                call.id = call.id.take().or_else(|| id.clone());
                call.name = call.name.take().or_else(|| name.clone());
                call.progress.read(arguments);
                call.more.push_str(arguments);
            }
            (Body::Text { .. } | Body::Thinking { .. } | Body::Redacted { .. } | Body::ToolCall(_), _) => {
                return false;
            }
        }
        true
    }

    /// Whether another part may take the stage. More of a text can follow in a new block; more of a call cannot, so a
    /// call keeps the stage until its arguments are a whole object.
    pub(super) fn may_leave(&self) -> bool {
        match &self.body {
            Body::Text { .. } | Body::Thinking { .. } | Body::Redacted { .. } => true,
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
