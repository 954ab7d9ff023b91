//! The body of an answer, which gives its connection back when it has been read to its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body;
use hyper::client::conn::http1::SendRequest;

use super::shelf::Shelf;
use crate::pieces::Pieces;

/// The body of an answer. Dropping it before its end ends the call, and with it a connection that only it used.
pub struct Incoming {
    inner: body::Incoming,
    line: Option<(SendRequest<Pieces>, Arc<Shelf>)>,
}

impl Incoming {
    /// A body over a connection that serves again afterwards.
    pub(super) fn kept(inner: body::Incoming, sender: SendRequest<Pieces>, shelf: &Arc<Shelf>) -> Self {
        let mut body = Self { inner, line: Some((sender, Arc::clone(shelf))) };
        body.give_back_at_end();
        body
    }

    /// A body over a connection that others share.
    pub(super) fn shared(inner: body::Incoming) -> Self {
        Self { inner, line: None }
    }

    fn give_back_at_end(&mut self) {
        if self.inner.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some((sender, shelf)) = self.line.take() {
            shelf.put(sender);
        }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            None => self.give_back(),
            Some(Ok(_)) => self.give_back_at_end(),
            Some(Err(_)) => self.line = None,
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
