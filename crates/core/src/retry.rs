//! When a failed attempt is tried again, and after how long. Pure arithmetic; jitter is handed in.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ActionErrorKind;

/// How the wait grows from one attempt to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Doubles each time.
    #[default]
    Exponential,
    /// Stays as it is.
    Constant,
}

/// When a step's failed attempt is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first one included.
    pub attempts: u32,
    /// How the wait grows.
    pub backoff: Backoff,
    /// The wait before the second attempt.
    pub initial: Duration,
    /// The longest wait.
    pub cap: Duration,
    /// The kinds of failure that are worth another attempt.
    pub on: Vec<ActionErrorKind>,
}

impl RetryPolicy {
    /// The wait before the attempt after number `attempt`, or `None` when there is none.
    pub fn next(&self, attempt: u32, kind: ActionErrorKind) -> Option<Duration> {
        (attempt < self.attempts && self.on.contains(&kind)).then(|| self.wait_after(attempt))
    }

    fn wait_after(&self, attempt: u32) -> Duration {
        let factor = match self.backoff {
            Backoff::Exponential => 2_u32.saturating_pow(attempt.saturating_sub(1)),
            Backoff::Constant => 1,
        };
        self.initial.saturating_mul(factor).min(self.cap)
    }
}

impl Default for RetryPolicy {
    /// One attempt, and when more are asked for: waits of 2 s and 4 s up to 10 s, for failures that pass.
    fn default() -> Self {
        Self {
            attempts: 1,
            backoff: Backoff::Exponential,
            initial: Duration::from_secs(2),
            cap: Duration::from_secs(10),
            on: vec![ActionErrorKind::RateLimited, ActionErrorKind::Timeout, ActionErrorKind::Unavailable],
        }
    }
}
