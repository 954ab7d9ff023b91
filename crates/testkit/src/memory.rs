//! Storage in memory: the model that real storage is compared with, and that tests of the engine run on.
//!
//! It is simple before all else: one lock, plain collections, every rule of the ports spelled out once.
//! It can be made to fail, to lose an answer, and to hold writers up, as real storage does.

mod journal;
mod model;
mod queue;
mod workflows;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codeflow_core::{Clock, Timestamp};
use codeflow_engine::{Error, ErrorKind};

use model::Model;

type Hook = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Everything that an engine keeps, in memory. Leases and due times follow the clock it is given.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    model: Mutex<Model>,
    trouble: Mutex<Trouble>,
}

/// What goes wrong on purpose.
#[derive(Default)]
struct Trouble {
    away: bool,
    failing_flushes: u32,
    lost_answers: u32,
    before_flush: Option<Hook>,
    flushes: u32,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, model: Mutex::default(), trouble: Mutex::default() }
    }

    /// From now on, or until told otherwise, every call fails with `Unavailable`.
    pub fn set_away(&self, away: bool) {
        self.trouble().away = away;
    }

    /// The next `count` flushes write nothing and fail with `Unavailable`.
    pub fn fail_flushes(&self, count: u32) {
        self.trouble().failing_flushes = count;
    }

    /// The next `count` flushes that succeed are reported as `Unavailable` all the same.
    pub fn lose_answers(&self, count: u32) {
        self.trouble().lost_answers = count;
    }

    /// Waits for what `hook` returns before each flush.
    pub fn before_flush<F>(&self, hook: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.trouble().before_flush = Some(Arc::new(move || Box::pin(hook())));
    }

    /// How many flushes there were, with or without success.
    pub fn flushes(&self) -> u32 {
        self.trouble().flushes
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The model, if storage can be reached.
    fn model(&self) -> Result<MutexGuard<'_, Model>, Error> {
        if self.trouble().away {
            return Err(unavailable());
        }
        Ok(self.model.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands before a flush: the hook, and the failures that were asked for.
    async fn flush_may_begin(&self) -> Result<(), Error> {
        let hook = self.trouble().before_flush.clone();
        if let Some(hook) = hook {
            hook().await;
        }
        let mut trouble = self.trouble();
        trouble.flushes += 1;
        if trouble.failing_flushes > 0 {
            trouble.failing_flushes -= 1;
            return Err(unavailable());
        }
        Ok(())
    }

    fn flush_may_answer(&self) -> Result<(), Error> {
        let mut trouble = self.trouble();
        if trouble.lost_answers > 0 {
            trouble.lost_answers -= 1;
            return Err(unavailable());
        }
        Ok(())
    }
}

fn unavailable() -> Error {
    Error::new(ErrorKind::Unavailable, "storage is away, as the test wants it")
}
