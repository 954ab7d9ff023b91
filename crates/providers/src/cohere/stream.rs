//! Streamed replies.

use std::collections::HashMap;

use codeflow_model::{ApiClientError, StreamEvent, ThinkingDelta};
use serde::Deserialize;

use super::{
    Cohere,
    reply::{self, Block, WireCall, WireUsage},
};
use crate::{Frame, failure, parts::Parts};

/// What is remembered between the frames of one stream.
#[derive(Debug, Default)]
pub struct CohereStream {
    parts: Parts,
    /// Which part each tool call is, by the server's own number.
    calls: HashMap<usize, usize>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Event {
    MessageStart {
        id: Option<String>,
    },
    ContentStart {
        delta: Delta<Content>,
    },
    ContentDelta {
        delta: Delta<Content>,
    },
    ToolPlanDelta {
        delta: Delta<Plan>,
    },
    ToolCallStart {
        index: usize,
        delta: Delta<Calls>,
    },
    ToolCallDelta {
        index: usize,
        delta: Delta<Calls>,
    },
    MessageEnd {
        delta: End,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Delta<T> {
    message: T,
}

#[derive(Deserialize)]
struct Content {
    content: Block,
}

#[derive(Deserialize)]
struct Plan {
    tool_plan: String,
}

#[derive(Deserialize)]
struct Calls {
    tool_calls: WireCall,
}

#[derive(Deserialize)]
struct End {
    finish_reason: Option<String>,
    #[serde(default)]
    usage: WireUsage,
    error: Option<String>,
}

impl CohereStream {
    pub(super) fn frame(
        &mut self,
        dialect: &Cohere,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        match failure::parse(&dialect.provider, frame.data.as_bytes())? {
            Event::MessageStart { id } => {
                let (id, provider) = (id.unwrap_or_default(), dialect.provider.clone());
                out.push(StreamEvent::Started { id, model: String::new(), provider });
            }
            Event::ContentStart { delta } | Event::ContentDelta { delta } => {
                self.say(delta.message.content, out)
            }
            Event::ToolPlanDelta { delta } if !delta.message.tool_plan.is_empty() => {
                out.push(StreamEvent::Text { index: self.parts.text(), delta: delta.message.tool_plan });
            }
            Event::ToolCallStart { index, delta } => out.push(self.open(index, delta.message.tool_calls)),
            Event::ToolCallDelta { index, delta } => out.extend(self.grow(index, delta.message.tool_calls)),
            Event::MessageEnd { delta } => {
                let Some(reason) = delta.finish_reason else {
                    return Err(failure::bad(&dialect.provider, "a stream that does not say why it ended"));
                };
                let finish = reply::finish(dialect, &reason, delta.error.as_deref())?;
                out.push(StreamEvent::Usage(delta.usage.normal()));
                out.push(StreamEvent::Finished(finish));
            }
            Event::ToolPlanDelta { .. } | Event::Other => {}
        }
        Ok(())
    }

    fn say(&mut self, block: Block, out: &mut Vec<StreamEvent>) {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(text) = some(block.thinking) {
            let index = self.parts.thought();
            out.push(StreamEvent::Thinking { index, delta: ThinkingDelta::Text(text) });
        }
        if let Some(delta) = some(block.text) {
            out.push(StreamEvent::Text { index: self.parts.text(), delta });
        }
    }

    fn open(&mut self, number: usize, call: WireCall) -> StreamEvent {
        let index = self.parts.whole();
        self.calls.insert(number, index);
        let id = call.id.filter(|id| !id.is_empty()).unwrap_or_else(|| failure::made_up_id(index));
        let (name, arguments) = (call.function.name, call.function.arguments);
        StreamEvent::ToolCall {
            index,
            id: Some(id),
            name: Some(name.unwrap_or_default()),
            arguments: arguments.unwrap_or_default(),
        }
    }

    /// A piece of a call that never began belongs to nothing.
    fn grow(&self, number: usize, call: WireCall) -> Option<StreamEvent> {
        let index = *self.calls.get(&number)?;
        let arguments = call.function.arguments?;
        Some(StreamEvent::ToolCall { index, id: None, name: None, arguments })
    }
}
