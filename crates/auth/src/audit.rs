//! The audit log: a chain of hashes over what was done, the queue in front of it, and its verification.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::audit_hash::{clean, hash};
use crate::{AuditEntry, AuditEvent, AuditFilter, AuditStore, Error, ErrorKind, Page};

const WRITTEN_AT_ONCE: usize = 200;
const WAITING: usize = 10_000;
const RETRY: Duration = Duration::from_secs(1);
const READ_AT_ONCE: u32 = 500;

/// What a walk through the audit log found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditVerdict {
    /// How many entries were looked at, the broken one included.
    pub entries: u64,
    /// The first entry that is not what it was: changed, or the one before it is missing or was changed.
    pub broken: Option<i64>,
    /// The hash of the last good entry. Kept elsewhere, it shows later whether the end was cut off.
    pub last: [u8; 32],
}

/// Writes the audit log. An event is written at least once: twice, if the answer of storage gets lost.
pub struct AuditLog {
    store: Arc<dyn AuditStore>,
    waiting: Mutex<Waiting>,
    writer: tokio::sync::Mutex<()>,
    noted: Notify,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    written: u64,
    events: VecDeque<AuditEvent>,
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuditLog").finish_non_exhaustive()
    }
}

impl AuditLog {
    pub(crate) fn new(store: Arc<dyn AuditStore>) -> Self {
        Self {
            store,
            waiting: Mutex::default(),
            writer: tokio::sync::Mutex::default(),
            noted: Notify::new(),
            dropped: AtomicU64::new(0),
        }
    }

    /// Has an event written soon, without waiting for it. When too many wait, it is counted and logged instead.
    pub fn note(&self, event: AuditEvent) {
        if self.push(event).is_some() {
            self.noted.notify_one();
        }
    }

    /// Writes an event, together with those that wait. If that fails it goes on waiting.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn write(&self, event: AuditEvent) -> Result<(), Error> {
        let full = || Error::new(ErrorKind::Unavailable, "too much waits to be written to the audit log");
        let place = self.push(event).ok_or_else(full)?;
        self.write_until(place).await
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn flush(&self) -> Result<(), Error> {
        let place = {
            let waiting = self.waiting();
            waiting.written + waiting.events.len() as u64
        };
        self.write_until(place).await
    }

    /// How many events wait.
    pub fn waiting_events(&self) -> usize {
        self.waiting().events.len()
    }

    /// How many events were lost because too many waited.
    pub fn dropped_events(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Walks through the whole log.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn verify(&self) -> Result<AuditVerdict, Error> {
        let mut verdict = AuditVerdict { entries: 0, broken: None, last: [0; 32] };
        let mut after = 0;
        loop {
            let page = Page { after: Some(after), limit: READ_AT_ONCE };
            let entries = self.store.audit(&AuditFilter::default(), page).await?;
            let is_last = entries.is_empty();
            for entry in entries {
                verdict.entries += 1;
                if !follows(&entry, after, verdict.last) {
                    return Ok(AuditVerdict { broken: Some(entry.position), ..verdict });
                }
                (after, verdict.last) = (entry.position, entry.hash);
            }
            if is_last {
                return Ok(verdict);
            }
        }
    }

    /// Writes what is noted until it is told to stop, and then what is left.
    pub(crate) async fn run(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.noted.notified() => {}
            }
            if let Err(error) = self.flush().await {
                tracing::error!(error = &error as &dyn std::error::Error, "the audit log cannot be written");
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(RETRY) => self.noted.notify_one(),
                }
            }
        }
    }

    /// The number of events that are written when this one is.
    fn push(&self, mut event: AuditEvent) -> Option<u64> {
        clean(&mut event);
        let mut waiting = self.waiting();
        if waiting.events.len() >= WAITING {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            tracing::error!(action = event.action, "an event of the audit log is lost: too many wait");
            return None;
        }
        waiting.events.push_back(event);
        Some(waiting.written + waiting.events.len() as u64)
    }

    /// Whoever comes first writes for all. Events leave the queue only when they are written, so that whoever gives up
    /// in between loses none.
    async fn write_until(&self, place: u64) -> Result<(), Error> {
        let _alone = self.writer.lock().await;
        loop {
            let events: Vec<AuditEvent> = {
                let waiting = self.waiting();
                if waiting.written >= place {
                    return Ok(());
                }
                waiting.events.iter().take(WRITTEN_AT_ONCE).cloned().collect()
            };
            let count = events.len();
            self.store.append_audit(events, chain).await?;
            let mut waiting = self.waiting();
            waiting.events.drain(..count);
            waiting.written += count as u64;
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The entry at this position, after the one with this hash.
fn chain(position: i64, previous: [u8; 32], event: AuditEvent) -> AuditEntry {
    let hash = hash(position, &previous, &event);
    AuditEntry { position, event, previous, hash }
}

fn follows(entry: &AuditEntry, last: i64, previous: [u8; 32]) -> bool {
    entry.position == last + 1
        && entry.previous == previous
        && entry.hash == hash(entry.position, &previous, &entry.event)
}
