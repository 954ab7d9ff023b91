//! The walk through a fallback chain: whom to ask next, given how the last attempt failed, and the loop that does so.
//! It reads no clock, waits for nothing and asks nobody itself; a [`Walker`] does.

mod course;

use std::time::Duration;

use crate::{ApiClientError, ErrorKind, Phase, Reach};

pub use course::{Arrived, Lost, Missed, Step, Tried, Walker, walk};

/// How often a call is repeated, and how long to wait in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeat {
    /// Attempts in all, the first one included, when there is one model to ask. In a chain each further model is asked
    /// once more than that allows: three attempts and four models make six attempts at most, not twelve.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles each time.
    pub first: Duration,
    /// The longest wait of our own choice; also the longest that a provider may ask for when there is no deadline.
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
/// - An open circuit, which is an overload for which nothing was sent, moves on at once and is never waited for: whoever
///   waits for it only adds to the crowd that meets the provider when it comes back.
/// - What is wrong with this model, its key or its reply moves on; what is wrong with the request does not.
/// - Once the caller has seen part of a reply, or the time is up, nothing helps.
#[derive(Clone, Debug)]
pub struct Walk {
    repeat: Repeat,
    len: usize,
    step: Step,
    repeats: u32,
}

/// How a failure is met on the model that failed.
enum Remedy {
    /// It may pass: wait, the longer each time.
    Patience,
    /// The provider says when it passes, and knows best.
    Appointment,
    /// It will not pass, or not soon.
    None,
}

impl Walk {
    /// The start of a chain of `len` models.
    pub fn new(len: usize, repeat: Repeat) -> Self {
        Self { repeat, len, step: Step { hop: 0, attempt: 1 }, repeats: 0 }
    }

    /// The attempt to make now.
    pub fn step(&self) -> Step {
        self.step
    }

    /// Moves on after an attempt failed. `left` is the time until the call's deadline, if it has one; `draw` is a
    /// number between nothing and one for the jitter.
    pub fn next(&mut self, error: &ApiClientError, left: Option<Duration>, draw: f64) -> Next {
        if error.details().phase == Phase::AfterFirstToken || left.is_some_and(|left| left.is_zero()) {
            return Next::GiveUp;
        }
        if let Some(wait) = self.again(error, left, draw) {
            self.repeats += 1;
            self.step.attempt += 1;
            return Next::Again(wait);
        }
        if error.may_fall_back() { self.skip() } else { Next::GiveUp }
    }

    /// Moves on from a model that must not be asked at all: a rule forbids it, or it lacks what the request needs.
    pub fn skip(&mut self) -> Next {
        if self.is_last() {
            return Next::GiveUp;
        }
        self.step = Step { hop: self.step.hop + 1, attempt: 1 };
        Next::Fallback
    }

    fn is_last(&self) -> bool {
        self.step.hop + 1 >= self.len
    }

    fn again(&self, error: &ApiClientError, left: Option<Duration>, draw: f64) -> Option<Duration> {
        if self.repeats.saturating_add(1) >= self.repeat.attempts {
            return None;
        }
        let asked = error.details().retry_after;
        let wait = match remedy(error) {
            Remedy::None => return None,
            Remedy::Appointment => asked.filter(|_| self.is_last())?,
            Remedy::Patience => {
                let own = self.repeat.wait_after(self.step.attempt, draw);
                asked.map_or(own, |asked| own.max(asked))
            }
        };
        // Whoever wants to be left alone for longer than we would wait is left alone while somebody else can answer.
        let most = if self.is_last() { left } else { None };
        let fits = most.map_or(wait <= self.repeat.cap, |most| wait < most);
        (fits && left.is_none_or(|left| wait < left)).then_some(wait)
    }
}

fn remedy(error: &ApiClientError) -> Remedy {
    match error.kind() {
        ErrorKind::Overloaded if error.details().reach == Reach::NotSent => Remedy::None,
        ErrorKind::ProviderConnection | ErrorKind::Timeout | ErrorKind::Overloaded => Remedy::Patience,
        ErrorKind::RateLimited => Remedy::Appointment,
        ErrorKind::Authentication
        | ErrorKind::PermissionDenied
        | ErrorKind::InvalidRequest
        | ErrorKind::ContextTooLong
        | ErrorKind::ContentFiltered
        | ErrorKind::ModelNotAvailable
        | ErrorKind::InvalidPolicy
        | ErrorKind::BudgetExceeded
        | ErrorKind::Cancelled
        | ErrorKind::BadResponse
        | ErrorKind::Internal => Remedy::None,
    }
}
