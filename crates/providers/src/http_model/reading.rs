//! Streams as they come in: decoded into events, or handed on as they are. Both are advanced to the first token before
//! anybody sees them, and both read the body to its end, so that its connection serves again.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use codeflow_model::{ApiClientError, Details, ErrorKind, Phase, RawPiece, StreamEvent, Tap};
use futures_core::Stream;
use tokio::time::{Sleep, sleep};

use super::sending::Reply;
use crate::{Dialect, FrameError, Keep, Limits, RawFrames, StreamDecoder};

/// How long a body may take to end after the reply in it is complete.
const LINGER: Duration = Duration::from_secs(1);

/// The bytes of a body, counted.
struct Bytestream<D: Dialect> {
    reply: Reply<D>,
    received: u64,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<D: Dialect> Bytestream<D> {
    fn new(reply: Reply<D>) -> Self {
        Self { reply, received: 0, lingering: None }
    }

    /// The next bytes; nothing at the end.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ApiClientError>> {
        let data = ready!(self.reply.poll_next(cx))?;
        self.received += data.as_ref().map_or(0, |data| data.len() as u64);
        let limit = self.reply.bounds.stream;
        if self.received > limit {
            let error = self.reply.bad(&format!("sent a stream of more than {limit} bytes"));
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(data))
    }

    /// Waits for the end of a body whose reply is complete. Whatever else comes is nobody's business.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.reply.poll_next(cx) {
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Ok(None) | Err(_)) => break,
                Poll::Pending => {
                    let timer = self.lingering.get_or_insert_with(|| Box::pin(sleep(LINGER)));
                    ready!(timer.as_mut().poll(cx));
                    break;
                }
            }
        }
        self.reply.hang_up();
        Poll::Ready(())
    }
}

/// A stream that is decoded.
pub(super) struct Events<D: Dialect> {
    bytes: Bytestream<D>,
    decoder: Option<StreamDecoder<D>>,
    ready: VecDeque<StreamEvent>,
    failed: Option<ApiClientError>,
    scratch: Vec<StreamEvent>,
    finished: bool,
}

impl<D: Dialect> Events<D> {
    pub(super) fn new(reply: Reply<D>, frames: Limits) -> Self {
        let decoder = StreamDecoder::new(reply.dialect.clone(), reply.model.clone(), frames);
        Self {
            bytes: Bytestream::new(reply),
            decoder: Some(decoder),
            ready: VecDeque::new(),
            failed: None,
            scratch: Vec::new(),
            finished: false,
        }
    }

    /// Waits for the first token.
    pub(super) async fn begin(&mut self) -> Result<(), ApiClientError> {
        std::future::poll_fn(|cx| {
            loop {
                if let Some(error) =
                    self.failed.take_if(|error| error.details().phase == Phase::BeforeFirstToken)
                {
                    return Poll::Ready(Err(error));
                }
                if self.failed.is_some() || self.ready.iter().any(says_something) {
                    return Poll::Ready(Ok(()));
                }
                ready!(self.fill(cx));
            }
        })
        .await
    }

    /// Reads once. At the end of everything there is nothing more to read, which only happens after the last event.
    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(decoder) = &mut self.decoder else { return Poll::Ready(()) };
        let outcome = match ready!(self.bytes.poll(cx)) {
            Ok(Some(data)) => decoder.push(&data, &mut self.scratch),
            Err(error) => Err(decoder.place(error)),
            Ok(None) => match self.decoder.take() {
                Some(decoder) => decoder.finish(&mut self.scratch),
                None => Ok(()),
            },
        };
        self.finished |= self.scratch.iter().any(|event| matches!(event, StreamEvent::Finished(_)));
        self.ready.extend(self.scratch.drain(..));
        if let Err(error) = outcome {
            self.decoder = None;
            self.bytes.reply.hang_up();
            let details = Details { reach: codeflow_model::Reach::Unknown, ..error.details().clone() };
            self.failed = Some(error.about(details));
        }
        Poll::Ready(())
    }
}

fn says_something(event: &StreamEvent) -> bool {
    match event {
        StreamEvent::Text { .. }
        | StreamEvent::ToolCall { .. }
        | StreamEvent::Thinking { .. }
        | StreamEvent::Finished(_) => true,
        StreamEvent::Started { .. } | StreamEvent::Usage(_) => false,
    }
}

impl<D: Dialect> Stream for Events<D> {
    type Item = Result<StreamEvent, ApiClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if let Some(error) = self.failed.take() {
                return Poll::Ready(Some(Err(error)));
            }
            if self.decoder.is_none() {
                return Poll::Ready(None);
            }
            if self.finished {
                ready!(self.bytes.poll_end(cx));
                self.decoder = None;
                return Poll::Ready(None);
            }
            ready!(self.fill(cx));
        }
    }
}

