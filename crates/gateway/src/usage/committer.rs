//! The only one that talks to storage: writes what happened, grows slices, answers recalls, ends dead sessions. One
//! batch at a time, so that what storage says of a slice is never older than what we know.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{Ids, SessionId};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::books::Books;
use super::{AccountStore, Batch, Committed, Ending, StoreError};
use crate::budget::Sent;

/// The pauses after failures.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long storage may take for one call.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the end of a process tries to write what is left.
const LAST_TRIES: u32 = 8;

/// Writes the accounts of one process. Run it, once, on the process's tasks.
pub struct Committer {
    books: Arc<Books>,
    store: Arc<dyn AccountStore>,
    ids: Arc<dyn Ids>,
    session: Option<Session>,
    /// What was sent and has no answer yet.
    flight: Option<Flight>,
    pause: Duration,
    /// Before this moment nothing is tried again.
    rest_until: Instant,
    committed: Instant,
    polled: Instant,
    swept: Instant,
    is_sweep_due: bool,
}

struct Session {
    id: SessionId,
    seq: i64,
}

struct Flight {
    batch: Arc<Batch>,
    sent: Vec<Sent>,
}

impl Committer {
    pub(super) fn new(books: Arc<Books>, store: Arc<dyn AccountStore>, ids: Arc<dyn Ids>) -> Self {
        let now = Instant::now();
        Self {
            books,
            store,
            ids,
            session: None,
            flight: None,
            pause: FIRST_PAUSE,
            rest_until: now,
            committed: now,
            polled: now,
            swept: now,
            is_sweep_due: false,
        }
    }

