//! What is void before its time, as this process knows it: read from storage each second, held in memory, and handed to
//! what remembers.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codeflow_core::{Clock, Timestamp};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{Claims, Error, Revocation, RevocationStore, Target};

const PERIOD: Duration = Duration::from_secs(1);
const READ_AT_ONCE: u32 = 1_000;
/// So far before the last position reading begins, for what was committed late.
const LOOK_BACK: i64 = 256;
/// Without a reading for so long, a revocation may be older than it may get before every process knows it.
const STALE_AFTER: Duration = Duration::from_secs(5);

type Listener = Box<dyn Fn(&Target) + Send + Sync>;

/// The revocations that hold.
pub struct Revocations {
    store: Arc<dyn RevocationStore>,
    clock: Arc<dyn Clock>,
    most: usize,
    known: Mutex<Known>,
    reading: tokio::sync::Mutex<()>,
    nudged: Notify,
    announced: watch::Sender<u64>,
    listener: Listener,
}

struct Known {
    void: HashMap<Target, (Timestamp, Timestamp)>,
    /// All tokens issued up to here are void: there were more revocations than there is room for.
    floor: Option<Timestamp>,
    last: i64,
    seen: BTreeSet<i64>,
    read_at: Timestamp,
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocations").finish_non_exhaustive()
    }
}

impl Revocations {
    /// Reads all that hold. `listener` is told of each that comes later.
    pub(crate) async fn open(
        store: Arc<dyn RevocationStore>,
        clock: Arc<dyn Clock>,
        most: usize,
        listener: Listener,
    ) -> Result<Self, Error> {
        let known =
            Known { void: HashMap::new(), floor: None, last: 0, seen: BTreeSet::new(), read_at: clock.now() };
        let revocations = Self {
            store,
            clock,
            most: most.max(1),
            known: Mutex::new(known),
            reading: tokio::sync::Mutex::default(),
            nudged: Notify::new(),
            announced: watch::Sender::new(0),
            listener,
        };
        revocations.read().await?;
        Ok(revocations)
    }

    /// Whether a token was revoked that is valid otherwise.
    pub fn is_revoked(&self, claims: &Claims) -> bool {
        let known = self.known();
        let since = |at: &Timestamp| claims.issued_at <= *at;
        let of_user = known.void.get(&Target::User(claims.subject.user));
        known.void.contains_key(&Target::Login(claims.subject.login))
            || of_user.is_some_and(|(at, _)| since(at))
            || known.floor.as_ref().is_some_and(since)
    }

    /// Adds revocations to storage. They hold in this process when it returns, and in the others within seconds.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    pub(crate) async fn add(&self, revocations: &[Revocation]) -> Result<(), Error> {
        self.store.revoke(revocations).await?;
        for revocation in revocations {
            self.apply(revocation);
        }
        self.announced.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Reads what is new, now and not only within the second: another process said that there is something.
    pub fn nudge(&self) {
        self.nudged.notify_one();
    }

    /// Counts what this process revoked, for whoever tells the other processes that there is something to read.
    pub fn announcements(&self) -> watch::Receiver<u64> {
        self.announced.subscribe()
    }

    /// For how long storage could not be read, when that is longer than five seconds: so old may a revocation be that
    /// this process does not know.
    pub fn stale_for(&self) -> Option<Duration> {
        let unread = self.clock.now().since(self.known().read_at);
        (unread > STALE_AFTER).then_some(unread)
    }

    /// How many are held in memory.
    pub fn held(&self) -> usize {
        self.known().void.len()
    }

    /// Reads what is new each second until it is told to stop.
    pub(crate) async fn watch(&self, stop: &CancellationToken) {
        let mut failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.nudged.notified() => {}
                () = tokio::time::sleep(PERIOD) => {}
            }
            match self.read().await {
                Ok(()) => failing = false,
                Err(error) if !failing => {
                    tracing::error!(error = &error as &dyn std::error::Error, "revocations cannot be read");
                    failing = true;
                }
                Err(_) => {}
            }
        }
    }

    /// Reads what is new.
    pub(crate) async fn read(&self) -> Result<(), Error> {
        let _alone = self.reading.lock().await;
        let began = self.clock.now();
        let mut after = self.known().last.saturating_sub(LOOK_BACK).max(0);
        loop {
            let read = self.store.revocations(after, READ_AT_ONCE).await?;
            let is_last = read.len() < READ_AT_ONCE as usize;
            for (position, revocation) in &read {
                after = *position;
                if self.known().is_new(*position) {
                    self.apply(revocation);
                }
            }
            if is_last {
                break;
            }
        }
        let mut known = self.known();
        known.read_at = began;
        known.void.retain(|_, (_, until)| began < *until);
        Ok(())
    }

    fn apply(&self, revocation: &Revocation) {
        if revocation.until <= self.clock.now() {
            return;
        }
        match revocation.target {
            Target::Login(_) | Target::User(_) => self.known().hold(revocation, self.most),
            Target::Key(_) | Target::Roles => {}
        }
        (self.listener)(&revocation.target);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether this position was not seen before; it counts as seen from now on.
    fn is_new(&mut self, position: i64) -> bool {
        self.last = self.last.max(position);
        let from = self.last.saturating_sub(LOOK_BACK);
        self.seen = self.seen.split_off(&from);
        self.seen.insert(position)
    }

    fn hold(&mut self, revocation: &Revocation, most: usize) {
        let kept = self.void.entry(revocation.target).or_insert((revocation.at, revocation.until));
        kept.0 = kept.0.max(revocation.at);
        kept.1 = kept.1.max(revocation.until);
        if self.void.len() > most {
            self.shed(most / 2);
        }
    }

    /// Gives up single revocations for one that covers all of them, and more: nothing that is void becomes valid.
    fn shed(&mut self, keep: usize) {
        let mut all: Vec<_> = self.void.drain().collect();
        all.sort_by_key(|(_, (at, _))| *at);
        let kept = all.split_off(all.len() - keep);
        self.floor = self.floor.max(all.last().map(|(_, (at, _))| *at));
        self.void = kept.into_iter().collect();
    }
}
