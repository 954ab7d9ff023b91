//! What the store holds, and the rules that more than one port needs.

use std::collections::{BTreeMap, HashMap, HashSet};

use codeflow_core::execution::{Fact, FactKind};
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_core::{BatchId, ExecutionId, SessionId, TaskId, Timestamp};
use codeflow_engine::{
    Error, ErrorKind, ExecutionRecord, LogLine, Message, NewTask, OpenTask, Session, StoredVersion, Task,
};

/// Everything.
#[derive(Default)]
pub(super) struct Model {
    pub(super) versions: HashMap<VersionId, StoredVersion>,
    pub(super) latest: HashMap<WorkflowName, VersionId>,
    pub(super) executions: BTreeMap<ExecutionId, Stored>,
    pub(super) keys: HashMap<(WorkflowName, String), ExecutionId>,
    pub(super) tasks: BTreeMap<TaskId, Queued>,
    pub(super) sessions: BTreeMap<SessionId, Lease>,
}

/// An execution.
pub(super) struct Stored {
    pub(super) record: ExecutionRecord,
    pub(super) stopping: bool,
    pub(super) facts: Vec<Line>,
    pub(super) taken: HashSet<(u32, String, FactKind)>,
    pub(super) inbox: Vec<Message>,
    pub(super) logs: Vec<LogLine>,
}

/// A fact, and the commit that brought it.
pub(super) struct Line {
    pub(super) seq: i64,
    pub(super) generation: u32,
    pub(super) fact: Fact,
}

/// A task that is not done.
pub(super) struct Queued {
    pub(super) execution: ExecutionId,
    pub(super) generation: u32,
    pub(super) body: NewTask,
    pub(super) deaths: u32,
    pub(super) suspect: bool,
    pub(super) place: Place,
}

/// Where a task is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Ready,
    Delayed(Timestamp),
    Claimed(SessionId),
    Quarantined(Timestamp),
}

/// A session.
pub(super) struct Lease {
    pub(super) epoch: i64,
    pub(super) expires: Timestamp,
    pub(super) ended: bool,
}

impl Stored {
    /// Adds facts. One whose key is taken changes nothing: the first one stands.
    pub(super) fn add(&mut self, seq: i64, generation: u32, facts: Vec<Fact>) {
        for fact in facts {
            if self.taken.insert((generation, fact.path(), fact.kind())) {
                self.facts.push(Line { seq, generation, fact });
            }
        }
    }
}

impl Queued {
    pub(super) fn task(&self, batch: BatchId) -> Task {
        Task {
            id: self.body.id,
            execution: self.execution,
            generation: self.generation,
            work: self.body.work.clone(),
            attempt: self.body.attempt,
            lane: self.body.lane.clone(),
            priority: self.body.priority,
            deaths: self.deaths,
            batch,
        }
    }

    pub(super) fn open(&self) -> OpenTask {
        OpenTask {
            id: self.body.id,
            work: self.body.work.clone(),
            attempt: self.body.attempt,
            delayed: matches!(self.place, Place::Delayed(_)),
            quarantined: matches!(self.place, Place::Quarantined(_)),
        }
    }
}

impl Model {
    /// The fence: only a session that lives, in its own epoch, may claim and write.
    pub(super) fn fence(&mut self, session: Session, now: Timestamp) -> Result<&mut Lease, Error> {
        let lease = self.sessions.get_mut(&session.id);
        let lease = lease.filter(|lease| lease.epoch == session.epoch && !lease.ended && lease.expires > now);
        let lost = || Error::new(ErrorKind::LeaseLost, format!("session `{}` is over", session.id));
        lease.ok_or_else(lost)
    }

    pub(super) fn enqueue(
        &mut self,
        execution: ExecutionId,
        generation: u32,
        tasks: Vec<NewTask>,
        now: Timestamp,
    ) {
        for body in tasks {
            let place = body.after.map_or(Place::Ready, |after| Place::Delayed(now.after(after)));
            let task = Queued { execution, generation, body, deaths: 0, suspect: false, place };
            self.tasks.insert(task.body.id, task);
        }
    }

    /// The tasks that a session holds.
    pub(super) fn held(&self, session: SessionId) -> Vec<TaskId> {
        let held = self.tasks.iter().filter(|(_, task)| task.place == Place::Claimed(session));
        held.map(|(id, _)| *id).collect()
    }
}
