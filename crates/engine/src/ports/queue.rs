//! The port to the queue of due work: sessions with leases, claims, timers, recovery.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::StepPath;
use codeflow_core::workflow::StepName;
use codeflow_core::{BatchId, ExecutionId, SessionId, TaskId, Timestamp};

use crate::Error;

/// A task is quarantined when this many workers died while it was the only one they ran.
pub const MAX_DEATHS: u32 = 3;

/// What there is to do for an execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Work {
    /// Make an attempt of a step, or of one iteration of it.
    Attempt(StepPath),
    /// End the wait of a step: its time has come, or it took too long.
    Expire(StepName),
    /// End the execution: its time is up.
    Deadline,
    /// Read the messages that came for the execution.
    Inbox,
    /// Make an attempt of a job, whose call this is as text. There is no execution.
    Job(Arc<str>),
    /// Tell the execution that called this one how it ended.
    Answer,
    /// Cancel the execution that a step, or one iteration of it, called.
    Recall(StepPath),
    /// Make an attempt to undo a step.
    Compensate(StepName),
}

/// A task to put into the queue. Its body never changes: another attempt is another task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// Its id.
    pub id: TaskId,
    /// What to do.
    pub work: Work,
    /// The attempt, counted from one.
    pub attempt: u32,
    /// The queue it waits in.
    pub lane: String,
    /// Higher goes first.
    pub priority: i16,
    /// Tasks of one lane and priority take turns by this key; within a key, first come, first served.
    pub fair: i32,
    /// How long until it is due; `None` is at once. Storage's clock counts.
    pub after: Option<Duration>,
    /// Claimed by the session that writes it, as part of this batch, instead of passing the queue.
    pub taken: Option<BatchId>,
}

/// A task of an execution that is not done, wherever it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenTask {
    /// Its id.
    pub id: TaskId,
    /// What to do.
    pub work: Work,
    /// The attempt, counted from one.
    pub attempt: u32,
    /// Whether it waits for its time, or its execution for a place under its key.
    pub delayed: bool,
    /// Whether it was taken out of the queue because workers died of it.
    pub quarantined: bool,
}

/// A claimed task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id.
    pub id: TaskId,
    /// The execution it belongs to.
    pub execution: ExecutionId,
    /// The generation of the execution that made it.
    pub generation: u32,
    /// What to do.
    pub work: Work,
    /// The attempt, counted from one.
    pub attempt: u32,
    /// The queue it waited in.
    pub lane: String,
    /// Its priority.
    pub priority: i16,
    /// The key by which it takes turns.
    pub fair: i32,
    /// How many workers died while it was the only task they ran.
    pub deaths: u32,
    /// The batch it was claimed with.
    pub batch: BatchId,
}

/// One boot of one worker, with a lease. The pair (id, epoch) is the fence that every write shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Session {
    /// The boot.
    pub id: SessionId,
    /// Rises when somebody else takes over what the session held.
    pub epoch: i64,
}

/// What a worker asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The id that the batch will have.
    pub batch: BatchId,
    /// The queues to take from.
    pub lanes: Vec<String>,
    /// How many tasks at most.
    pub limit: u32,
    /// Take one task that a worker may have died of, if there is one; it is to run alone. Such tasks
    /// are never part of an ordinary batch.
    pub suspect: bool,
}

/// What a worker got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claimed {
    /// The tasks, in the order in which they should begin.
    pub tasks: Vec<Task>,
    /// Whether tasks that must run alone are waiting.
    pub suspects_waiting: bool,
    /// Whether there may be more than was taken.
    pub more: bool,
}

/// What became of those who waited for a place under their key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// How many executions may run now.
    pub admitted: u32,
    /// Executions that somebody newer wants to replace, and who does: they are to be cancelled.
    pub replaced: Vec<(ExecutionId, ExecutionId)>,
}

/// The key for taking turns that a name stands for. Two names may share one: then they take turns together.
pub fn fair_key(name: &str) -> i32 {
    let hash =
        name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash.cast_signed()
}

