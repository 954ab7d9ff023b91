//! Retention: what ended long ago is archived and removed, a little at a time, by one process for all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, SessionId};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::ports::{Archive, Chore, Finished, Litter, Old};
use crate::{Engine, Error};

/// What is kept for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Executions by how they ended; those that are not here are kept for ever.
    pub executions: BTreeMap<ExecutionStatus, Duration>,
    /// The rest; what is not here is kept for ever.
    pub litter: BTreeMap<Litter, Duration>,
    /// How many rows one statement looks at, and how many executions it removes.
    pub piece: u32,
    /// The pause after each piece.
    pub pause: Duration,
    /// How long from one round to the next.
    pub every: Duration,
}

/// What a round removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many executions.
    pub executions: u64,
    /// How much of the rest.
    pub litter: BTreeMap<Litter, u64>,
}

/// Makes the rounds of retention.
pub struct Keeper {
    engine: Engine,
    holder: SessionId,
    settings: RetentionSettings,
    archive: Option<Arc<dyn Archive>>,
}

impl Engine {
    /// Rounds of retention, for this process. With an archive, nothing is removed that is not in it.
    pub fn keeper(&self, settings: RetentionSettings, archive: Option<Arc<dyn Archive>>) -> Keeper {
        let holder = SessionId::generate(self.parts.ids.as_ref());
        Keeper { engine: self.clone(), holder, settings, archive }
    }
}

/// How long the chore is kept beyond a pause: a piece must be done by then, or another process goes on beside it,
/// which does no harm.
const TERM: Duration = Duration::from_secs(120);
/// How long after its start a process makes its first round.
const FIRST: Duration = Duration::from_secs(60);
/// How many executions are archived at once: all of them are in memory.
const ARCHIVED: u32 = 50;

impl Keeper {
    /// Makes rounds until it is stopped. One that fails is followed by another.
    pub async fn run(self, stop: CancellationToken) {
        // Whoever is here for a moment only has better things to do.
        let mut pause = FIRST.min(self.settings.every);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
            pause = self.settings.every;
            let round = tokio::select! {
                () = stop.cancelled() => return,
                round = self.round() => round,
            };
            match round {
                Ok(Some(removed)) if removed != Removed::default() => tracing::info!(
                    executions = removed.executions,
                    others = removed.litter.values().sum::<u64>(),
                    "removed what ended long ago",
                ),
                Ok(Some(_) | None) => {}
                Err(error) => tracing::warn!(error = %error, "could not remove what ended long ago"),
            }
        }
    }

    /// One round; nothing when another process makes the rounds.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable), also of the archive.
    pub async fn round(&self) -> Result<Option<Removed>, Error> {
        let mut removed = Removed::default();
        if !self.has_turn().await? {
            return Ok(None);
        }
        for (status, keep) in &self.settings.executions {
            removed.executions += self.remove(*status, *keep).await?;
        }
        for (litter, keep) in &self.settings.litter {
            let swept = self.sweep(*litter, *keep).await?;
            if swept > 0 {
                removed.litter.insert(*litter, swept);
            }
        }
        Ok(Some(removed))
    }

    /// The chore is kept until the next round, so that the rounds of several processes do not add up.
    async fn has_turn(&self) -> Result<bool, Error> {
        let term = self.settings.every + TERM;
        self.engine.parts.store.take_chore(Chore::Retention, self.holder, term).await
    }

    async fn remove(&self, status: ExecutionStatus, keep: Duration) -> Result<u64, Error> {
        let store = &self.engine.parts.store;
        let piece =
            if self.archive.is_some() { self.settings.piece.min(ARCHIVED) } else { self.settings.piece };
        let (mut removed, mut after): (u64, Option<ExecutionId>) = (0, None);
        loop {
            let mut old = store.outlived(status, keep, after, piece).await?;
            if let Some(archive) = &self.archive {
                old.found = self.archived(archive.as_ref(), old.found).await?;
            }
            if !old.found.is_empty() {
                removed += u64::from(store.remove(old.found).await?);
            }
            after = old.next;
            if after.is_none() || !self.rest().await? {
                return Ok(removed);
            }
        }
    }

    /// Those that are in the archive as they are to be removed.
    async fn archived(&self, archive: &dyn Archive, old: Vec<Old>) -> Result<Vec<Old>, Error> {
        if old.is_empty() {
            return Ok(old);
        }
        let store = &self.engine.parts.store;
        let ids: Vec<ExecutionId> = old.iter().map(|old| old.id).collect();
        let mut logs = store.logs_of(&ids).await?;
        let snapshots = store.read_all(&ids).await?;
        let kept = snapshots.iter().map(|snapshot| Old { id: snapshot.record.id, seq: snapshot.record.seq });
        let kept: Vec<Old> = kept.filter(|kept| old.contains(kept)).collect();
        let finished = snapshots.into_iter().map(|snapshot| {
            let logs = logs.remove(&snapshot.record.id).unwrap_or_default();
            Finished { snapshot, logs }
        });
        archive.keep(finished.collect()).await?;
        Ok(kept)
    }

    async fn sweep(&self, litter: Litter, keep: Duration) -> Result<u64, Error> {
        let (mut removed, mut after) = (0, None);
        loop {
            let swept = self.engine.parts.store.sweep(litter, keep, after, self.settings.piece).await?;
            removed += u64::from(swept.removed);
            after = swept.next;
            if after.is_none() || !self.rest().await? {
                return Ok(removed);
            }
        }
    }

    /// Leaves the storage to others for a moment. Says whether the chore is still this process's.
    async fn rest(&self) -> Result<bool, Error> {
        sleep(self.settings.pause).await;
        self.has_turn().await
    }
}
