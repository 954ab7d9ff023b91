//! The port to the health of storage: what must hold between its tables, looked at piece by piece.

use async_trait::async_trait;
use codeflow_core::{ExecutionId, SessionId, TaskId};

use crate::Error;

/// A part of storage that is looked at by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Executions that are not over, and what will move them.
    Executions,
    /// Tasks, and where they are.
    Tasks,
    /// Places in the queue, and whose they are.
    Places,
    /// Claims, and who has them.
    Claims,
    /// Slots of schedules that are pending.
    Slots,
    /// Large payloads, and the rows that name them.
    Payloads,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 6] =
        [Self::Executions, Self::Tasks, Self::Places, Self::Claims, Self::Slots, Self::Payloads];

    /// The parts whose size is that of the work at hand, not of all that ever was.
    pub const LIVE: [Self; 5] = [Self::Executions, Self::Tasks, Self::Places, Self::Claims, Self::Slots];
}

/// Something that must not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Disorder {
    /// Nothing will ever move an execution that is not over.
    StuckExecution,
    /// A task is in no place: nobody will do it.
    LostTask,
    /// A task is in several places: it may be done twice.
    DoubledTask,
    /// A task belongs to an execution that does not exist.
    OrphanedTask,
    /// A job has the id of an execution, or was given up and is not among the dead letters.
    MisplacedJob,
    /// A place in the queue is of no task.
    EmptyPlace,
    /// A claim belongs to a session that is over, and nobody took it over.
    StaleClaim,
    /// A claim names only finished tasks, and its session does not forget it.
    FinishedClaim,
    /// The slot of a schedule has been pending for long.
    UnsettledSlot,
    /// A row names a large payload that is not there.
    MissingPayload,
}

impl Disorder {
    /// Every one.
    pub const ALL: [Self; 10] = [
        Self::StuckExecution,
        Self::LostTask,
        Self::DoubledTask,
        Self::OrphanedTask,
        Self::MisplacedJob,
        Self::EmptyPlace,
        Self::StaleClaim,
        Self::FinishedClaim,
        Self::UnsettledSlot,
        Self::MissingPayload,
    ];

    /// Its name for programs; it never changes.
    pub fn name(self) -> &'static str {
        match self {
            Self::StuckExecution => "stuck_execution",
            Self::LostTask => "lost_task",
            Self::DoubledTask => "doubled_task",
            Self::OrphanedTask => "orphaned_task",
            Self::MisplacedJob => "misplaced_job",
            Self::EmptyPlace => "empty_place",
            Self::StaleClaim => "stale_claim",
            Self::FinishedClaim => "finished_claim",
            Self::UnsettledSlot => "unsettled_slot",
            Self::MissingPayload => "missing_payload",
        }
    }

    /// What it is, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::StuckExecution => "nothing will move the execution: it has no task, and waits for nobody",
            Self::LostTask => "the task is neither ready nor delayed nor claimed nor a dead letter",
            Self::DoubledTask => "the task is in several places and may be done twice",
            Self::OrphanedTask => "the task belongs to an execution that does not exist",
            Self::MisplacedJob => "the job is mixed up with an execution, or given up and not a dead letter",
            Self::EmptyPlace => "a place in the queue is of a task that does not exist",
            Self::StaleClaim => "the claim is of a session that is over, and nobody took it over",
            Self::FinishedClaim => "the claim names only finished tasks and is not forgotten",
            Self::UnsettledSlot => "no execution was started for a slot that came long ago",
            Self::MissingPayload => "a large payload is named and not there",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::StuckExecution => "cancel it, or start it again with `codeflow execution rerun`",
            Self::LostTask => "`codeflow doctor --repair` puts it back into the queue",
            Self::DoubledTask => "steps may run twice; report it with the log of the workers",
            Self::OrphanedTask => "it does nothing when its turn comes; report it",
            Self::MisplacedJob => "report it; the job goes on as a job",
            Self::EmptyPlace => "it keeps a worker busy for nothing; report it",
            Self::StaleClaim => "start a worker: it takes over what is left",
            Self::FinishedClaim => "restart the worker that holds it, and report it",
            Self::UnsettledSlot => "look for errors of the scheduler in the log of the workers",
            Self::MissingPayload => "restore it from a backup; the execution cannot be read without it",
        }
    }
}

/// One thing that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Finding {
    /// What is wrong.
    pub disorder: Disorder,
    /// With what: an execution, a task, a batch, a slot, a hash.
    pub subject: String,
    /// The execution that it concerns, or the job.
    pub execution: Option<ExecutionId>,
    /// The task, if it is one.
    pub task: Option<TaskId>,
}

/// What was found in a piece of a part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// What is wrong at this moment; what is in the middle of moving may be among it.
    pub findings: Vec<Finding>,
    /// Where the next piece begins; nothing after the last one.
    pub next: Option<String>,
}

/// Work that one process does for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chore {
    /// Looking whether everything is in order.
    Examination,
    /// Removing what is older than it has to be.
    Retention,
}

impl Chore {
    /// Its name in storage.
    pub fn name(self) -> &'static str {
        match self {
            Self::Examination => "examination",
            Self::Retention => "retention",
        }
    }
}

/// Looks into storage, and puts right what can be.
#[async_trait]
pub trait Doctor: Send + Sync {
    /// Looks at the piece of a part that begins `after` the last one, of up to `limit` rows.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn examine(&self, part: Part, after: Option<String>, limit: u32) -> Result<Examined, Error>;

    /// Puts a task that is in no place into the queue. Returns whether it was in none.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn put_back(&self, task: TaskId) -> Result<bool, Error>;

    /// Takes a chore for `ttl`, or keeps it for as long from now on. Returns whether `holder` has it: not when
    /// somebody else does.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn take_chore(
        &self,
        chore: Chore,
        holder: SessionId,
        ttl: std::time::Duration,
    ) -> Result<bool, Error>;
}
