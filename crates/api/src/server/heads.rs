//! Heads of HTTP/1 that do not come to their end. hyper has one time for a head and for the quiet before it; ours for
//! the quiet is the longer one, so that a head that has begun is watched here.

use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::requests::Requests;

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
    /// No head is open.
    Quiet,
    /// Something came while no request was under way, and after so many had begun.
    Open(usize),
}

impl Heads {
    pub(super) fn new(within: Duration, requests: Requests) -> Self {
        Self { within, requests, state: State::Quiet, timer: None }
    }

    /// Bytes came.
    pub(super) fn came(&mut self) {
        self.state = match self.state {
            State::Open(begun) if begun == self.requests.begun() => State::Open(begun),
            State::Quiet | State::Open(_) if self.requests.are_over() => {
                self.timer = None;
                State::Open(self.requests.begun())
            }
            State::Quiet | State::Open(_) => State::Quiet,
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
