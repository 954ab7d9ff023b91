//! A look at everything the storage in memory holds, for those who check what must always be true.

use codeflow_core::{ExecutionId, SessionId, TaskId};
use codeflow_engine::Work;

use super::{MemoryStore, Place};

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskPlace {
    /// In the queue.
    Ready,
    /// It waits for its time.
    Timer,
    /// Its execution waits for a place under its key.
    Held,
    /// A session holds it.
    Claimed(SessionId),
    /// Workers died of it.
    Quarantine,
    /// It was given up: a job among the dead letters.
    Dead,
    /// Its holder said that nothing is left of what it claimed, and was wrong.
    Lost,
}

/// A task and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// The task.
    pub task: TaskId,
    /// Its execution.
    pub execution: ExecutionId,
    /// What is to be done.
    pub work: Work,
    /// Where it is.
    pub place: TaskPlace,
}

impl MemoryStore {
    /// Every task, by its id.
    pub fn seats(&self) -> Vec<Seat> {
        let (model, _) = self.open();
        let seats = model.tasks.values().map(|entry| Seat {
            task: entry.body.id,
            execution: entry.execution,
            work: entry.body.work.clone(),
            place: match entry.place {
                Place::Ready => TaskPlace::Ready,
                Place::Timer(_) => TaskPlace::Timer,
                Place::Held => TaskPlace::Held,
                Place::Claimed(session, _) => TaskPlace::Claimed(session),
                Place::Quarantine(_) if entry.reason.is_some() => TaskPlace::Dead,
                Place::Quarantine(_) => TaskPlace::Quarantine,
                Place::Lost => TaskPlace::Lost,
            },
        });
        seats.collect()
    }

    /// The sessions that nobody has ended, whether or not their leases have.
    pub fn open_sessions(&self) -> Vec<SessionId> {
        let (model, _) = self.open();
        model.sessions.iter().filter(|(_, lease)| !lease.ended).map(|(id, _)| *id).collect()
    }

    /// Whether a session may write.
    pub fn may_write(&self, session: SessionId) -> bool {
        let (model, now) = self.open();
        model.sessions.get(&session).is_some_and(|lease| !lease.ended && lease.expires_at > now)
    }
}
