//! What a process knows of one limit of one subject that it shares: its lease, what it has not reported yet, and what
//! the subject owed when it last asked.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::Timestamp;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::{LeaseReply, LeaseRequest, Report, Sharing};
use crate::bucket::Bucket;
use crate::shard::Entry;
use crate::{Ask, Decision, Verdict};

/// A part of the burst: no lease is larger.
const LARGEST_PART: u32 = 16;

#[derive(Debug)]
pub(crate) struct Account {
    /// What the subject owes, as far as this process knows; its own lease is not among it.
    bucket: Bucket,
    lease: u64,
    held: u32,
    left: u32,
    /// Until when the lease may be used, and until when what is known of the others holds.
    until: Option<Instant>,
    contact: Option<Instant>,
    /// When more was asked for last: reports do not count.
    asked: Option<Instant>,
    used: i64,
    /// How much was wanted beyond the need the last time.
    batch: u32,
    was_refused: bool,
    asking: Option<Arc<Notify>>,
    pub(crate) is_queued: bool,
}

/// What can be said of an ask without asking anybody.
pub(crate) enum Known {
    Decided(Decision),
    /// Somebody else is asking, for the same.
    Wait(OwnedNotified),
    /// This is what has to be asked.
    Ask(LeaseRequest),
}

/// The time, by both clocks.
#[derive(Clone, Copy)]
pub(crate) struct Now {
    pub(crate) time: Timestamp,
    pub(crate) instant: Instant,
}

impl Entry for Account {
    fn empty(now: Timestamp) -> Self {
        Self {
            bucket: Bucket::empty(now),
            lease: 0,
            held: 0,
            left: 0,
            until: None,
            contact: None,
            asked: None,
            used: 0,
            batch: 0,
            was_refused: false,
            asking: None,
            is_queued: false,
        }
    }

    fn idle_after(&self, now: Timestamp) -> u128 {
        let is_open = self.has_report() || self.asking.is_some();
        self.bucket.idle_after(now).max(u128::from(is_open))
    }
}

impl Account {
    /// Takes what is asked for from the lease, or says what to do.
    pub(crate) fn take(&mut self, ask: &Ask<'_>, now: Now, sharing: &Sharing) -> Known {
        if self.until.is_some_and(|until| now.instant < until) && self.left >= ask.cost {
            self.left -= ask.cost;
            self.used += i64::from(ask.cost);
            return Known::Decided(self.bucket.charge(now.time, ask.limit, ask.cost));
        }
        if let Some(asking) = &self.asking {
            return Known::Wait(Arc::clone(asking).notified_owned());
        }
        if let Some(refusal) = self.refusal(ask, now, sharing) {
            return Known::Decided(refusal);
        }
        self.asking = Some(Arc::default());
        Known::Ask(self.request(ask, now, sharing))
    }

    /// Whether it is known without asking that nothing is left. It is asked again when time has paid enough, when others
    /// may have given back leases, and at most once in a gap, in which more than one unit may come back.
    fn refusal(&mut self, ask: &Ask<'_>, now: Now, sharing: &Sharing) -> Option<Decision> {
        let age = now.instant.saturating_duration_since(self.contact?);
        let decision = self.bucket.probe(now.time, ask.limit, ask.cost);
        match decision.verdict {
            Verdict::Never => Some(decision),
            Verdict::Later(_) if age < sharing.hold => Some(decision),
            Verdict::Later(_) => None,
            Verdict::Allowed | Verdict::Beyond => {
                let rest = gap(ask, sharing).checked_sub(age).filter(|rest| !rest.is_zero())?;
                self.was_refused.then_some(Decision { verdict: Verdict::Later(rest), ..decision })
            }
        }
    }