/// What a sign of life says and asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Renewal {
    /// How long the lease lasts from now on.
    pub ttl: Duration,
    /// The executions that this worker works on.
    pub working: Vec<ExecutionId>,
    /// Those of which storage may still say that they are queued, and how long ago their work began. They
    /// are running from here on.
    pub began: Vec<(ExecutionId, Duration)>,
    /// The batches of which nothing is left.
    pub over: Vec<BatchId>,
}

/// What became due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promoted {
    /// How many tasks moved into the queue.
    pub moved: u32,
    /// How long until the next one is due.
    pub next: Option<Duration>,
}

/// Whose work is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dead {
    /// Of sessions whose lease has ended.
    Expired,
    /// Of every session but this one: the caller holds a lock that proves that no other one lives.
    AllBut(SessionId),
}

/// What a recovery did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// How many sessions were ended.
    pub sessions: u32,
    /// How many tasks went back into the queue.
    pub tasks: u32,
    /// The tasks that were taken out of the queue because workers died of them.
    pub quarantined: Vec<TaskId>,
}

/// A task that workers died of, or a job that was given up, for the dead-letter view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantinedTask {
    /// Its id.
    pub id: TaskId,
    /// The execution it belongs to.
    pub execution: ExecutionId,
    /// What it was to do.
    pub work: Work,
    /// How many workers died of it.
    pub deaths: u32,
    /// Why it was given up, if no worker died of it.
    pub reason: Option<String>,
    /// Since when.
    pub since: Timestamp,
}

/// The queue of due work. Storage's clock decides leases and due times, never a worker's.
#[async_trait]
pub trait TaskQueue: Send + Sync {
    /// Opens a session with a lease of `ttl`.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn open_session(&self, id: SessionId, ttl: Duration) -> Result<Session, Error>;

    /// Extends the lease, and tells which of the executions that are worked on are to be stopped.
    ///
    /// # Errors
    /// [`LeaseLost`](crate::ErrorKind::LeaseLost) when the lease has ended, even if nobody noticed yet.
    async fn renew(&self, session: Session, renewal: Renewal) -> Result<Vec<ExecutionId>, Error>;

    /// Ends a session and gives its unfinished tasks back, without counting a death.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable). A session that has ended already is no error.
    async fn close_session(&self, session: Session) -> Result<(), Error>;

    /// Claims due tasks for a session, in one step: higher priorities first, and within one, keys by turns. A claim that is repeated gives what its batch still holds: so a lost answer can be had again.
    ///
    /// # Errors
    /// [`LeaseLost`](crate::ErrorKind::LeaseLost).
    async fn claim(&self, session: Session, claim: Claim) -> Result<Claimed, Error>;

    /// Puts tasks that the session holds back into the queue, without counting a death.
    ///
    /// # Errors
    /// [`LeaseLost`](crate::ErrorKind::LeaseLost).
    async fn give_back(&self, session: Session, tasks: &[TaskId]) -> Result<(), Error>;

    /// Lets up to `limit` executions run that waited for a place under their key, the oldest first.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn admit(&self, limit: u32) -> Result<Admitted, Error>;

    /// Moves up to `limit` tasks whose time has come into the queue.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn promote(&self, limit: u32) -> Result<Promoted, Error>;

    /// Takes over what dead sessions held: their epoch rises, and their tasks go back into the queue. A
    /// session that held exactly one task counts a death for it ([`MAX_DEATHS`] quarantine it); all of
    /// them are suspects from then on and run alone.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn recover(&self, dead: Dead) -> Result<Recovered, Error>;

    /// Lists quarantined tasks, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn quarantined(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<QuarantinedTask>, Error>;

    /// Puts a quarantined task back into the queue with its deaths forgotten, and says in which lane it is due now.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when it is not quarantined.
    async fn release(&self, task: TaskId) -> Result<String, Error>;
}
