//! The walk through a fallback chain: whom to ask next, given how the last attempt failed. It waits for nothing and
//! asks nobody; whoever does calls [`Walk::next`] between attempts.

use std::time::Duration;

use crate::{ApiClientError, ErrorKind, Phase};

/// How often one model is asked, and how long to wait in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Attempts at one model in all, the first one included.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles each time.
    pub first: Duration,
    /// The longest wait of our own choice.
    pub cap: Duration,
    /// Whether the wait is drawn between nothing and its full length, so that many callers spread out.
    pub jitter: bool,
}

impl Default for Repeat {
    /// Three attempts, with waits of 2 s and 4 s.
    fn default() -> Self {
        Self { attempts: 3, first: Duration::from_secs(2), cap: Duration::from_secs(10), jitter: false }
    }
}

impl Repeat {
    /// One attempt.
    pub const NEVER: Self = Self { attempts: 1, first: Duration::ZERO, cap: Duration::ZERO, jitter: false };

    fn wait_after(&self, attempt: u32, draw: f64) -> Duration {
        let full = self.first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1))).min(self.cap);
        if self.jitter { full.mul_f64(draw.clamp(0.0, 1.0)) } else { full }
    }
}

/// What to do after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Ask the same model again after a wait.
    Again(Duration),
    /// Ask the next model in the chain now.
    Fallback,
    /// Tell the caller: nothing else may help, or nothing else is left.
    GiveUp,
}

/// A place in a chain of models.
///
/// - Timeouts, broken connections, failures of the provider and overload are repeated on the same model.
/// - A rate limit moves on at once. On the last model it is waited for, if the provider says how long and that fits
///   into the time that is left.
/// - What is wrong with this model or its key moves on; what is wrong with the request does not.
/// - Once the caller has seen part of a reply, nothing helps.
#[derive(Clone, Debug)]
pub struct Walk {
    repeat: Repeat,
    len: usize,
    at: usize,
    attempt: u32,
}

impl Walk {
    /// The start of a chain of `len` models.
    pub fn new(len: usize, repeat: Repeat) -> Self {
        Self { repeat, len, at: 0, attempt: 1 }
    }

    /// The model to ask now, by its place in the chain.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The number of this attempt at this model, from one.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Moves on after an attempt failed. `left` is the time until the call's deadline, if it has one; `draw` is a
    /// number between nothing and one for the jitter.
    pub fn next(&mut self, error: &ApiClientError, left: Option<Duration>, draw: f64) -> Next {
        if error.details().phase == Phase::AfterFirstToken {
            return Next::GiveUp;
        }
        if let Some(wait) = self.again(error, draw).filter(|wait| left.is_none_or(|left| *wait < left)) {
            self.attempt += 1;
            return Next::Again(wait);
        }
        if error.may_fall_back() && self.at + 1 < self.len {
            self.at += 1;
            self.attempt = 1;
            return Next::Fallback;
        }
        Next::GiveUp
    }

    /// Moves on from a model that must not be asked at all: its breaker is open, or it lacks what the request needs.
    pub fn skip(&mut self) -> Next {
        if self.at + 1 >= self.len {
            return Next::GiveUp;
        }
        self.at += 1;
        self.attempt = 1;
        Next::Fallback
    }

    fn again(&self, error: &ApiClientError, draw: f64) -> Option<Duration> {
        if self.attempt >= self.repeat.attempts || !error.may_retry() {
            return None;
        }
        let asked = error.details().retry_after;
        let is_last = self.at + 1 == self.len;
        match error.kind() {
            ErrorKind::RateLimited => asked.filter(|_| is_last),
            // A reply that makes no sense is more likely to be the same again than to pass.
            ErrorKind::BadResponse if !is_last => None,
            _ => {
                let own = self.repeat.wait_after(self.attempt, draw);
                match asked {
                    // Whoever wants to be left alone for longer than we would wait is left alone.
                    Some(asked) if asked > self.repeat.cap && !is_last => None,
                    Some(asked) => Some(own.max(asked)),
                    None => Some(own),
                }
            }
        }
    }
}
