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
use crate::{Failure, ReplyStream, Stamp};

/// A stream that is handed on as it is.
pub(crate) fn handed_on(inner: RawStream, exchange: &Exchange<'_>) -> Outgoing {
    let request_id = Arc::clone(&exchange.request_id);
    let stream = HandedOn { inner, format: exchange.format, request_id, over: false };
    Outgoing::Stream(Box::pin(Gathered::new(stream)))
}

struct HandedOn {
    inner: RawStream,
    format: WireFormat,
    request_id: Arc<str>,
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
                    return Poll::Ready(Some(told(&mut words, &error, &self.request_id)));
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
    let request_id = Arc::clone(&exchange.request_id);
    Outgoing::Stream(Box::pin(Gathered::new(Encoded { inner, words, request_id, over: false })))
}

struct Encoded {
    inner: ChatStream,
    words: ReplyStream,
    request_id: Arc<str>,
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
                    return Poll::Ready(Some(told(&mut this.words, &error, &this.request_id)));
                }
            }
        }
    }
}

fn told(words: &mut ReplyStream, error: &ApiClientError, request_id: &str) -> Bytes {
    tracing::warn!(request.id = request_id, error.code = error.code(), "a stream broke");
    let mut out = Vec::new();
    words.fail(&Failure::from(error), request_id, &mut out);
    out.into()
}
