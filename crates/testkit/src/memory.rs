//! The ports to storage, in memory: small enough to be read as what they mean.

mod census;
mod doctor;
mod jobs;
mod journal;
mod queue;
mod schedules;
mod upkeep;
mod workflows;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codeflow_core::execution::{Fact, FactKind};
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_core::{
    BatchId, Clock, ExecutionId, JobId, ScheduleId, SessionId, TaskId, Tenant, Timestamp, WorkflowId,
};
use codeflow_engine::{
    Chore, Error, ErrorKind, ExecutionRecord, LogLine, Message, NewTask, PendingSlot, ScheduleRecord,
    Session, StoredVersion,
};

pub use census::{Seat, TaskPlace};

/// A storage that forgets everything with its last clone. Its clock is the one it is given.
#[derive(Clone)]
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    model: Arc<Mutex<Model>>,
}

impl MemoryStore {
    /// An empty storage.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, model: Arc::default() }
    }

    /// Everything it holds, and the moment it is.
    fn open(&self) -> (MutexGuard<'_, Model>, Timestamp) {
        (self.model.lock().unwrap_or_else(PoisonError::into_inner), self.clock.now())
    }
}

#[derive(Default)]
struct Model {
    workflows: BTreeMap<(Tenant, WorkflowName), (WorkflowId, VersionId)>,
    versions: HashMap<VersionId, StoredVersion>,
    keys: HashMap<(String, String), (ExecutionId, Timestamp)>,
    job_keys: HashMap<String, (JobId, Timestamp)>,
    executions: BTreeMap<ExecutionId, Execution>,
    tasks: BTreeMap<TaskId, Entry>,
    sessions: BTreeMap<SessionId, Lease>,
    /// Who runs under a key, and who waits for it, the oldest first.
    holders: BTreeMap<ExecutionId, String>,
    waiters: Vec<(ExecutionId, codeflow_engine::Slot)>,
    /// Tasks become due in this order.
    position: u64,
    schedules: BTreeMap<ScheduleId, ScheduleRecord>,
    slots: BTreeMap<(Timestamp, ScheduleId), Slot>,
    chores: HashMap<Chore, (SessionId, Timestamp)>,
}

/// A slot for which an execution is, or was, to be started.
struct Slot {
    pending: PendingSlot,
    settled: bool,
    execution: Option<ExecutionId>,
}

struct Execution {
    record: ExecutionRecord,
    stopping: bool,
    facts: Vec<(i64, u32, Fact)>,
    taken: HashSet<(u32, String, FactKind)>,
    inbox: Vec<Message>,
    logs: Vec<LogLine>,
}

impl Execution {
    /// Records facts; one whose place is taken changes nothing.
    fn record_facts(&mut self, facts: Vec<Fact>) {
        let generation = self.record.generation;
        for fact in facts {
            if self.taken.insert((generation, fact.path(), fact.kind())) {
                self.facts.push((self.record.seq, generation, fact));
            }
        }
    }
}

struct Entry {
    execution: ExecutionId,
    generation: u32,
    body: NewTask,
    deaths: u32,
    suspect: bool,
    reason: Option<String>,
    position: u64,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Ready,
    Timer(Timestamp),
    Claimed(SessionId, BatchId),
    /// Its execution waits for a place under its key.
    Held,
    Quarantine(Timestamp),
    /// The batch that it was claimed with was forgotten.
    Lost,
}

struct Lease {
    epoch: i64,
    expires_at: Timestamp,
    ended: bool,
    ended_at: Option<Timestamp>,
}

impl Model {
    /// Refuses a session that is over.
    fn fence(&mut self, session: Session, now: Timestamp) -> Result<&mut Lease, Error> {
        let lease = self.sessions.get_mut(&session.id);
        let alive =
            |lease: &&mut Lease| lease.epoch == session.epoch && !lease.ended && lease.expires_at > now;
        lease.filter(alive).ok_or_else(|| Error::new(ErrorKind::LeaseLost, "the lease has ended"))
    }

    fn add_tasks(
        &mut self,
        (execution, generation): (ExecutionId, u32),
        tasks: impl IntoIterator<Item = NewTask>,
        taker: Option<Session>,
        now: Timestamp,
    ) {
        for body in tasks {
            let place = match (body.after, body.taken, taker) {
                (Some(after), ..) => Place::Timer(now.after(after)),
                (None, Some(batch), Some(taker)) => Place::Claimed(taker.id, batch),
                (None, ..) => Place::Ready,
            };
            self.position += 1;
            let position = self.position;
            let entry = Entry {
                execution,
                generation,
                deaths: 0,
                suspect: false,
                reason: None,
                position,
                place,
                body,
            };
            self.tasks.insert(entry.body.id, entry);
        }
    }
}
