//! Counts for several processes together, and alone with a part of each limit while whoever keeps the count is away.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codeflow_core::Clock;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::SharedLimits;
use super::account::{Account, Known, Now, Settled};
use super::errand::{Errand, unavailable};
use crate::decision::strictest;
use crate::limiter::{MAX_SUBJECTS, SHARDS, lock};
use crate::shard::Shard;
use crate::{Ask, Decision, Limit};

/// How many limits are reported in one go.
const REPORTS: usize = 100;

/// How long it may take to find whoever keeps the count.
const CONNECTING: Duration = Duration::from_secs(2);

/// How processes share limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharing {
    /// The part of each limit that a process has for itself while whoever keeps the count is away: more than 0, up to 1.
    pub part_alone: f64,
    /// How long a request waits for an answer before the process goes on alone.
    pub patience: Duration,
    /// How long a lease may be used before the rest of it is given back.
    pub hold: Duration,
    /// After a refusal, the time in which nobody is asked for the same limit.
    pub gap: Duration,
    /// How often it is tried whether whoever keeps the count is back.
    pub probe: Duration,
}

impl Default for Sharing {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self { part_alone: 0.5, patience: ms(25), hold: ms(500), gap: ms(50), probe: ms(200) }
    }
}

/// Counts what subjects use of limits that several processes share.
///
/// Most asks are answered from a lease, without waiting. While whoever keeps the count is away, each process counts alone
/// with its part of every limit, from what it knew last; what it admits meanwhile it reports afterwards. No ask fails,
/// and none waits longer than the patience of [`Sharing`].
pub struct SharedLimiter {
    pub(super) shared: Arc<dyn SharedLimits>,
    pub(super) sharing: Sharing,
    clock: Arc<dyn Clock>,
    shards: Box<[Mutex<Shard<Account>>]>,
    hasher: RandomState,
    is_alone: AtomicBool,
    /// Whether it was told why nobody keeps the count.
    is_told: AtomicBool,
    /// Limits with something to report, the oldest first.
    due: Mutex<VecDeque<Due>>,
}

pub(super) struct Due {
    at: Instant,
    subject: String,
    limit: Limit,
}

impl fmt::Debug for SharedLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let degraded = self.is_degraded();
        f.debug_struct("SharedLimiter").field("is_degraded", &degraded).finish_non_exhaustive()
    }
}

impl SharedLimiter {
    /// Counts together with others. It begins alone, until [`run`](Self::run) has found whoever keeps the count.
    pub fn new(shared: Arc<dyn SharedLimits>, clock: Arc<dyn Clock>, sharing: Sharing) -> Self {
        Self {
            shared,
            sharing,
            clock,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            is_alone: AtomicBool::new(true),
            is_told: AtomicBool::new(false),
            due: Mutex::default(),
        }
    }

    /// Whether this process counts alone, because whoever keeps the count is away.
    pub fn is_degraded(&self) -> bool {
        self.is_alone.load(Ordering::Relaxed)
    }

