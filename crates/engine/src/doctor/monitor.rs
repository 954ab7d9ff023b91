//! The doctor's rounds beside a worker: one process makes them for all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codeflow_core::SessionId;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::Checkup;
use crate::ports::{Chore, Disorder, Part};
use crate::{Engine, Error};

/// How often a round is made, unless rounds take long.
const PERIOD: Duration = Duration::from_secs(60);
/// A round may take this part of the time: the next one waits for as many times as long.
const RARELY: u32 = 20;

/// What the last round of this process found. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health {
    counts: Arc<Mutex<Option<BTreeMap<Disorder, usize>>>>,
}

impl Health {
    /// How much of each kind there is; nothing when another process makes the rounds.
    pub fn counts(&self) -> Option<BTreeMap<Disorder, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, counts: Option<BTreeMap<Disorder, usize>>) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = counts;
    }
}

/// Makes the rounds.
pub struct Monitor {
    engine: Engine,
    holder: SessionId,
    health: Health,
}

impl Engine {
    /// Rounds of the doctor, for this process.
    pub fn monitor(&self) -> Monitor {
        let holder = SessionId::generate(self.parts.ids.as_ref());
        Monitor { engine: self.clone(), holder, health: Health::default() }
    }
}

impl Monitor {
    /// What it finds.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Makes rounds until it is stopped. One that fails is followed by another.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            let began = Instant::now();
            let round = tokio::select! {
                () = stop.cancelled() => return self.give_up().await,
                round = self.round() => round,
            };
            if let Err(error) = round {
                tracing::warn!(error = %error, "could not look whether everything is in order");
                self.health.set(None);
            }
            let pause = PERIOD.max(began.elapsed().saturating_mul(RARELY));
            tokio::select! {
                () = stop.cancelled() => return self.give_up().await,
                () = sleep(pause) => {}
            }
        }
    }

    /// Another process may make the rounds from here on. If that cannot be said, it does so a little later.
    async fn give_up(&self) {
        self.health.set(None);
        let store = &self.engine.parts.store;
        let _told = store.take_chore(Chore::Examination, self.holder, Duration::ZERO).await;
    }

    /// One round, if it is this process that makes them.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn round(&self) -> Result<(), Error> {
        let store = &self.engine.parts.store;
        if !store.take_chore(Chore::Examination, self.holder, PERIOD * 3).await? {
            self.health.set(None);
            return Ok(());
        }
        let checkup = Checkup { parts: Part::LIVE.to_vec(), ..Checkup::default() };
        let examination = self.engine.examine(&checkup).await?;
        let found = examination.counts();
        for (disorder, count) in &found {
            tracing::warn!(
                disorder = disorder.name(),
                count,
                "something is out of order; `codeflow doctor` tells what"
            );
        }
        let count = |disorder| (disorder, found.get(&disorder).copied().unwrap_or_default());
        let looked = Disorder::ALL.into_iter().filter(|disorder| *disorder != Disorder::MissingPayload);
        self.health.set(Some(looked.map(count).collect()));
        Ok(())
    }
}
