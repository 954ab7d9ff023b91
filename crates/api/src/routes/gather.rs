//! Pieces of a stream that arrive in the same moment go out together: each piece of its own costs a system call here and a
//! wake-up of the client, and a model that writes fast sends several at once.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

/// So much goes out without waiting for more.
const ENOUGH: usize = 16 << 10;

/// Pieces that come closer together than this come in one moment. A piece that follows after longer is not held: nothing is
/// likely to follow it at once.
const MOMENT: Duration = Duration::from_micros(200);

/// How many turns of the thread a piece is held. The connection to the provider needs two to hand over what it has read.
const TURNS: u8 = 2;

/// The same bytes in fewer pieces. A piece that follows another one closely waits for a few turns of the thread, in which
/// whatever has arrived is handed over, and for no time beyond that; every other piece goes out at once.
pub(super) struct Gathered<S> {
    inner: Pin<Box<S>>,
    held: Bytes,
    more: BytesMut,
    has_begun: bool,
    turns: u8,
    /// When the last piece came, and whether it came soon after the one before.
    last: Option<Instant>,
    is_close: bool,
    over: bool,
}

impl<S: Stream<Item = Bytes>> Gathered<S> {
    pub(super) fn new(inner: S) -> Self {
        Self {
            inner: Box::pin(inner),
            held: Bytes::new(),
            more: BytesMut::new(),
            has_begun: false,
            turns: 0,
            last: None,
            is_close: false,
            over: false,
        }
    }

    fn hold(&mut self, piece: Bytes) {
        self.turns = 0;
        let now = Instant::now();
        self.is_close = self.last.is_some_and(|last| now.duration_since(last) < MOMENT);
        self.last = Some(now);
        if self.held.is_empty() {
            // A piece that stays alone is not copied.
            self.held = piece;
            return;
        }
        if self.more.is_empty() {
            self.more.extend_from_slice(&self.held);
        }
        self.more.extend_from_slice(&piece);
    }

    fn len(&self) -> usize {
        self.held.len().max(self.more.len())
    }

    fn release(&mut self) -> Poll<Option<Bytes>> {
        self.has_begun = true;
        self.turns = 0;
        let held = std::mem::take(&mut self.held);
        let all = if self.more.is_empty() { held } else { self.more.split().freeze() };
        Poll::Ready(Some(all))
    }
}

impl<S: Stream<Item = Bytes>> Stream for Gathered<S> {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let this = &mut *self;
        loop {
            if this.len() >= ENOUGH || (!this.has_begun && !this.held.is_empty()) {
                return this.release();
            }
            if this.over {
                return if this.held.is_empty() { Poll::Ready(None) } else { this.release() };
            }
            match this.inner.as_mut().poll_next(cx) {
                Poll::Ready(Some(piece)) => this.hold(piece),
                Poll::Ready(None) => this.over = true,
                Poll::Pending if this.held.is_empty() => return Poll::Pending,
                Poll::Pending if !this.is_close || this.turns == TURNS => return this.release(),
                Poll::Pending => {
                    this.turns += 1;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        }
    }
}
