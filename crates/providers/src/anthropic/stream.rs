//! Streamed messages.

use codeflow_model::{
    ApiClientError, FinishReason, Part, StreamEvent, ThinkingContent, ThinkingDelta, Usage,
};
use serde::Deserialize;

use super::{
    Anthropic,
    errors::{self, WireError},
    reply::{self, Block, Reply, WireUsage},
};
use crate::{Frame, failure};

/// What is remembered between the frames of one stream.
#[derive(Debug, Default)]
pub struct AnthropicStream {
    usage: WireUsage,
    finish: Option<FinishReason>,
    /// The tool call that is open, and the input it began with, until more of it comes.
    input: Option<(usize, String)>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    MessageStart {
        message: Reply,
    },
    ContentBlockDelta {
        index: usize,
        delta: Delta,
    },
    ContentBlockStop {
        index: usize,
    },
    MessageDelta {
        delta: End,
        #[serde(default)]
        usage: WireUsage,
    },
    MessageStop,
    Error {
        error: WireError,
    },
    #[serde(other)]
    Other,
}

/// Apart from the other events, because a tagged enum could not keep the tool's input as it was written.
#[derive(Deserialize)]
struct BlockStart {
    index: usize,
    content_block: Block,
}

#[derive(Deserialize)]
struct Tag {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Delta {
    #[serde(rename = "text_delta")]
    Text { text: String },
    #[serde(rename = "input_json_delta")]
    InputJson { partial_json: String },
    #[serde(rename = "thinking_delta")]
    Thinking { thinking: String },
    #[serde(rename = "signature_delta")]
    Signature { signature: String },
    #[serde(other)]
    Other,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct End {
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
}

impl AnthropicStream {
    pub(super) fn frame(
        &mut self,
        dialect: &Anthropic,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        let data = frame.data.as_bytes();
        let tag: Tag = failure::parse(&dialect.provider, data)?;
        if tag.kind == "content_block_start" {
            let start: BlockStart = failure::parse(&dialect.provider, data)?;
            if let Some(part) = start.content_block.part(dialect) {
                self.open(start.index, part, out);
            }
            return Ok(());
        }
        match failure::parse(&dialect.provider, data)? {
            Event::MessageStart { message } => self.start(dialect, message, out),
            Event::ContentBlockDelta { index, delta } => self.grow(index, delta, out),
            Event::ContentBlockStop { index } => self.flush(index, out),
            Event::MessageDelta { delta, usage } => {
                self.usage.update(usage);
                out.push(StreamEvent::Usage(self.usage.normal()));
                if let Some(reason) = delta.stop_reason {
                    self.finish = Some(reply::finish(&reason, delta.stop_sequence));
                }
            }
            Event::MessageStop => {
                let message = "a stream that does not say why it ended";
                let finish = self.finish.take().ok_or_else(|| reply::bad(dialect, message))?;
                out.push(StreamEvent::Finished(finish));
            }
            Event::Error { error } => return Err(errors::in_band(&dialect.provider, error)),
            Event::Other => {}
        }
        Ok(())
    }

    /// Takes over a later report of the usage.
    pub(super) fn use_more(&mut self, later: WireUsage) -> Usage {
        self.usage.update(later);
        self.usage.normal()
    }

    /// Whether the reason for the end has come.
    pub(super) fn has_ended(&self) -> bool {
        self.finish.is_some()
    }

    /// Keeps the reason for the end.
    pub(super) fn end(&mut self, reason: FinishReason) {
        self.finish = Some(reason);
    }

    fn start(&mut self, dialect: &Anthropic, message: Reply, out: &mut Vec<StreamEvent>) {
        self.usage = message.usage;
        let (id, model) = (message.id.unwrap_or_default(), message.model.unwrap_or_default());
        out.push(StreamEvent::Started { id, model, provider: dialect.provider.clone() });
        out.push(StreamEvent::Usage(self.usage.normal()));
    }

    fn open(&mut self, index: usize, part: Part, out: &mut Vec<StreamEvent>) {
        match part {
            Part::Text(delta) => out.push(StreamEvent::Text { index, delta }),
            Part::ToolCall(call) => {
                self.input = Some((index, call.arguments));
                let (id, name) = (Some(call.id), Some(call.name));
                out.push(StreamEvent::ToolCall { index, id, name, arguments: String::new() });
            }
            Part::Thinking(thought) => {
                let mut push = |delta| out.push(StreamEvent::Thinking { index, delta });
                match thought.content {
                    ThinkingContent::Shown { text, signature } => {
                        push(ThinkingDelta::Text(text));
                        signature.into_iter().map(ThinkingDelta::Signature).for_each(push);
                    }
                    ThinkingContent::Redacted(data) => push(ThinkingDelta::Redacted(data)),
                }
            }
            // No reply holds these.
            Part::Image(_) | Part::ToolResult(_) => {}
        }
    }

    fn grow(&mut self, index: usize, delta: Delta, out: &mut Vec<StreamEvent>) {
        out.push(match delta {
            Delta::Text { text } => StreamEvent::Text { index, delta: text },
            Delta::InputJson { partial_json } if !partial_json.is_empty() => {
                // Blocks that we skipped, such as the server's own tools, grow too.
                if self.input.as_ref().is_none_or(|(open, _)| *open != index) {
                    return;
                }
                self.input = Some((index, String::new()));
                StreamEvent::ToolCall { index, id: None, name: None, arguments: partial_json }
            }
            Delta::Thinking { thinking } => {
                StreamEvent::Thinking { index, delta: ThinkingDelta::Text(thinking) }
            }
            Delta::Signature { signature } => {
                StreamEvent::Thinking { index, delta: ThinkingDelta::Signature(signature) }
            }
            Delta::InputJson { .. } | Delta::Other => return,
        });
    }

    /// A tool call whose input never grew has the one it began with.
    fn flush(&mut self, index: usize, out: &mut Vec<StreamEvent>) {
        if let Some((_, arguments)) = self.input.take_if(|(open, _)| *open == index)
            && !arguments.is_empty()
        {
            out.push(StreamEvent::ToolCall { index, id: None, name: None, arguments });
        }
    }
}
