//! Streamed replies. What was used comes last, after the reason for the end.

use codeflow_model::{ApiClientError, FinishReason, StreamEvent, ThinkingDelta};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{
    Bedrock, errors,
    reply::{self, WireUsage},
};
use crate::{Frame, failure};

/// What is remembered between the frames of one stream.
#[derive(Debug, Default)]
pub struct BedrockStream {
    finish: Option<FinishReason>,
    /// The tool call that is open and has no input yet.
    without_input: Option<usize>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart {
    content_block_index: usize,
    #[serde(default)]
    start: Start,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Start {
    tool_use: Option<ToolUse>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse {
    tool_use_id: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta {
    content_block_index: usize,
    delta: Delta,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Delta {
    text: Option<String>,
    tool_use: Option<Input>,
    reasoning_content: Option<Reasoning>,
}

#[derive(Deserialize)]
struct Input {
    input: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reasoning {
    text: Option<String>,
    signature: Option<String>,
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStop {
    content_block_index: usize,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageStop {
    stop_reason: String,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    usage: WireUsage,
}

impl BedrockStream {
    pub(super) fn frame(
        &mut self,
        dialect: &Bedrock,
        frame: &Frame,
        out: &mut Vec<StreamEvent>,
    ) -> Result<(), ApiClientError> {
        if frame.is_error {
            return Err(errors::exception(&dialect.provider, frame));
        }
        match frame.event.as_deref() {
            Some("messageStart") => {
                let (id, model, provider) = (String::new(), String::new(), dialect.provider.clone());
                out.push(StreamEvent::Started { id, model, provider });
            }
            Some("contentBlockStart") => out.extend(self.open(read(dialect, frame)?)),
            Some("contentBlockDelta") => out.extend(self.grow(read(dialect, frame)?)),
            Some("contentBlockStop") => out.extend(self.close(&read(dialect, frame)?)),
            Some("messageStop") => {
                self.finish = Some(reply::finish(&read::<MessageStop>(dialect, frame)?.stop_reason));
            }
            Some("metadata") => {
                let usage = read::<Metadata>(dialect, frame)?.usage.normal();
                let message = "a stream that does not say why it ended";
                let finish = self.finish.take().ok_or_else(|| failure::bad(&dialect.provider, message))?;
                out.extend([StreamEvent::Usage(usage), StreamEvent::Finished(finish)]);
            }
            _ => {}
        }
        Ok(())
    }

    fn open(&mut self, start: BlockStart) -> Option<StreamEvent> {
        let (index, call) = (start.content_block_index, start.start.tool_use?);
        self.without_input = Some(index);
        let (id, name) = (Some(call.tool_use_id), Some(call.name));
        Some(StreamEvent::ToolCall { index, id, name, arguments: String::new() })
    }

    fn grow(&mut self, delta: BlockDelta) -> Vec<StreamEvent> {
        let index = delta.content_block_index;
        let mut out = Vec::new();
        out.extend(delta.delta.text.map(|delta| StreamEvent::Text { index, delta }));
        if let Some(Input { input: arguments }) = delta.delta.tool_use.filter(|it| !it.input.is_empty()) {
            self.without_input.take_if(|open| *open == index);
            out.push(StreamEvent::ToolCall { index, id: None, name: None, arguments });
        }
        let reasoning = delta.delta.reasoning_content.unwrap_or_default();
        let deltas = [
            reasoning.text.map(ThinkingDelta::Text),
            reasoning.signature.map(ThinkingDelta::Signature),
            reasoning.redacted_content.map(ThinkingDelta::Redacted),
        ];
        out.extend(deltas.into_iter().flatten().map(|delta| StreamEvent::Thinking { index, delta }));
        out
    }

    /// A tool call without any input has an empty one.
    fn close(&mut self, stop: &BlockStop) -> Option<StreamEvent> {
        let index = self.without_input.take_if(|open| *open == stop.content_block_index)?;
        Some(StreamEvent::ToolCall { index, id: None, name: None, arguments: "{}".to_owned() })
    }
}

fn read<T: DeserializeOwned>(dialect: &Bedrock, frame: &Frame) -> Result<T, ApiClientError> {
    failure::parse(&dialect.provider, frame.data.as_bytes())
}
