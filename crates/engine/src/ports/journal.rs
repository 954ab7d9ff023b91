//! The port to executions and their journals.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::{ExecutionStatus, Fact, StepError, StepPath};
use codeflow_core::workflow::{Overlap, StepName, VersionId, WorkflowName};
use codeflow_core::{ExecutionId, MessageId, TaskId, Tenant, Timestamp, Usd};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::ports::{FactPlace, NewTask, OpenTask, Recorded, Session};

/// An execution to begin, with everything that its beginning makes due: written together, or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct NewExecution {
    /// Its id.
    pub id: ExecutionId,
    /// Its workflow's tenant.
    pub tenant: Tenant,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// The version it keeps to the end.
    pub version: VersionId,
    /// Its inputs.
    pub inputs: Arc<Value>,
    /// A second start with the same key, for the same workflow, finds the first.
    pub idempotency_key: Option<String>,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// How it ended, if it had nothing to do.
    pub ending: Option<Ending>,
    /// The place that it needs to run, if its workflow limits how many do.
    pub slot: Option<Slot>,
    /// What was decided already.
    pub facts: Vec<Fact>,
    /// What is due, now or later.
    pub tasks: Vec<NewTask>,
}

/// The sequence number of an execution that has not moved yet.
pub const FIRST_SEQ: i64 = 1;

/// A place under a key, of which there are only so many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The key.
    pub key: String,
    /// How many executions may run under it at once.
    pub most: u32,
    /// What happens when there is no place.
    pub on_new: Overlap,
}

/// What a move does to the place of its execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotMove {
    /// It needs none any more.
    Release,
    /// It runs again, and has one at once, also beyond the limit.
    Retake(String),
}

impl SlotMove {
    /// The key of the place that it has from here on.
    pub fn key(self) -> Option<String> {
        match self {
            Self::Release => None,
            Self::Retake(key) => Some(key),
        }
    }
}

/// What became of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It is new.
    Created,
    /// An earlier start had the same key.
    Existing(ExecutionId),
    /// It was not started, because this one has its place and its workflow says `on_new: skip`.
    Skipped(ExecutionId),
}

/// An execution, without its journal.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionRecord {
    /// Its id.
    pub id: ExecutionId,
    /// Whose it is: its workflow's tenant.
    pub tenant: Tenant,
    /// Its workflow.
    pub workflow: WorkflowName,
    /// The version it keeps.
    pub version: VersionId,
    /// Where it stands.
    pub status: ExecutionStatus,
    /// How often it was taken up again.
    pub generation: u32,
    /// Rises with every change.
    pub seq: i64,
    /// Its inputs.
    pub inputs: Arc<Value>,
    /// What it gave.
    pub outputs: Option<Arc<Value>>,
    /// Why it did not succeed.
    pub error: Option<StepError>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When its first task was claimed.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// An execution with its journal, or the newer part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The execution.
    pub record: ExecutionRecord,
    /// The facts and their generations, in the order they were committed.
    pub facts: Vec<(u32, Fact)>,
    /// What is not done.
    pub tasks: Vec<OpenTask>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ending {
    /// What it gave.
    pub outputs: Option<Arc<Value>>,
    /// Why it did not succeed.
    pub error: Option<StepError>,
}

/// One move of one execution, written whole or not at all.
#[derive(Clone, Debug, PartialEq)]
pub struct Advance {
    /// The execution.
    pub execution: ExecutionId,
    /// The sequence number it must have; it has the next one afterwards.
    pub expected_seq: i64,
    /// Its generation from here on.
    pub generation: u32,
    /// Where it stands from here on.
    pub status: ExecutionStatus,
    /// Whether work that runs for it is to be stopped.
    pub stopping: bool,
    /// How it ended, if it did. A move without one clears an earlier ending; one that states it again, as
    /// a message that comes too late does, leaves the time of the end as it was.
    pub ending: Option<Ending>,
    /// What is recorded.
    pub facts: Vec<Fact>,
    /// How long ago its first work began, where storage may still say that it is queued.
    pub began: Option<Duration>,
    /// The tasks that are done with, which this session holds.
    pub done: Vec<TaskId>,
    /// The tasks that nobody needs any more, wherever they are.
    pub dropped: Vec<TaskId>,
    /// What is due, now or later.
    pub tasks: Vec<NewTask>,
    /// What becomes of its place, if it has one.
    pub slot: Option<SlotMove>,
    /// The messages that were read.
    pub read: Vec<MessageId>,
    /// What people may want to know later.
    pub logs: Vec<LogLine>,
}

/// A line in the log of an execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// The step it is about; empty for the execution as a whole.
    pub path: String,
    /// What happened, without secrets.
    pub message: String,
}

/// What became of an [`Advance`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flushed {
    /// It is durable.
    Committed,
    /// The execution has moved since; load it and try again. Nothing of this advance was written.
    Conflict,
}

