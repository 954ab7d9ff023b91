//! What is done about calls to models that fail: made again, or not made for a while.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Checks;
use crate::values::Amount;

/// How often one model is asked, and how long to wait in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySettings {
    /// Attempts at one model in all, the first one included.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles each time.
    pub first: Duration,
    /// The longest wait.
    pub cap: Duration,
    /// Whether waits are drawn at random up to their full length.
    pub jitter: bool,
}

/// When a model is left alone for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerSettings {
    /// The time that is looked back on.
    pub window: Duration,
    /// Fewer calls than this in the window say nothing.
    pub min_calls: u32,
    /// The share of failed calls, up to 1, from which a model is left alone.
    pub error_rate: f64,
    /// How long at first, before it is tried again.
    pub cool_down: Duration,
}

/// See [`RetrySettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawRetry {
    /// Attempts at one model in all, the first one included. 1: none is repeated.
    attempts: u32,
    /// The wait before the second attempt; it doubles each time.
    first: Amount,
    /// The longest wait.
    cap: Amount,
    /// Whether waits are drawn at random up to their full length, so that many callers spread out.
    jitter: bool,
}

impl Default for RawRetry {
    fn default() -> Self {
        Self { attempts: 3, first: Amount::text("2s"), cap: Amount::text("10s"), jitter: true }
    }
}

impl RawRetry {
    pub(crate) fn settle(self, checks: &mut Checks) -> RetrySettings {
        if !(1..=10).contains(&self.attempts) {
            checks.refuse("retry.attempts", "must be from 1 to 10");
        }
        let first = checks.duration("retry.first", &self.first);
        let cap = checks.duration("retry.cap", &self.cap);
        if cap < first && !cap.is_zero() {
            checks.refuse("retry.cap", "must not be shorter than `retry.first`");
        }
        RetrySettings { attempts: self.attempts, first, cap, jitter: self.jitter }
    }
}

/// See [`BreakerSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawBreaker {
    /// The time that is looked back on.
    window: Amount,
    /// Fewer calls than this in the window say nothing.
    min_calls: u32,
    /// The share of failed calls from which a model is left alone, more than 0 and up to 1.
    error_rate: f64,
    /// How long a model is left alone at first, before it is tried again. Longer each time, if it still fails.
    cool_down: Amount,
}

impl Default for RawBreaker {
    fn default() -> Self {
        Self { window: Amount::text("30s"), min_calls: 10, error_rate: 0.5, cool_down: Amount::text("5s") }
    }
}

impl RawBreaker {
    pub(crate) fn settle(self, checks: &mut Checks) -> BreakerSettings {
        if self.min_calls == 0 {
            checks.refuse("breaker.min_calls", "must be at least 1");
        }
        BreakerSettings {
            window: checks.duration("breaker.window", &self.window),
            min_calls: self.min_calls,
            error_rate: checks.number("breaker.error_rate", self.error_rate, 0.01, 1.0),
            cool_down: checks.duration("breaker.cool_down", &self.cool_down),
        }
    }
}
