//! What a journal records: facts, each at most once under its key.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::execution::{StepPath, StepStatus};
use crate::workflow::StepName;
use crate::{ActionError, ExecutionId, MessageId, TaskId, Timestamp, Usd};

/// One line of the journal. Its key within an execution is (generation, [`Fact::path`], [`Fact::kind`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// A step, or an iteration, is done with.
    Settled(Settled),
    /// A repeated step knows its items.
    Expanded {
        /// The step.
        step: StepName,
        /// The items.
        items: Arc<Vec<Value>>,
    },
    /// A step began to wait for a time, a signal or a decision.
    Waiting {
        /// The step.
        step: StepName,
        /// When it began.
        since: Timestamp,
    },
    /// A signal came.
    Signalled {
        /// The message that brought it.
        message: MessageId,
        /// Its name.
        event: String,
        /// What it says.
        payload: Arc<Value>,
    },
    /// A person decided about an approval.
    Decided {
        /// The message that brought it.
        message: MessageId,
        /// The approval.
        step: StepName,
        /// What was decided.
        approved: bool,
        /// Who decided.
        by: String,
        /// Why.
        comment: Option<String>,
    },
    /// Somebody cancelled the execution.
    Cancelled {
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// The execution's time is up.
    DeadlinePassed,
    /// The execution is taken up again; opens a new generation.
    Restarted {
        /// The steps that run again, with all that follow them.
        steps: Vec<StepName>,
    },
    /// Somebody paused the execution: nothing begins until it is resumed.
    Paused {
        /// The message that said so.
        message: MessageId,
        /// Who.
        by: String,
        /// Why.
        reason: Option<String>,
    },
    /// The execution goes on.
    Resumed {
        /// The message that said so.
        message: MessageId,
        /// Who.
        by: String,
        /// What it may spend from now on, if that was changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        budget: Option<Usd>,
    },
    /// An attempt fell due while the execution was paused, or found its budget used up; it is made when the execution goes on.
    Held {
        /// The task that made it due.
        task: TaskId,
        /// The step, or the iteration.
        path: StepPath,
        /// The attempt, counted from one.
        attempt: u32,
    },
    /// A step, or an iteration, started another execution and waits for its end.
    Called {
        /// The step, or the iteration.
        path: StepPath,
        /// The execution.
        child: ExecutionId,
        /// When.
        since: Timestamp,
    },
    /// A step of another execution started this one.
    CalledBy(Caller),
    /// The execution does not succeed, and begins to undo what it did.
    Compensating,
    /// A step was undone, or could not be.
    Compensated(Settled),
}

/// Who started an execution, and hears of its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The execution.
    pub execution: ExecutionId,
    /// Its generation at the time.
    pub generation: u32,
    /// Its step, or iteration.
    pub path: StepPath,
    /// How many executions there are above this one.
    pub depth: u32,
}

/// The kinds of fact. The numbers are storage's, and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(i16)]
pub enum FactKind {
    /// See [`Fact::Settled`].
    Settled = 1,
    /// See [`Fact::Expanded`].
    Expanded = 2,
    /// See [`Fact::Waiting`].
    Waiting = 3,
    /// See [`Fact::Signalled`].
    Signalled = 4,
    /// See [`Fact::Decided`].
    Decided = 5,
    /// See [`Fact::Cancelled`].
    Cancelled = 6,
    /// See [`Fact::DeadlinePassed`].
    DeadlinePassed = 7,
    /// See [`Fact::Restarted`].
    Restarted = 8,
    /// See [`Fact::Paused`].
    Paused = 9,
    /// See [`Fact::Resumed`].
    Resumed = 10,
    /// See [`Fact::Held`].
    Held = 11,
    /// See [`Fact::Called`].
    Called = 12,
    /// See [`Fact::CalledBy`].
    CalledBy = 13,
    /// See [`Fact::Compensating`].
    Compensating = 14,
    /// See [`Fact::Compensated`].
    Compensated = 15,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// The step, or one iteration of it.
    pub path: StepPath,
    /// A settled status.
    pub status: StepStatus,
    /// What it gave; a failed step may say something too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Arc<Value>>,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<StepError>,
    /// The attempt that ended it, counted from one; nought when it never began.
    pub attempt: u32,
    /// When the attempt began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// When it ended.
    pub ended: Timestamp,
}

/// Why a step did not succeed, for people and for expressions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepError {
    /// A stable code.
    pub code: String,
    /// What happened, in a sentence.
    pub message: String,
    /// A step that was skipped because a need failed names that need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<StepName>,
}

impl From<&ActionError> for StepError {
    fn from(error: &ActionError) -> Self {
        Self { code: error.code.clone(), message: error.message.clone(), blocked_by: None }
    }
}

impl Fact {
    /// The kind, a part of the key.
    pub fn kind(&self) -> FactKind {
        match self {
            Self::Settled(_) => FactKind::Settled,
            Self::Expanded { .. } => FactKind::Expanded,
            Self::Waiting { .. } => FactKind::Waiting,
            Self::Signalled { .. } => FactKind::Signalled,
            Self::Decided { .. } => FactKind::Decided,
            Self::Cancelled { .. } => FactKind::Cancelled,
            Self::DeadlinePassed => FactKind::DeadlinePassed,
            Self::Restarted { .. } => FactKind::Restarted,
            Self::Paused { .. } => FactKind::Paused,
            Self::Resumed { .. } => FactKind::Resumed,
            Self::Held { .. } => FactKind::Held,
            Self::Called { .. } => FactKind::Called,
            Self::CalledBy(_) => FactKind::CalledBy,
            Self::Compensating => FactKind::Compensating,
            Self::Compensated(_) => FactKind::Compensated,
        }
    }

    /// The path, a part of the key: a step's, or a message's or a task's id where the same may happen again, or
    /// empty for the execution as a whole.
    pub fn path(&self) -> String {
        match self {
            Self::Settled(settled) | Self::Compensated(settled) => settled.path.to_string(),
            Self::Expanded { step, .. } | Self::Waiting { step, .. } | Self::Decided { step, .. } => {
                step.to_string()
            }
            Self::Signalled { message, .. }
            | Self::Paused { message, .. }
            | Self::Resumed { message, .. } => message.to_string(),
            Self::Held { task, .. } => task.to_string(),
            Self::Called { path, .. } => path.to_string(),
            Self::Cancelled { .. }
            | Self::DeadlinePassed
            | Self::Restarted { .. }
            | Self::CalledBy(_)
            | Self::Compensating => String::new(),
        }
    }
}