/// Something that reaches an execution from outside. It waits in the inbox until a worker reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its id.
    pub id: MessageId,
    /// What it says.
    pub body: MessageBody,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum MessageBody {
    /// A signal.
    Signal {
        /// Its name.
        event: String,
        /// What it carries.
        payload: Value,
    },
    /// A decision about an approval.
    Decide {
        /// The approval.
        step: StepName,
        /// Yes or no.
        approved: bool,
        /// Who decides.
        by: String,
        /// Why.
        comment: Option<String>,
    },
    /// Stop.
    Cancel {
        /// Who says so.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Begin nothing more until it is resumed.
    Pause {
        /// Who says so.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// Go on.
    Resume {
        /// Who says so.
        by: String,
        /// What the execution may spend from now on, if that changes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budget: Option<Usd>,
    },
    /// Take up again.
    Restart {
        /// The step to begin with; without one, every step that did not succeed.
        from: Option<StepName>,
        /// Who says so.
        by: String,
    },
    /// An execution that a step called has ended.
    Ended(ChildEnded),
    /// Give up a task that workers died of: what it was for has failed.
    Abandon {
        /// The task.
        task: TaskId,
        /// Who says so.
        by: String,
    },
}

/// How an execution ended that a step of another one called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChildEnded {
    /// The generation of the caller at the time of the call.
    pub generation: u32,
    /// The caller's step, or iteration.
    pub path: StepPath,
    /// The execution that ended.
    pub child: ExecutionId,
    /// How.
    pub status: ExecutionStatus,
    /// What it gave.
    pub outputs: Option<Arc<Value>>,
    /// Why it did not succeed.
    pub error: Option<StepError>,
}

/// Which executions to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Of this tenant; `None`: of all.
    pub tenant: Option<Tenant>,
    /// Of this workflow.
    pub workflow: Option<WorkflowName>,
    /// With this status.
    pub status: Option<ExecutionStatus>,
    /// Older than this one: the last of the page before.
    pub before: Option<ExecutionId>,
    /// Stored at this time or later.
    pub since: Option<Timestamp>,
    /// Stored before this time.
    pub until: Option<Timestamp>,
}

/// Keeps executions and their journals.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Begins executions, all of them or none, and answers in their order. `taker` is the session that takes
    /// the tasks which say so.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when a version was never kept, [`Conflict`](crate::ErrorKind::Conflict)
    /// when an id is in use, [`LeaseLost`](crate::ErrorKind::LeaseLost) when the taker's session is over.
    async fn start_all(
        &self,
        executions: Vec<NewExecution>,
        taker: Option<Session>,
    ) -> Result<Vec<Started>, Error>;

    /// Begins one execution.
    ///
    /// # Errors
    /// Those of [`start_all`](Self::start_all).
    async fn start(&self, execution: NewExecution) -> Result<Started, Error> {
        let started = self.start_all(vec![execution], None).await?;
        let first = started.into_iter().next();
        first.ok_or_else(|| Error::new(crate::ErrorKind::Internal, "a start without an answer"))
    }

    /// Reads an execution with the facts that were committed after sequence number `after`, or all.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Corrupt`](crate::ErrorKind::Corrupt).
    async fn read(&self, id: ExecutionId, after: Option<i64>) -> Result<Option<Snapshot>, Error>;

    /// The sequence number with which each fact of an execution was committed, in the order of the facts: those of one
    /// number were decided together. Empty for one that does not exist.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn commits(&self, id: ExecutionId) -> Result<Vec<i64>, Error>;

    /// The facts of an execution after a place, in their order, at most so many; none of one that does not exist. Payloads
    /// that are stored by themselves, because they are large, may be left out: a page of them would not fit into
    /// memory. A fact that is asked for alone has its payload up to 1 MiB.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Corrupt`](crate::ErrorKind::Corrupt).
    async fn facts(
        &self,
        id: ExecutionId,
        after: Option<FactPlace>,
        limit: u32,
    ) -> Result<Vec<Recorded>, Error>;

    /// Reads those of the executions that exist, whole.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable), [`Corrupt`](crate::ErrorKind::Corrupt).
    async fn read_all(&self, ids: &[ExecutionId]) -> Result<Vec<Snapshot>, Error>;

    /// Lists executions, newest first. Inputs and outputs that are stored by themselves, because they are large, may be left
    /// out: a page of them would not fit into memory.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn list(&self, filter: ExecutionFilter, limit: u32) -> Result<Vec<ExecutionRecord>, Error>;

    /// Writes moves of many executions in one commit. Each one takes effect whole or not at all; one that
    /// lost a race does not disturb the others. Of several moves of one execution only the first has a
    /// chance. The answers are in the order of `advances`.
    ///
    /// # Errors
    /// [`LeaseLost`](crate::ErrorKind::LeaseLost) when the session is over: then nothing was written.
    async fn flush(&self, session: Session, advances: Vec<Advance>) -> Result<Vec<Flushed>, Error>;

    /// Leaves a message for an execution, with the task that makes a worker read it. One with the id of a message that
    /// was not read yet is the same message, and changes nothing.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound).
    async fn send(&self, execution: ExecutionId, message: Message, task: NewTask) -> Result<(), Error>;

    /// The messages that were not read yet, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn inbox(&self, execution: ExecutionId) -> Result<Vec<Message>, Error>;

    /// The log of an execution, oldest first, after the first `skip` lines.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn logs(&self, execution: ExecutionId, skip: u32, limit: u32) -> Result<Vec<LogLine>, Error>;
}
