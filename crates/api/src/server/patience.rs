//! A connection that is given up when its client does not say which HTTP it speaks, begins a request and does not come to
//! the end of its head, or reads nothing of what is sent to it, for too long.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::heads::Heads;
use crate::ServerLimits;

/// What a connection of HTTP/2 begins with. Until it is clear whether one does, nobody else watches the time.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose beginning and whose writes may stall for a while, but not longer.
pub(super) struct Impatient<S> {
    inner: S,
    within: Duration,
    /// Runs only while a write stalls.
    stalled: Option<Pin<Box<Sleep>>>,
    is_stalled: bool,
    /// The wait for the beginning; nothing once it is there.
    greeting: Option<Greeting>,
    heads: Heads,
}

/// The first bytes of a connection.
struct Greeting {
    /// How many came that may be the preface.
    seen: usize,
    until: Pin<Box<Sleep>>,
}

impl Greeting {
    /// Whether these bytes, or the end of all bytes, settle which HTTP it is.
    fn is_settled_by(&mut self, bytes: &[u8]) -> bool {
        let rest = &PREFACE[self.seen..];
        let len = bytes.len().min(rest.len());
        self.seen += len;
        bytes.is_empty() || bytes[..len] != rest[..len] || self.seen == PREFACE.len()
    }
}

impl<S> Impatient<S> {
    pub(super) fn new(inner: S, limits: &ServerLimits, heads: Heads) -> Self {
        let greeting = Greeting { seen: 0, until: Box::pin(sleep(limits.header_time)) };
        let within = limits.write_time;
        Self { inner, within, stalled: None, is_stalled: false, greeting: Some(greeting), heads }
    }

    /// The same outcome, or an error when writes have stalled for too long.
    fn judge<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.is_stalled = false;
            return outcome;
        }
        let within = self.within;
        let timer = self.stalled.get_or_insert_with(|| Box::pin(sleep(within)));
        if !self.is_stalled {
            timer.as_mut().reset(Instant::now() + within);
            self.is_stalled = true;
        }
        match timer.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.inner).poll_read(cx, buffer);
        let Poll::Ready(read) = &outcome else {
            let is_silent =
                this.greeting.as_mut().is_some_and(|greeting| greeting.until.as_mut().poll(cx).is_ready());
            let is_late = is_silent || this.heads.is_late(cx);
            return if is_late { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { outcome };
        };
        let came = &buffer.filled()[before..];
        if read.is_ok() {
            this.heads.came(came);
        }
        if this.greeting.as_mut().is_some_and(|greeting| greeting.is_settled_by(came)) {
            this.greeting = None;
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.judge(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.judge(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        self.judge(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.judge(cx, outcome)
    }
}
