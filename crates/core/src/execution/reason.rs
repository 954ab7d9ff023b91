//! The reasons of the engine's own why a step or an execution did not succeed; an action has others.

use crate::execution::StepError;

/// Why a step did not succeed, or did not run, although no action said so; or why its execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A step before it failed.
    Blocked,
    /// Its `if` said no.
    Condition,
    /// Its execution was cut short before it began.
    NotBegun,
    /// It failed, and nothing says why.
    Unexplained,
    /// Its `for_each` gave more items than are allowed.
    TooManyItems,
    /// Its `for_each` gave something else than a list.
    NotAList,
    /// A person said no.
    ApprovalRefused,
    /// Nobody decided in time.
    ApprovalExpired,
    /// No signal came in time.
    WaitExpired,
    /// It calls a workflow that does not exist.
    UnknownWorkflow,
    /// It calls a workflow from too deep within others.
    TooDeep,
    /// Workers died of it, and somebody gave it up.
    Abandoned,
    /// Somebody cancelled the execution.
    ExecutionCancelled,
    /// The time of the execution was up.
    ExecutionTimedOut,
}

impl Reason {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::Blocked => "step.blocked",
            Self::Condition => "step.condition",
            Self::NotBegun => "step.cancelled",
            Self::Unexplained => "step.failed",
            Self::TooManyItems => "step.too_many_items",
            Self::NotAList => "step.not_a_list",
            Self::ApprovalRefused => "step.approval_refused",
            Self::ApprovalExpired => "step.approval_expired",
            Self::WaitExpired => "step.wait_expired",
            Self::UnknownWorkflow => "step.unknown_workflow",
            Self::TooDeep => "step.too_deep",
            Self::Abandoned => "step.abandoned",
            Self::ExecutionCancelled => "execution.cancelled",
            Self::ExecutionTimedOut => "execution.timed_out",
        }
    }
}

impl StepError {
    /// An error for one of the engine's own reasons.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { code: reason.code().to_owned(), message: message.into(), blocked_by: None }
    }
}
