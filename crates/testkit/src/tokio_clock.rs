//! A clock that goes with tokio's.

use std::time::Duration;

use codeflow_core::{Clock, Timestamp};
use tokio::time::Instant;

use crate::ManualClock;

/// A clock that goes with tokio's, so that a runtime with paused time owns this one too. It can be moved
/// ahead of tokio's, as the clock of another machine would be.
#[derive(Debug)]
pub struct TokioClock {
    ahead: ManualClock,
    began: Instant,
}

impl TokioClock {
    /// A clock that begins to go now.
    pub fn new() -> Self {
        Self { ahead: ManualClock::default(), began: Instant::now() }
    }

    /// Moves this clock forward, and tokio's not.
    pub fn advance(&self, by: Duration) {
        self.ahead.advance(by);
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.ahead.now().after(self.began.elapsed())
    }
}