    fn request(&mut self, ask: &Ask<'_>, now: Now, sharing: &Sharing) -> LeaseRequest {
        let age = self.asked.map(|asked| now.instant.saturating_duration_since(asked));
        self.asked = Some(now.instant);
        self.batch = match age {
            Some(age) if age < sharing.hold => self.batch.saturating_mul(2).saturating_add(ask.cost),
            // The last lease was for all of its time, so another one like it will do.
            Some(age) if age < sharing.hold * 2 => self.batch,
            Some(_) | None => 0,
        };
        self.batch = self.batch.min(ask.limit.burst.get() / LARGEST_PART);
        let report = self.report();
        let (subject, limit) = (ask.subject.to_owned(), *ask.limit);
        LeaseRequest { subject, limit, report, cost: ask.cost, surplus: self.batch }
    }

    /// What is to be reported. It is on its way from here on, until [`Self::answered`] or [`Self::failed`].
    fn report(&mut self) -> Report {
        self.left = 0;
        Report { lease: self.lease, held: self.held, used: std::mem::take(&mut self.used) }
    }

    /// Begins to report what is not needed any more, if anything is.
    pub(crate) fn settle_up(&mut self, ask: &Ask<'_>, now: Now) -> Settled {
        if self.asking.is_some() || self.until.is_some_and(|until| now.instant < until) {
            return Settled::NotYet;
        }
        if !self.has_report() {
            return Settled::Nothing;
        }
        self.asking = Some(Arc::default());
        let (subject, limit) = (ask.subject.to_owned(), *ask.limit);
        Settled::Report(LeaseRequest { subject, limit, report: self.report(), cost: 0, surplus: 0 })
    }

    pub(crate) fn has_report(&self) -> bool {
        self.lease != 0 || self.used != 0
    }

    /// Takes over what was answered; the lease may be used `until` then.
    pub(crate) fn answered(
        &mut self,
        ask: &Ask<'_>,
        reply: &LeaseReply,
        now: Now,
        until: Instant,
    ) -> Decision {
        self.told();
        self.lease = reply.lease;
        (self.held, self.left) = (reply.surplus, reply.surplus);
        self.until = (reply.surplus > 0).then_some(until);
        self.contact = Some(now.instant);
        self.was_refused = !reply.is_taken;
        // What was used or given back while the answer was on its way is not in it.
        let owed = u128::from(reply.owed.0) * ask.limit.weight() + u128::from(reply.owed.1);
        self.bucket.replace(now.time, ask.limit, owed, self.used);
        match reply.is_taken {
            true => self.bucket.charge(now.time, ask.limit, 0),
            false => self.bucket.probe(now.time, ask.limit, ask.cost),
        }
    }

    /// Nobody answered. What was on its way is to be reported again.
    pub(crate) fn failed(&mut self, report: &Report) {
        self.told();
        self.used += report.used;
    }

    fn told(&mut self) {
        if let Some(asking) = self.asking.take() {
            asking.notify_waiters();
        }
    }

    /// Takes what is asked for by what this process knows, of a limit that is its part of the whole.
    pub(crate) fn take_alone(&mut self, ask: &Ask<'_>, now: Now) -> Decision {
        let decision = self.bucket.take(now.time, ask.limit, ask.cost);
        if decision.is_allowed() {
            self.used += i64::from(ask.cost);
        }
        decision
    }

    /// Gives back what was taken a moment ago.
    pub(crate) fn give_back(&mut self, ask: &Ask<'_>, now: Now) {
        self.correct(ask, now, 0);
        if self.until.is_some_and(|until| now.instant < until) && self.asking.is_none() {
            self.left = self.left.saturating_add(ask.cost);
        }
    }

    /// Corrects an estimate.
    pub(crate) fn correct(&mut self, ask: &Ask<'_>, now: Now, actual: u32) {
        self.bucket.settle(now.time, ask.limit, ask.cost, actual);
        self.used += i64::from(actual) - i64::from(ask.cost);
    }
}

/// What there is to report.
pub(crate) enum Settled {
    Nothing,
    NotYet,
    Report(LeaseRequest),
}

/// How long nobody is asked after a refusal: no longer than half of the burst takes to come back, so that nothing is
/// lost of it.
fn gap(ask: &Ask<'_>, sharing: &Sharing) -> Duration {
    let half = ask.limit.capacity() / 2 / ask.limit.rate();
    sharing.gap.min(Duration::from_micros(u64::try_from(half).unwrap_or(u64::MAX)))
}
