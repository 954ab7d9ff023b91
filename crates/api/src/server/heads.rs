//! Heads of requests that do not come to their end. hyper has one time for a head and for the quiet before it; ours for
//! the quiet is the longer one, so that a head that has begun is watched here.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// How a connection that speaks HTTP/2 begins. It has no heads in our sense, and its own ways to notice the dead.
const HTTP_2: &[u8] = b"PRI";

/// The requests of a connection: how many began, and how many of those are over, with their answers.
#[derive(Clone, Default)]
pub(super) struct Requests(Arc<Counts>);

#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    over: AtomicUsize,
}

/// A request whose head has come, until its answer is over and this is dropped.
pub(super) struct Begun(Arc<Counts>);

impl Requests {
    pub(super) fn begin(&self) -> Begun {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Begun(Arc::clone(&self.0))
    }

    fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn are_over(&self) -> bool {
        self.begun() == self.0.over.load(Ordering::Relaxed)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.over.fetch_add(1, Ordering::Relaxed);
    }
}

/// Watches for a head that has begun and does not end.
pub(super) struct Heads {
    within: Duration,
    requests: Requests,
    state: State,
    /// Runs from the first wait for the rest of a head. Most heads come in one piece, and need none.
    timer: Option<Pin<Box<Sleep>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing has come yet.
    New,
    /// No head is open.
    Quiet,
    /// Something came while no request was under way, and after so many had begun.
    Open(usize),
    /// HTTP/2.
    Unwatched,
}

impl Heads {
    pub(super) fn new(within: Duration, requests: Requests) -> Self {
        Self { within, requests, state: State::New, timer: None }
    }

    /// Bytes came.
    pub(super) fn came(&mut self, bytes: &[u8]) {
        self.state = match self.state {
            State::Unwatched => State::Unwatched,
            State::New if bytes.starts_with(HTTP_2) => State::Unwatched,
            State::Open(begun) if begun == self.requests.begun() => State::Open(begun),
            State::New | State::Quiet | State::Open(_) if self.requests.are_over() => {
                self.timer = None;
                State::Open(self.requests.begun())
            }
            State::New | State::Quiet | State::Open(_) => State::Quiet,
        };
    }

    /// Whether the rest of a head has been waited for too long.
    pub(super) fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let State::Open(begun) = self.state else { return false };
        if begun != self.requests.begun() {
            self.state = State::Quiet;
            return false;
        }
        let within = self.within;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(within)));
        timer.as_mut().poll(cx).is_ready()
    }
}
