//! What a process may watch while it works: for progress on a terminal, never for decisions.

use codeflow_core::execution::{ExecutionStatus, Settled, StepPath};
use codeflow_core::workflow::StepName;
use codeflow_core::{ExecutionId, JobId};

/// Something that this process did. Results are told after they are durable.
#[derive(Clone, Debug)]
pub enum Event {
    /// An attempt begins.
    Began {
        /// The execution.
        execution: ExecutionId,
        /// The step or iteration.
        path: StepPath,
        /// The attempt, counted from one.
        attempt: u32,
    },
    /// A line was added to the log.
    Logged {
        /// The execution.
        execution: ExecutionId,
        /// The step it is about; empty for the execution as a whole.
        path: String,
        /// What it says.
        message: String,
    },
    /// A step waits for a time, a signal or a decision.
    Waiting {
        /// The execution.
        execution: ExecutionId,
        /// The step.
        step: StepName,
    },
    /// A step or an iteration started another execution.
    Called {
        /// The execution.
        execution: ExecutionId,
        /// The step or iteration.
        path: StepPath,
        /// The execution that it started.
        child: ExecutionId,
    },
    /// A step or an iteration ended.
    Settled {
        /// The execution.
        execution: ExecutionId,
        /// How.
        settled: Settled,
    },
    /// An execution ended.
    Ended {
        /// The execution.
        execution: ExecutionId,
        /// How.
        status: ExecutionStatus,
    },
    /// An attempt of a job ended.
    Job {
        /// The job.
        job: JobId,
        /// The attempt, counted from one.
        attempt: u32,
        /// How.
        end: JobEnd,
    },
}

/// How an attempt of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEnd {
    /// The job is done.
    Done,
    /// Another attempt follows.
    Again,
    /// The job was given up and is among the dead letters.
    Dead,
}

/// Hears of events. It must return at once.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn notice(&self, event: Event);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn notice(&self, _event: Event) {}
}
