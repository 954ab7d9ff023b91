//! Streamed replies.

use codeflow_model::{FinishReason, StreamEvent, ThinkingDelta, Usage};
use serde::Serialize;

use super::encode::{self, WireUsage};
use crate::{Failure, Stamp, sse};

/// Writes one streamed reply: the role first, then its pieces, why it ended, the usage if that was asked for, and
/// `[DONE]`. A reply that breaks ends in an error and no `[DONE]`.
#[derive(Debug)]
pub struct ChatCompletionsStream {
    id: String,
    model: String,
    created: i64,
    wants_usage: bool,
    phase: Phase,
    /// The tool calls by order of appearance, which is their number on the wire.
    calls: Vec<OpenCall>,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Within,
    Over,
}

/// A tool call that may still grow.
#[derive(Debug)]
struct OpenCall {
    /// Which part of the reply it is.
    part: usize,
    /// Whether its arguments are nothing so far.
    is_blank: bool,
}

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: &'a [Choice<'a>],
    /// Present and `null` until the end when usage was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Option<WireUsage>>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: Option<()>,
    finish_reason: Option<&'a str>,
}

#[derive(Default, Serialize)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

#[derive(Serialize)]
struct CallDelta<'a> {
    index: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    r#type: Option<&'static str>,
    function: FunctionDelta<'a>,
}

#[derive(Serialize)]
struct FunctionDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl ChatCompletionsStream {
    /// The start of a reply.
    pub fn new(stamp: Stamp, wants_usage: bool) -> Self {
        Self {
            id: stamp.id,
            model: stamp.model,
            created: encode::seconds(stamp.created),
            wants_usage,
            phase: Phase::Before,
            calls: Vec::new(),
            usage: Usage::default(),
        }
    }

    /// Appends what the next piece is on the wire. Nothing follows the end.
    pub fn push(&mut self, event: &StreamEvent, out: &mut Vec<u8>) {
        if self.phase == Phase::Over {
            return;
        }
        match event {
            StreamEvent::Started { id, model, .. } => self.start(id, model, out),
            StreamEvent::Usage(usage) => self.usage.update(*usage),
            StreamEvent::Text { delta, .. } if delta.is_empty() => {}
            StreamEvent::Text { delta, .. } => {
                self.delta(Delta { content: Some(delta), ..Delta::default() }, out);
            }
            StreamEvent::Thinking { delta: ThinkingDelta::Text(text), .. } if !text.is_empty() => {
                self.delta(Delta { reasoning_content: Some(text), ..Delta::default() }, out);
            }
            // The format has no place for these.
            StreamEvent::Thinking { .. } => {}
            StreamEvent::ToolCall { index, id, name, arguments } => {
                self.tool_call(*index, (id.as_deref(), name.as_deref()), arguments, out);
            }
            StreamEvent::Finished(reason) => self.finish(reason, out),
        }
    }

    /// Ends a reply that broke.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&failure.body(codeflow_model::WireFormat::ChatCompletions, ""));
            out.extend_from_slice(b"\n\n");
        }
    }

    /// Shows that the connection lives, by a comment.
    pub fn keep_alive(&self, out: &mut Vec<u8>) {
        if self.phase != Phase::Over {
            out.extend_from_slice(b": keep-alive\n\n");
        }
    }

    fn start(&mut self, id: &str, model: &str, out: &mut Vec<u8>) {
        if self.phase == Phase::Before {
            self.id = encode::or(id, &self.id).to_owned();
            self.model = encode::or(model, &self.model).to_owned();
            self.open(out);
        }
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        if self.phase == Phase::Before {
            self.phase = Phase::Within;
            let delta = Delta { role: Some("assistant"), content: Some(""), ..Delta::default() };
            self.choice(delta, None, out);
        }
    }

    fn delta(&mut self, delta: Delta<'_>, out: &mut Vec<u8>) {
        self.open(out);
        self.choice(delta, None, out);
    }

    fn tool_call(
        &mut self,
        part: usize,
        (id, name): (Option<&str>, Option<&str>),
        arguments: &str,
        out: &mut Vec<u8>,
    ) {
        let known = self.calls.iter().position(|call| call.part == part);
        let index = known.unwrap_or_else(|| {
            self.calls.push(OpenCall { part, is_blank: true });
            self.calls.len() - 1
        });
        if let Some(call) = self.calls.get_mut(index) {
            call.is_blank &= encode::is_blank(arguments);
        }
        let kind = known.is_none().then_some("function");
        self.call_delta(
            CallDelta { index, id, r#type: kind, function: FunctionDelta { name, arguments } },
            out,
        );
    }

    fn call_delta(&mut self, call: CallDelta<'_>, out: &mut Vec<u8>) {
        self.delta(Delta { tool_calls: Some([call]), ..Delta::default() }, out);
    }

    fn finish(&mut self, reason: &FinishReason, out: &mut Vec<u8>) {
        self.open(out);
        for index in 0..self.calls.len() {
            if self.calls.get(index).is_some_and(|call| call.is_blank) {
                let function = FunctionDelta { name: None, arguments: encode::NO_ARGUMENTS };
                self.call_delta(CallDelta { index, id: None, r#type: None, function }, out);
            }
        }
        self.choice(Delta::default(), Some(encode::finish_reason(reason)), out);
        if self.wants_usage
            && let Some(usage) = encode::usage(&self.usage)
        {
            self.chunk(&[], Some(usage), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.phase = Phase::Over;
    }

    fn choice(&self, delta: Delta<'_>, finish_reason: Option<&str>, out: &mut Vec<u8>) {
        self.chunk(&[Choice { index: 0, delta, logprobs: None, finish_reason }], None, out);
    }

    fn chunk(&self, choices: &[Choice<'_>], usage: Option<WireUsage>, out: &mut Vec<u8>) {
        let (id, model) = (&self.id, &self.model);
        let object = "chat.completion.chunk";
        let usage = self.wants_usage.then_some(usage);
        sse::data(out, &Chunk { id, object, created: self.created, model, choices, usage });
    }
}
