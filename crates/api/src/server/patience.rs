//! A connection that is given up when its client does not say which HTTP it speaks, begins a request and does not come to
//! the end of its head, or reads nothing of what is sent to it, for too long; or floods it with what asks for nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::frames::Frames;
use super::heads::Heads;
use super::requests::Requests;
use crate::ServerLimits;

/// What a connection of HTTP/2 begins with. Until it is clear whether one does, nobody else watches the time.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream whose beginning and whose writes may stall for a while, but not longer.
pub(super) struct Impatient<S> {
    inner: S,
    /// How long a write may stall.
    within: Duration,
    /// How long a head may take.
    within_head: Duration,
    /// Runs only while a write stalls.
    stalled: Option<Pin<Box<Sleep>>>,
    is_stalled: bool,
    /// The wait for the beginning; nothing once it is there.
    greeting: Option<Greeting>,
    watch: Watch,
    requests: Requests,
}

/// What is watched in what comes, by the version that is spoken.
enum Watch {
    First(Heads),
    Second(Frames),
}

impl Watch {
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::First(heads) => heads.is_late(cx),
            Self::Second(frames) => frames.is_late(cx),
        }
    }
}

/// The first bytes of a connection.
struct Greeting {
    /// How many came that may be the preface.
    seen: usize,
    until: Pin<Box<Sleep>>,
}

/// What the first bytes say.
enum Greeted {
    /// It may be either.
    Nothing,
    /// HTTP/1.
    First,
    /// HTTP/2, of which so many of the bytes are the preface.
    Second(usize),
}

impl Greeting {
    /// What these bytes, or the end of all bytes, say.
    fn hear(&mut self, bytes: &[u8]) -> Greeted {
        let rest = &PREFACE[self.seen..];
        let len = bytes.len().min(rest.len());
        self.seen += len;
        if bytes.is_empty() || bytes[..len] != rest[..len] {
            Greeted::First
        } else if self.seen == PREFACE.len() {
            Greeted::Second(len)
        } else {
            Greeted::Nothing
        }
    }
}

impl<S> Impatient<S> {
    pub(super) fn new(inner: S, limits: &ServerLimits, requests: Requests) -> Self {
        let greeting = Greeting { seen: 0, until: Box::pin(sleep(limits.header_time)) };
        let watch = Watch::First(Heads::new(limits.header_time, requests.clone()));
        Self {
            inner,
            within: limits.write_time,
            within_head: limits.header_time,
            stalled: None,
            is_stalled: false,
            greeting: Some(greeting),
            watch,
            requests,
        }
    }

    /// Bytes came, or the end of all.
    fn came(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if let Some(greeting) = &mut self.greeting {
            match greeting.hear(bytes) {
                Greeted::Nothing => {}
                Greeted::First => self.greeting = None,
                Greeted::Second(preface) => {
                    self.greeting = None;
                    bytes = &bytes[preface..];
                    self.requests.become_http_2();
                    self.watch = Watch::Second(Frames::new(self.within_head, self.requests.clone()));
                }
            }
        }
        match &mut self.watch {
            Watch::First(heads) => heads.came(),
            Watch::Second(frames) => frames.came(bytes)?,
        }
        Ok(())
    }

    fn wrote(&self, outcome: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(len)) = outcome {
            self.requests.wrote(*len);
        }
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
            let is_late = is_silent || this.watch.is_late(cx);
            return if is_late { Poll::Ready(Err(io::ErrorKind::TimedOut.into())) } else { outcome };
        };
        if read.is_ok() {
            this.came(&buffer.filled()[before..])?;
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.wrote(&outcome);
        self.judge(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write_vectored(cx, bytes);
        self.wrote(&outcome);
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
