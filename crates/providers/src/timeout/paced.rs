//! A stream that has to keep a pace. One that flows without a pause costs it no timer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use codeflow_model::{ApiClientError, Phase};
use futures_core::Stream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{Blame, Late};
use crate::pacing::later;
use crate::watch::{Piece, Pieces};

/// How many pieces may come without a pause before the clock is read.
const UNTIMED: u32 = 64;

/// A stream that ends with an error when it is too slow.
pub(super) struct Paced<T> {
    stream: Option<Pieces<T>>,
    finished: bool,
    pace: Pace,
    blame: Blame,
}

/// What the stream has to keep, and how it does.
pub(super) struct Pace {
    between: Duration,
    end: Instant,
    /// When the wait for the next piece began, once it did.
    waiting: Option<Instant>,
    /// One timer for the whole stream, made at its first pause. It is moved only when it has gone off, so once in a
    /// while rather than for each piece.
    timer: Option<Pin<Box<Sleep>>>,
    untimed: u32,
}

impl<T> Paced<T> {
    pub(super) fn new(stream: Pieces<T>, pace: Pace, blame: Blame) -> Self {
        Self { stream: Some(stream), finished: false, pace, blame }
    }
}

impl Pace {
    pub(super) fn new(between: Duration, end: Instant) -> Self {
        Self { between, end, waiting: None, timer: None, untimed: 0 }
    }

    /// A piece came. Says whether it came after the end.
    fn moved(&mut self) -> bool {
        self.waiting = None;
        self.untimed += 1;
        if self.untimed < UNTIMED {
            return false;
        }
        self.untimed = 0;
        Instant::now() >= self.end
    }

    /// No piece is there. Ready when that has been so for too long.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        self.untimed = 0;
        let since = *self.waiting.get_or_insert_with(Instant::now);
        let due = later(since, self.between).min(self.end);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        loop {
            // A timer that was set for an earlier piece goes off early, and is then set anew.
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(cx));
            if timer.deadline() >= due {
                return Poll::Ready(if due == self.end { Late::Finish } else { Late::GoOn });
            }
            timer.as_mut().reset(due);
        }
    }
}

impl<T: Piece> Stream for Paced<T> {
    type Item = Result<T, ApiClientError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let Some(stream) = &mut this.stream else { return Poll::Ready(None) };
        let late = match stream.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(piece))) => {
                this.finished |= piece.news().finished;
                if this.finished || !this.pace.moved() {
                    return Poll::Ready(Some(Ok(piece)));
                }
                Late::Finish
            }
            Poll::Ready(end) => {
                this.stream = None;
                return Poll::Ready(end);
            }
            // The reply is complete. How long its connection may take to end is its own business.
            Poll::Pending if this.finished => return Poll::Pending,
            Poll::Pending => ready!(this.pace.poll(cx)),
        };
        this.stream = None;
        Poll::Ready(Some(Err(this.blame.error(late, Phase::AfterFirstToken))))
    }
}
