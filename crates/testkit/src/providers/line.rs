//! One connection as hyper sees it, with the troubles that only a connection can have.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::counters::Ledger;
use super::plan::{Head, Leaving};

// Nothing special is zero.
const RESET: u8 = 1;
const NOT_HTTP: u8 = 2;
const CUT: u8 = 3;

/// What becomes of a connection.
#[derive(Debug, Default)]
pub(super) struct Fate(AtomicU8);

impl Fate {
    /// How the connection ends when it is dropped.
    pub(super) fn leave(&self, leaving: Leaving) {
        match leaving {
            Leaving::Close => {}
            Leaving::Reset => self.0.store(RESET, Ordering::Release),
        }
    }

    /// How the next head is written.
    pub(super) fn write_head(&self, head: Head) {
        match head {
            Head::Plain => {}
            Head::NotHttp => self.0.store(NOT_HTTP, Ordering::Release),
            Head::Cut => self.0.store(CUT, Ordering::Release),
        }
    }

    /// What is written in place of the head, and is the last that is written.
    fn last_words(&self) -> Option<&'static [u8]> {
        match self.0.load(Ordering::Acquire) {
            NOT_HTTP => Some(b"220 mail.example.com at your service\r\n"),
            CUT => Some(b"HTTP/1.1 200 OK\r\ncontent-ty"),
            _ => None,
        }
    }
}

/// One connection.
pub(super) struct Line {
    io: TokioIo<TcpStream>,
    fate: Arc<Fate>,
    ledger: Arc<Ledger>,
}

impl Line {
    pub(super) fn new(stream: TcpStream, fate: Arc<Fate>, ledger: Arc<Ledger>) -> Self {
        ledger.connect();
        Self { io: TokioIo::new(stream), fate, ledger }
    }

    fn die(&mut self, cx: &mut Context<'_>, words: &'static [u8]) -> Poll<io::Result<usize>> {
        // So few bytes go out at once.
        ready!(Pin::new(&mut self.io).poll_write(cx, words))?;
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.fate.0.load(Ordering::Acquire) == RESET {
            // Should it fail, the connection is closed instead, which the test then sees.
            let _ = self.io.inner().set_zero_linger();
        }
        self.ledger.disconnect();
    }
}

impl Read for Line {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl Write for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.fate.last_words() {
            Some(words) => self.die(cx, words),
            None => Pin::new(&mut self.io).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.fate.last_words() {
            Some(words) => self.die(cx, words),
            None => Pin::new(&mut self.io).poll_write_vectored(cx, bytes),
        }
    }
}
