//! Limits and limiters that tests make up.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use codeflow_core::{Clock, Timestamp};
use codeflow_ratelimit::{Ask, Decision, Limit, Limiter};

/// A clock that shows what it is told to, in microseconds since 1970.
#[derive(Default)]
pub(crate) struct ManualClock(AtomicI64);

impl ManualClock {
    pub(crate) fn set(&self, micros: i64) {
        self.0.store(micros, Ordering::SeqCst);
    }

    pub(crate) fn advance(&self, duration: Duration) {
        self.0.fetch_add(duration.as_micros() as i64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("it is not zero")
}

pub(crate) fn per_minute(quota: u32) -> Limit {
    Limit::per_minute("requests", number(quota))
}

/// A limiter whose clock stands still.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) limiter: Limiter,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_subjects(100_000)
    }

    pub(crate) fn with_subjects(subjects: usize) -> Self {
        let clock = Arc::new(ManualClock::default());
        let subjects = NonZeroUsize::new(subjects).expect("it is not zero");
        Self { limiter: Limiter::with_subjects(clock.clone(), subjects), clock }
    }

    pub(crate) fn check(&self, subject: &str, limit: &Limit, cost: u32) -> Decision {
        self.limiter.check(&Ask { subject, limit, cost })
    }

    pub(crate) fn settle(&self, limit: &Limit, estimate: u32, actual: u32) {
        self.limiter.settle(&Ask { subject: "ada", limit, cost: estimate }, actual);
    }

    /// How many single units are allowed in a row.
    pub(crate) fn allowed(&self, subject: &str, limit: &Limit) -> u32 {
        (0..).take_while(|_| self.check(subject, limit, 1).is_allowed()).count() as u32
    }

    pub(crate) fn advance(&self, micros: u64) {
        self.clock.advance(Duration::from_micros(micros));
    }
}
