//! One bucket: what a subject has used of one limit and what has not come back yet. All in whole numbers, so that a
//! limit of `n` admits `n`, after any number of steps.

use std::time::Duration;

use codeflow_core::Timestamp;

use crate::shard::Entry;
use crate::{Decision, Limit, Verdict};

/// The generic cell rate algorithm, with the debt itself kept instead of the time at which it is paid. A unit weighs as
/// many parts as its limit's window has microseconds, and each microsecond pays back as many parts as the quota has
/// units; nothing is ever rounded on the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    debt: u128,
    at: Timestamp,
    rate: u128,
    weight: u128,
}

impl Entry for Bucket {
    fn empty(now: Timestamp) -> Self {
        Self { debt: 0, at: now, rate: 0, weight: 0 }
    }

    /// By the limit that was asked for last.
    fn idle_after(&self, now: Timestamp) -> u128 {
        self.debt_at(now, self.rate).div_ceil(self.rate.max(1))
    }
}

impl Bucket {
    /// Lets time pass. A clock that was set back pays nothing and is believed from here on. What was used of a limit that
    /// has changed since is the same number of units of the new one.
    fn drain(&mut self, now: Timestamp, limit: &Limit) {
        if self.weight != limit.weight() {
            if self.weight > 0 {
                self.debt = self.debt.saturating_mul(limit.weight()).div_ceil(self.weight);
            }
            self.weight = limit.weight();
        }
        self.debt = self.debt_at(now, limit.rate());
        self.at = now;
        self.rate = limit.rate();
    }

    fn debt_at(&self, now: Timestamp, rate: u128) -> u128 {
        self.debt.saturating_sub(now.since(self.at).as_micros().saturating_mul(rate))
    }

    /// Takes `cost`, if that much is left.
    pub(crate) fn take(&mut self, now: Timestamp, limit: &Limit, cost: u32) -> Decision {
        let verdict = self.verdict(now, limit, cost);
        if verdict == Verdict::Allowed {
            self.debt += u128::from(cost) * limit.weight();
        }
        self.decision(limit, verdict)
    }

    /// Whether `cost` could be taken.
    pub(crate) fn probe(&mut self, now: Timestamp, limit: &Limit, cost: u32) -> Decision {
        let verdict = self.verdict(now, limit, cost);
        self.decision(limit, verdict)
    }

    /// Takes `cost`, which somebody else has allowed.
    pub(crate) fn charge(&mut self, now: Timestamp, limit: &Limit, cost: u32) -> Decision {
        self.settle(now, limit, 0, cost);
        self.decision(limit, Verdict::Allowed)
    }

    /// Believes somebody else about what is owed, but for what has been used since, or given back.
    pub(crate) fn replace(&mut self, now: Timestamp, limit: &Limit, owed: u128, since: i64) {
        self.drain(now, limit);
        let units = u128::from(since.unsigned_abs()) * limit.weight();
        self.debt = if since < 0 { owed.saturating_sub(units) } else { owed.saturating_add(units) };
    }

    fn verdict(&mut self, now: Timestamp, limit: &Limit, cost: u32) -> Verdict {
        self.drain(now, limit);
        let (after, capacity) = (self.debt + u128::from(cost) * limit.weight(), limit.capacity());
        if cost > limit.burst.get() {
            Verdict::Never
        } else if after > capacity {
            Verdict::Later(micros((after - capacity).div_ceil(limit.rate())))
        } else {
            Verdict::Allowed
        }
    }

    fn decision(&self, limit: &Limit, verdict: Verdict) -> Decision {
        let remaining = limit.capacity().saturating_sub(self.debt) / limit.weight();
        Decision {
            verdict,
            limit: *limit,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
            reset_after: micros(self.debt.div_ceil(limit.rate())),
        }
    }

    /// Gives back or takes what an estimate was wrong by. What was used is used, so this is never refused, and may leave
    /// a debt beyond the burst.
    pub(crate) fn settle(&mut self, now: Timestamp, limit: &Limit, estimate: u32, actual: u32) {
        self.drain(now, limit);
        let weigh = |units: u32| u128::from(units) * limit.weight();
        let back = weigh(estimate.saturating_sub(actual));
        self.debt = self.debt.saturating_sub(back).saturating_add(weigh(actual.saturating_sub(estimate)));
    }
}

fn micros(count: u128) -> Duration {
    Duration::from_micros(u64::try_from(count).unwrap_or(u64::MAX))
}
