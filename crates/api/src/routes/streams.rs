//! Replies piece by piece on their way out. What goes wrong in the middle is told as an event, never as a normal end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use codeflow_core::Coded;
use codeflow_model::{ApiClientError, ChatStream, RawStream, WireFormat};
use futures_core::Stream;

use super::gather::Gathered;
use crate::body::Outgoing;
use crate::exchange::Exchange;
use crate::ledger::{Blame, Failed, Ledger};
use crate::{Failure, ReplyStream, Stamp};

/// A stream that is handed on as it is.
pub(crate) fn handed_on(inner: RawStream, exchange: &Exchange<'_>) -> Outgoing {
    let stream = HandedOn { inner, format: exchange.format, origin: Origin::of(exchange), over: false };
    Outgoing::Stream(Box::pin(Gathered::new(stream)))
}

struct HandedOn {
    inner: RawStream,
    format: WireFormat,
    origin: Origin,
    over: bool,
}

impl Stream for HandedOn {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if self.over {
                return Poll::Ready(None);
            }
            match ready!(self.inner.as_mut().poll_next(cx)) {
                Some(Ok(piece)) if piece.bytes.is_empty() => {}
                Some(Ok(piece)) => return Poll::Ready(Some(piece.bytes)),
                Some(Err(error)) => {
                    self.over = true;
                    let stamp = Stamp {
                        id: String::new(),
                        model: String::new(),
                        created: codeflow_core::Timestamp::EPOCH,
                    };
                    let mut words = ReplyStream::new(self.format, stamp, false);
                    return Poll::Ready(Some(told(&mut words, &error, &self.origin)));
                }
                None => self.over = true,
            }
        }
    }
}

/// A stream that is written in the client's format.
pub(crate) fn encoded(
    inner: ChatStream,
    exchange: &Exchange<'_>,
    stamp: Stamp,
    wants_usage: bool,
) -> Outgoing {
    let words = ReplyStream::new(exchange.format, stamp, wants_usage);
    let origin = Origin::of(exchange);
    Outgoing::Stream(Box::pin(Gathered::new(Encoded { inner, words, origin, over: false })))
}

struct Encoded {
    inner: ChatStream,
    words: ReplyStream,
    origin: Origin,
    over: bool,
}

impl Stream for Encoded {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        loop {
            if this.over {
                return Poll::Ready(None);
            }
            let outcome = match ready!(this.inner.as_mut().poll_next(cx)) {
                None => {
                    this.over = true;
                    continue;
                }
                Some(Ok(event)) => {
                    let mut out = Vec::new();
                    this.words.push(&event, &mut out).map(|()| out)
                }
                Some(Err(error)) => Err(error),
            };
            match outcome {
                Ok(out) if out.is_empty() => {}
                Ok(out) => return Poll::Ready(Some(out.into())),
                Err(error) => {
                    this.over = true;
                    return Poll::Ready(Some(told(&mut this.words, &error, &this.origin)));
                }
            }
        }
    }
}

/// The request that a stream answers.
struct Origin {
    request_id: Arc<str>,
    place: &'static str,
    ledger: Arc<Ledger>,
}

impl Origin {
    fn of(exchange: &Exchange<'_>) -> Self {
        let request_id = Arc::clone(&exchange.request_id);
        Self { request_id, place: exchange.place, ledger: Arc::clone(&exchange.api.ledger) }
    }
}

fn told(words: &mut ReplyStream, error: &ApiClientError, origin: &Origin) -> Bytes {
    let Origin { request_id, place, ledger } = origin;
    tracing::warn!(request.id = %request_id, error.code = error.code(), "a stream broke");
    let failure = Failure::from(error);
    if let Some(blame) = Blame::of(failure.status) {
        ledger.note(&Failed { code: failure.code, blame, place, request_id });
    }
    let mut out = Vec::new();
    words.fail(&failure, request_id, &mut out);
    out.into()
}
