//! Clocks that a test owns. The clock of this machine is `codeflow-runtime`'s.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use codeflow_core::{Clock, Timestamp};
use tokio::time::Instant;

/// A clock that moves only when it is told to.
#[derive(Debug)]
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Mutex::new(start))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.after(by);
    }
}

impl Default for ManualClock {
    /// A clock that shows an ordinary moment: the first one of 2024.
    fn default() -> Self {
        Self::new(Timestamp::from_micros(1_704_067_200_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