    /// Runs until `stop`, and then writes what is left and gives back what is unused. Stop it when no call runs any
    /// more: one that still does is charged at its estimate.
    pub async fn run(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.due() => {}
            }
            self.step().await;
        }
        self.finish().await;
    }

    /// Does once what is to be done now. [`Committer::run`] does it again and again; a test may do it by hand.
    pub async fn step(&mut self) {
        let outcome = self.try_step().await;
        match outcome {
            Ok(()) => self.pause = FIRST_PAUSE,
            Err(error) => self.rest(&error),
        }
    }

    async fn try_step(&mut self) -> Result<(), StoreError> {
        self.look_around().await?;
        if self.flight.is_none() {
            self.open().await?;
            self.flight = self.compose();
        }
        let Some(flight) = self.flight.take() else { return Ok(()) };
        let asked = Instant::now();
        let committed = in_time(self.store.commit(Arc::clone(&flight.batch))).await;
        self.committed = Instant::now();
        match committed {
            Ok(Committed::Done(answers)) => {
                let mut state = self.books.state();
                state.ledger.apply(&flight.sent, &answers);
                state.lease_until = Some(asked + flight.batch.lease);
                drop(state);
                self.books.serve();
                self.books.state().ledger.served(&flight.sent);
                Ok(())
            }
            Ok(Committed::Lost { seq }) => {
                self.lose(flight, seq);
                Ok(())
            }
            Err(error) => {
                self.flight = Some(flight);
                Err(error)
            }
        }
    }

    /// Waits until there is something to do.
    async fn due(&self) {
        loop {
            let due = self.next();
            tokio::select! {
                () = sleep_until(due) => return,
                () = self.books.wake.notified() => {}
            }
        }
    }

    fn next(&self) -> Instant {
        let settings = &self.books.settings;
        let soon = self.committed + settings.interval;
        let beat = self.committed + settings.lease / 3;
        let state = self.books.state();
        let due = if !state.waiting.is_empty() {
            if state.ledger.is_recalling() { soon } else { self.committed }
        } else if state.rows.len() >= settings.rows || self.flight.is_some() {
            self.committed
        } else if state.ledger.is_dirty() || !state.rows.is_empty() {
            soon
        } else if state.ledger.is_empty() {
            beat
        } else {
            beat.min(self.polled + settings.poll)
        };
        due.max(self.rest_until)
    }

    /// Looks for recalls of our slices, for slices nobody uses, and for sessions that have ended.
    async fn look_around(&mut self) -> Result<(), StoreError> {
        let settings = self.books.settings;
        let now = Instant::now();
        let is_recalling = self.books.state().ledger.is_recalling();
        if now >= self.polled + settings.poll {
            self.polled = now;
            let before = self.books.now().micros() - micros(settings.idle);
            self.books.state().ledger.retire(codeflow_core::Timestamp::from_micros(before));
            if let Some(session) = &self.session {
                let recalls = in_time(self.store.recalls(session.id)).await?;
                let mut state = self.books.state();
                recalls.iter().for_each(|recall| state.ledger.recall(recall));
            }
        }
        let sweep = if is_recalling { settings.lease / 20 } else { settings.lease };
        if self.is_sweep_due || now >= self.swept + sweep {
            self.is_sweep_due = false;
            self.swept = now;
            let recovered = in_time(self.store.end(Ending::Expired)).await?;
            if recovered.sessions > 0 {
                let (sessions, charged) = (recovered.sessions, recovered.charged);
                tracing::warn!(sessions, charged = %charged, "processes ended without settling their accounts");
            }
        }
        Ok(())
    }

    async fn open(&mut self) -> Result<(), StoreError> {
        if self.session.is_none() {
            let id = SessionId::generate(&*self.ids);
            in_time(self.store.open(id, self.books.settings.lease)).await?;
            self.session = Some(Session { id, seq: 0 });
        }
        Ok(())
    }

    fn compose(&mut self) -> Option<Flight> {
        let session = self.session.as_mut()?;
        let mut state = self.books.state();
        let state = &mut *state;
        let settings = &self.books.settings;
        let is_beat = Instant::now() >= self.committed + settings.lease / 3;
        if state.waiting.is_empty() && state.rows.is_empty() && !state.ledger.is_dirty() && !is_beat {
            return None;
        }
        let (sent, entries) = state.ledger.compose(state.waiting.iter().map(|waiting| &waiting.call));
        let rest = state.rows.split_off(state.rows.len().min(settings.rows));
        let rows = std::mem::replace(&mut state.rows, rest);
        session.seq += 1;
        let batch = Batch {
            session: session.id,
            seq: session.seq,
            lease: settings.lease,
            tight: settings.tight,
            entries,
            rows,
        };
        Some(Flight { batch: Arc::new(batch), sent })
    }

    /// Our lease has ended, so that others may have what we held. Calls that run go on; what they cost is owed.
    fn lose(&mut self, flight: Flight, seq: i64) {
        tracing::warn!(session.id = %flight.batch.session, "the lease of this process's slices has ended");
        let written = seq >= flight.batch.seq;
        let mut state = self.books.state();
        state.lease_until = None;
        state.ledger.lose(&flight.sent, written);
        if !written {
            let later = std::mem::replace(&mut state.rows, flight.batch.rows.clone());
            state.rows.extend(later);
        }
        drop(state);
        self.session = None;
        self.is_sweep_due = true;
    }

    /// Nobody can say what is left: those who wait are refused, and we try again later.
    fn rest(&mut self, error: &StoreError) {
        tracing::warn!(error = error as &dyn std::error::Error, "the accounts could not be written");
        self.books.fail_waiting();
        self.rest_until = Instant::now() + self.pause;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    async fn finish(&mut self) {
        self.books.state().is_closed = true;
        self.books.fail_waiting();
        for _ in 0..LAST_TRIES {
            let is_left = |books: &Books| {
                let state = books.state();
                state.ledger.is_dirty() || !state.rows.is_empty()
            };
            if self.flight.is_none() && !is_left(&self.books) {
                break;
            }
            sleep_until(self.rest_until).await;
            self.step().await;
        }
        if let Some(Session { id, .. }) = self.session.take()
            && let Err(error) = in_time(self.store.end(Ending::Closed(id))).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the slices of this process go back when its lease ends");
        }
    }
}

impl fmt::Debug for Committer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Committer").finish_non_exhaustive()
    }
}

async fn in_time<T>(call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match timeout(PATIENCE, call).await {
        Ok(outcome) => outcome,
        Err(elapsed) => Err(StoreError::new("storage did not answer in time", elapsed)),
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
