//! All subjects and what they have used, for any number of threads.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codeflow_core::{Clock, Timestamp};

use crate::bucket::Bucket;
use crate::decision::strictest;
use crate::shard::Shard;
use crate::{Decision, Limit};

pub(crate) const SHARDS: usize = 64;
pub(crate) const MAX_SUBJECTS: usize = 100_000;

/// A wish to use something of a limit.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// Whose limit it is: the name of a key, of a model, an address.
    pub subject: &'a str,
    /// The limit.
    pub limit: &'a Limit,
    /// How much of it.
    pub cost: u32,
}

/// Counts what subjects use of their limits.
///
/// Subjects are kept in 64 parts, each behind its own lock, which is held for a few additions. They are bounded: when a
/// part is full, those that owe nothing are forgotten, which changes nothing for them. If that is not enough, those go
/// that owe for the shortest time, and begin anew when they come again. So a flood of subjects can cost a limit some of
/// its strictness, but never memory, and never a well-behaved subject its turn.
pub struct Limiter {
    clock: Arc<dyn Clock>,
    shards: Box<[Mutex<Shard<Bucket>>]>,
    hasher: RandomState,
    most_in_shard: usize,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("subjects", &self.subjects()).finish_non_exhaustive()
    }
}

impl Limiter {
    /// Counts for up to 100 000 subjects.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::with_subjects(clock, NonZeroUsize::new(MAX_SUBJECTS).unwrap_or(NonZeroUsize::MIN))
    }

    /// Counts for up to `subjects`, rounded up to a multiple of 64.
    pub fn with_subjects(clock: Arc<dyn Clock>, subjects: NonZeroUsize) -> Self {
        Self {
            clock,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            most_in_shard: subjects.get().div_ceil(SHARDS),
        }
    }

    /// Takes what is asked for, if that much is left. Nothing is taken otherwise.
    pub fn check(&self, ask: &Ask<'_>) -> Decision {
        self.with(ask, |bucket, now| bucket.take(now, ask.limit, ask.cost))
    }

    /// Takes all that is asked for, or nothing: what was taken is given back when another refuses. The decision is that
    /// of the one that refuses for longest, or of the one that leaves the smallest part of its burst; `None` when nothing
    /// is asked for.
    pub fn check_all(&self, asks: &[Ask<'_>]) -> Option<Decision> {
        if let [ask] = asks {
            return Some(self.check(ask));
        }
        let decisions: Vec<Decision> = asks.iter().map(|ask| self.check(ask)).collect();
        let strictest = strictest(&decisions)?;
        if !strictest.is_allowed() {
            let taken = asks.iter().zip(&decisions).filter(|(_, decision)| decision.is_allowed());
            taken.for_each(|(ask, _)| self.settle(ask, 0));
        }
        Some(strictest)
    }

    /// Says what an ask that was allowed came to: gives back what was taken too much, or takes what was taken too little.
    ///
    /// What was used is used, so nothing is refused here. Whoever used more than is left owes it, and is refused for
    /// longer.
    pub fn settle(&self, ask: &Ask<'_>, actual: u32) {
        if ask.cost == actual {
            return;
        }
        self.with(ask, |bucket, now| bucket.settle(now, ask.limit, ask.cost, actual));
    }

    /// How many subjects are remembered.
    pub fn subjects(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn with<R>(&self, ask: &Ask<'_>, act: impl FnOnce(&mut Bucket, Timestamp) -> R) -> R {
        let hash = self.hasher.hash_one(ask.subject);
        let mut shard = lock(&self.shards[hash as usize % SHARDS]);
        // The clock is read behind the lock, so that no subject sees it go backwards.
        let now = self.clock.now();
        shard.with((ask.subject, ask.limit), now, self.most_in_shard, |bucket| act(bucket, now))
    }
}

/// Nothing in here panics half-way, so a poisoned lock guards something whole all the same.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