    /// Takes all that is asked for, or nothing. See [`Limiter::check_all`](crate::Limiter::check_all).
    pub async fn check_all(&self, asks: &[Ask<'_>]) -> Option<Decision> {
        let mut taken = Taken { limiter: self, asks, decisions: vec![None; asks.len()] };
        loop {
            let (mut errand, mut waits) = (Errand::new(self), Vec::new());
            for (index, ask) in asks.iter().enumerate() {
                if taken.decisions[index].is_some() {
                    continue;
                }
                match self.known(ask) {
                    Known::Decided(decision) => taken.decisions[index] = Some(decision),
                    Known::Wait(wait) => waits.push((index, wait)),
                    Known::Ask(request) => errand.add(index, request),
                }
            }
            for (index, decision) in errand.run().await {
                taken.decisions[index] = Some(decision);
            }
            for (index, wait) in waits {
                if timeout(self.sharing.patience * 2, wait).await.is_err() {
                    taken.decisions[index] = Some(self.alone(&asks[index]));
                }
            }
            if taken.decisions.iter().all(Option::is_some) {
                return taken.conclude();
            }
        }
    }

    /// Says what an ask that was allowed came to. See [`Limiter::settle`](crate::Limiter::settle).
    pub fn settle(&self, ask: &Ask<'_>, actual: u32) {
        if ask.cost != actual {
            self.with(ask, |account, now| account.correct(ask, now, actual));
            self.put_due(ask);
        }
    }

    /// Gives back leases that are not used, reports what is not reported yet, and finds whoever keeps the count again,
    /// until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            if self.is_degraded() {
                self.probe().await;
            }
            if !self.is_degraded() {
                self.report(Instant::now()).await;
            }
            let pause = if self.is_degraded() { self.sharing.probe } else { self.sharing.hold / 2 };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
        self.report(Instant::now() + self.sharing.hold).await;
    }

    /// Looks for whoever keeps the count. Why nobody is found is told once.
    async fn probe(&self) {
        let found = timeout(CONNECTING, self.shared.reach()).await;
        match found
            .unwrap_or_else(|late| Err(unavailable("whoever keeps the count does not answer in time", late)))
        {
            Ok(()) => {
                self.is_alone.store(false, Ordering::Relaxed);
                self.is_told.store(false, Ordering::Relaxed);
                tracing::info!("limits are counted together with other processes");
            }
            Err(why) => self.tell(&why),
        }
    }

    fn tell(&self, why: &crate::Error) {
        if !self.is_told.swap(true, Ordering::Relaxed) {
            let why: &(dyn std::error::Error + 'static) = why;
            tracing::warn!(error = why, "limits are counted in this process alone");
        }
    }

    async fn report(&self, until: Instant) {
        loop {
            let mut errand = Errand::new(self);
            while errand.len() < REPORTS {
                let Some(due) = self.next_due(until) else { break };
                let ask = Ask { subject: &due.subject, limit: &due.limit, cost: 0 };
                let settled = self.with(&ask, |account, now| {
                    account.is_queued = false;
                    account.settle_up(&ask, Now { instant: until.max(now.instant), ..now })
                });
                match settled {
                    Settled::Nothing => {}
                    Settled::NotYet => self.put_due(&ask),
                    Settled::Report(request) => errand.add(0, request),
                }
            }
            if errand.len() == 0 {
                return;
            }
            errand.run().await;
            if self.is_degraded() {
                return;
            }
        }
    }

    fn next_due(&self, until: Instant) -> Option<Due> {
        let mut due = lock(&self.due);
        if due.front()?.at <= until { due.pop_front() } else { None }
    }

    /// Remembers that there is, or will be, something to report.
    pub(super) fn put_due(&self, ask: &Ask<'_>) {
        if self.with(ask, |account, _| std::mem::replace(&mut account.is_queued, true)) {
            return;
        }
        let at = Instant::now() + self.sharing.hold;
        let mut due = lock(&self.due);
        due.push_back(Due { at, subject: ask.subject.to_owned(), limit: *ask.limit });
        if due.len() > MAX_SUBJECTS {
            due.pop_front();
        }
    }

    /// Nobody answers. From here on this process counts alone.
    pub(super) fn give_up(&self, why: &crate::Error) {
        self.is_alone.store(true, Ordering::Relaxed);
        self.tell(why);
    }

    fn known(&self, ask: &Ask<'_>) -> Known {
        if self.is_degraded() {
            return Known::Decided(self.alone(ask));
        }
        self.with(ask, |account, now| account.take(ask, now, &self.sharing))
    }

    pub(super) fn alone(&self, ask: &Ask<'_>) -> Decision {
        let limit = part(ask.limit, self.sharing.part_alone);
        let asked = Ask { limit: &limit, ..*ask };
        let decision = self.with(ask, |account, now| account.take_alone(&asked, now));
        if decision.is_allowed() {
            self.put_due(ask);
        }
        decision
    }

    pub(super) fn with<R>(&self, ask: &Ask<'_>, act: impl FnOnce(&mut Account, Now) -> R) -> R {
        let mut shard = lock(&self.shards[self.hasher.hash_one(ask.subject) as usize % SHARDS]);
        let now = Now { time: self.clock.now(), instant: Instant::now() };
        let most = MAX_SUBJECTS.div_ceil(SHARDS);
        shard.with((ask.subject, ask.limit), now.time, most, |account| act(account, now))
    }
}

/// What was taken so far. If it does not come to an end, it is given back.
struct Taken<'a> {
    limiter: &'a SharedLimiter,
    asks: &'a [Ask<'a>],
    decisions: Vec<Option<Decision>>,
}

impl Taken<'_> {
    fn conclude(mut self) -> Option<Decision> {
        let decisions: Vec<Decision> = self.decisions.iter().copied().flatten().collect();
        let strictest = strictest(&decisions);
        if strictest.is_none_or(|decision| decision.is_allowed()) {
            self.decisions.clear();
        }
        strictest
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let taken = self.asks.iter().zip(&self.decisions);
        for (ask, _) in taken.filter(|(_, decision)| decision.is_some_and(|decision| decision.is_allowed())) {
            self.limiter.with(ask, |account, now| account.give_back(ask, now));
            self.limiter.put_due(ask);
        }
    }
}

/// A part of a limit, at least one.
fn part(limit: &Limit, part: f64) -> Limit {
    let of = |whole: NonZeroU32| {
        NonZeroU32::new((f64::from(whole.get()) * part) as u32).unwrap_or(NonZeroU32::MIN)
    };
    Limit { quota: of(limit.quota), burst: of(limit.burst), ..*limit }
}