/// A stream that is handed on as it is.
pub(super) struct Passed<D: Dialect> {
    bytes: Bytestream<D>,
    frames: RawFrames,
    state: D::Stream,
    hides_usage: bool,
    phase: Phase,
    ready: VecDeque<RawPiece>,
    failed: Option<ApiClientError>,
    end: End,
}

/// How far a stream that is handed on has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// More has to come.
    Open,
    /// The reply is complete, but the body has not ended.
    Complete,
    /// Nothing more is read.
    Over,
}

impl<D: Dialect> Passed<D> {
    pub(super) fn new(reply: Reply<D>, frames: Limits, hides_usage: bool) -> Self {
        Self {
            bytes: Bytestream::new(reply),
            frames: RawFrames::new(frames),
            state: D::Stream::default(),
            hides_usage,
            phase: Phase::BeforeFirstToken,
            ready: VecDeque::new(),
            failed: None,
            end: End::Open,
        }
    }

    /// Waits for the first token.
    pub(super) async fn begin(&mut self) -> Result<(), ApiClientError> {
        std::future::poll_fn(|cx| {
            loop {
                if self.phase == Phase::AfterFirstToken || self.end == End::Complete {
                    return Poll::Ready(Ok(()));
                }
                if let Some(error) = self.failed.take() {
                    return Poll::Ready(Err(error));
                }
                ready!(self.fill(cx));
            }
        })
        .await
    }

    fn fill(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(self.bytes.poll(cx)) {
            Ok(Some(data)) => self.pass(data),
            Err(error) => self.fail(error),
            Ok(None) => self.finish(),
        }
        Poll::Ready(())
    }

    fn pass(&mut self, data: Bytes) {
        let mut sum = Tap::default();
        let (dialect, state, hides_usage) = (&self.bytes.reply.dialect, &mut self.state, self.hides_usage);
        let (bytes, outcome) = self.frames.push(data, |frame| {
            if sum.finished {
                return Ok::<_, Trouble>(Keep::Hidden);
            }
            let seen = dialect.tap_frame(state, frame)?;
            sum.usage = seen.tap.usage.or(sum.usage);
            sum.said += seen.tap.said;
            sum.finished |= seen.tap.finished;
            let hidden = seen.is_usage_only && hides_usage;
            Ok(if hidden { Keep::Hidden } else { Keep::Shown })
        });
        if sum.said > 0 {
            self.phase = Phase::AfterFirstToken;
        }
        if sum.finished {
            self.end = End::Complete;
        }
        if !bytes.is_empty() || sum != Tap::default() {
            self.ready.push_back(RawPiece { bytes, tap: sum });
        }
        match outcome {
            Ok(()) => {}
            // What follows a complete reply is nobody's business.
            Err(_) if self.end == End::Complete => {}
            Err(Trouble::Frame(error)) => {
                let text = "the stream cannot be read";
                self.fail(ApiClientError::new(ErrorKind::BadResponse, text).because(error));
            }
            Err(Trouble::Said(error)) => self.fail(error),
        }
    }

    fn finish(&mut self) {
        let reply = &self.bytes.reply;
        match reply.dialect.tap_end(&mut self.state) {
            Some(rest) => {
                let tap = Tap { finished: true, ..Tap::default() };
                self.ready.push_back(RawPiece { bytes: Bytes::from_static(rest), tap });
                self.end = End::Over;
                self.phase = Phase::AfterFirstToken;
            }
            None => {
                let text = "the stream ended before the reply was complete";
                self.fail(ApiClientError::new(ErrorKind::BadResponse, text));
            }
        }
    }

    fn fail(&mut self, error: ApiClientError) {
        self.bytes.reply.hang_up();
        let error = self.bytes.reply.place(error);
        let details = Details { phase: self.phase, ..error.details().clone() };
        self.failed = Some(error.about(details));
        self.end = End::Over;
    }
}

/// What ends a stream that is handed on before its time.
enum Trouble {
    Frame(FrameError),
    Said(ApiClientError),
}

impl From<FrameError> for Trouble {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl From<ApiClientError> for Trouble {
    fn from(error: ApiClientError) -> Self {
        Self::Said(error)
    }
}

impl<D: Dialect> Stream for Passed<D> {
    type Item = Result<RawPiece, ApiClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(piece)));
            }
            if let Some(error) = self.failed.take() {
                return Poll::Ready(Some(Err(error)));
            }
            match self.end {
                End::Open => ready!(self.fill(cx)),
                End::Complete => {
                    ready!(self.bytes.poll_end(cx));
                    self.end = End::Over;
                }
                End::Over => return Poll::Ready(None),
            }
        }
    }
}
