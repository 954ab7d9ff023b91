//! Streamed replies.

use codeflow_model::{ApiClientError, FinishReason, StreamEvent, ThinkingDelta, Usage, WireFormat};
use serde::Serialize;

use super::encode::{self, WireUsage};
use crate::stage::{Body, Growing, Moment, Stage};
use crate::{Failure, Stamp, sse};

/// Writes one streamed reply: the role first, then its pieces, why it ended, the usage if that was asked for, and
/// `[DONE]`. A reply that breaks ends in an error and no `[DONE]`.
///
/// One tool call comes after another, for a client takes a call to be over when the next one begins.
#[derive(Debug)]
pub struct ChatCompletionsStream {
    chunks: Chunks,
    phase: Phase,
    stage: Stage,
    usage: Usage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Before,
    Within,
    Over,
}

/// Writes the chunks.
#[derive(Debug)]
struct Chunks {
    id: String,
    model: String,
    created: i64,
    wants_usage: bool,
    /// The number of the call that is open, or comes next.
    call: usize,
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
        let Stamp { id, model, created } = stamp;
        let created = encode::seconds(created);
        Self {
            chunks: Chunks { id, model, created, wants_usage, call: 0 },
            phase: Phase::Before,
            stage: Stage::default(),
            usage: Usage::default(),
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
            StreamEvent::Started { id, model, .. } => self.start(id, model, out),
            StreamEvent::Usage(usage) => self.usage.update(*usage),
            StreamEvent::Text { delta, .. } if !delta.is_empty() => {
                self.open(out);
                self.chunks.delta(Delta { content: Some(delta), ..Delta::default() }, out);
            }
            StreamEvent::Thinking { delta: ThinkingDelta::Text(text), .. } if !text.is_empty() => {
                self.open(out);
                self.chunks.delta(Delta { reasoning_content: Some(text), ..Delta::default() }, out);
            }
            // The format has no place for what else belongs to a thought.
            StreamEvent::Text { .. } | StreamEvent::Thinking { .. } => {}
            StreamEvent::ToolCall { .. } => {
                self.open(out);
                let Self { stage, chunks, .. } = self;
                return stage.piece(event, |part, moment| chunks.call(part, moment, out));
            }
            StreamEvent::Finished(reason) => self.finish(reason, out),
        }
        Ok(())
    }

    /// Ends a reply that broke.
    pub fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>) {
        if self.phase != Phase::Over {
            self.phase = Phase::Over;
            out.extend_from_slice(b"data: ");
            out.extend_from_slice(&failure.body(WireFormat::ChatCompletions, ""));
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
            self.chunks.id = encode::or(id, &self.chunks.id).to_owned();
            self.chunks.model = encode::or(model, &self.chunks.model).to_owned();
            self.open(out);
        }
    }

    fn open(&mut self, out: &mut Vec<u8>) {
        if self.phase == Phase::Before {
            self.phase = Phase::Within;
            let delta = Delta { role: Some("assistant"), content: Some(""), ..Delta::default() };
            self.chunks.delta(delta, out);
        }
    }

    fn finish(&mut self, reason: &FinishReason, out: &mut Vec<u8>) {
        self.open(out);
        let Self { stage, chunks, .. } = self;
        stage.finish(|part, moment| chunks.call(part, moment, out));
        chunks.choice(Delta::default(), Some(encode::finish_reason(reason)), out);
        if chunks.wants_usage
            && let Some(usage) = encode::usage(&self.usage)
        {
            chunks.chunk(&[], Some(usage), out);
        }
        out.extend_from_slice(b"data: [DONE]\n\n");
        self.phase = Phase::Over;
    }
}

impl Chunks {
    /// Writes what has come of a call.
    fn call(&mut self, part: &mut Growing, moment: Moment, out: &mut Vec<u8>) {
        // Only calls are sent on stage.
        let Body::ToolCall(call) = &mut part.body else { return };
        let is_over = moment == Moment::Over;
        if is_over && !call.has_arguments {
            call.more.push_str(encode::NO_ARGUMENTS);
        }
        let (id, name) = (call.id.as_deref(), call.name.as_deref());
        // A client looks for both in the first piece.
        if id.is_some() && name.is_some() && (!part.is_open || !call.more.is_empty()) {
            let head = !std::mem::replace(&mut part.is_open, true);
            let delta = CallDelta {
                index: self.call,
                id: id.filter(|_| head),
                r#type: head.then_some("function"),
                function: FunctionDelta { name: name.filter(|_| head), arguments: &call.more },
            };
            self.delta(Delta { tool_calls: Some([delta]), ..Delta::default() }, out);
            call.more.clear();
        }
        if is_over {
            self.call += 1;
        }
    }

    fn delta(&self, delta: Delta<'_>, out: &mut Vec<u8>) {
        self.choice(delta, None, out);
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
