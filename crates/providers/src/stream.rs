//! From the bytes of a stream to its events, for any dialect, with a cut told from an end.

use std::sync::Arc;

use codeflow_model::{ApiClientError, Details, ErrorKind, Phase, StreamEvent};

use crate::{Dialect, EventStreamDecoder, Frame, FrameError, Framing, Limits, NdjsonDecoder, SseDecoder};

/// Reads one stream.
pub struct StreamDecoder<D: Dialect> {
    dialect: Arc<D>,
    model: String,
    frames: Frames,
    state: D::Stream,
    phase: Phase,
    finished: bool,
}

enum Frames {
    Sse(SseDecoder),
    Ndjson(NdjsonDecoder),
    EventStream(EventStreamDecoder),
}

impl<D: Dialect> StreamDecoder<D> {
    /// A decoder at the start of a reply by `model`.
    pub fn new(dialect: Arc<D>, model: impl Into<String>, limits: Limits) -> Self {
        let frames = match dialect.framing() {
            Framing::Sse => Frames::Sse(SseDecoder::new(limits)),
            Framing::Ndjson => Frames::Ndjson(NdjsonDecoder::new(limits)),
            Framing::EventStream => Frames::EventStream(EventStreamDecoder::new(limits)),
        };
        let (state, phase) = (D::Stream::default(), Phase::BeforeFirstToken);
        Self { dialect, model: model.into(), frames, state, phase, finished: false }
    }

    /// Takes the next bytes and appends what they say; also what they say before an error. Nothing follows
    /// [`StreamEvent::Finished`].
    ///
    /// # Errors
    ///
    /// Any kind, after which the decoder is of no use.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<StreamEvent>) -> Result<(), ApiClientError> {
        let mut frames = Vec::new();
        let read = match &mut self.frames {
            Frames::Sse(decoder) => decoder.push(bytes, &mut frames),
            Frames::Ndjson(decoder) => decoder.push(bytes, &mut frames),
            Frames::EventStream(decoder) => decoder.push(bytes, &mut frames),
        };
        self.decode(&frames, out)?;
        self.check(read)
    }

    /// Takes the end of the bytes.
    ///
    /// # Errors
    ///
    /// `BadResponse` when the reply is not complete.
    pub fn finish(mut self, out: &mut Vec<StreamEvent>) -> Result<(), ApiClientError> {
        let mut frames = Vec::new();
        let read = match &mut self.frames {
            Frames::Sse(_) | Frames::EventStream(_) => Ok(()),
            Frames::Ndjson(decoder) => decoder.finish(&mut frames),
        };
        self.decode(&frames, out)?;
        self.check(read)?;
        if !self.finished {
            let from = out.len();
            self.dialect.decode_end(&mut self.state, out);
            self.note(&out[from..]);
        }
        if self.finished {
            return Ok(());
        }
        let message = "the stream ended before the reply was complete";
        Err(self.place(ApiClientError::new(ErrorKind::BadResponse, message)))
    }

    fn decode(&mut self, frames: &[Frame], out: &mut Vec<StreamEvent>) -> Result<(), ApiClientError> {
        for frame in frames {
            if self.finished {
                break;
            }
            let from = out.len();
            let decoded = self.dialect.decode_frame(&mut self.state, frame, out);
            self.name(&mut out[from..]);
            self.note(&out[from..]);
            decoded.map_err(|error| self.place(error))?;
        }
        Ok(())
    }

    /// Some formats do not say which model serves: it is the one that was asked.
    fn name(&self, events: &mut [StreamEvent]) {
        for event in events {
            if let StreamEvent::Started { model, .. } = event
                && model.is_empty()
            {
                model.clone_from(&self.model);
            }
        }
    }

    fn note(&mut self, events: &[StreamEvent]) {
        for event in events {
            match event {
                StreamEvent::Text { .. } | StreamEvent::ToolCall { .. } | StreamEvent::Thinking { .. } => {
                    self.phase = Phase::AfterFirstToken
                }
                StreamEvent::Finished(_) => self.finished = true,
                StreamEvent::Started { .. } | StreamEvent::Usage(_) => {}
            }
        }
    }

    fn check(&self, read: Result<(), FrameError>) -> Result<(), ApiClientError> {
        let message = "the stream cannot be read";
        read.or_else(|error| {
            if self.finished {
                return Ok(());
            }
            Err(self.place(ApiClientError::new(ErrorKind::BadResponse, message).because(error)))
        })
    }

    /// The same error, with who was asked and how far the reply had come.
    pub(crate) fn place(&self, error: ApiClientError) -> ApiClientError {
        let details = Details {
            provider: self.dialect.provider().to_owned(),
            model: self.model.clone(),
            phase: self.phase,
            ..error.details().clone()
        };
        error.about(details)
    }
}
