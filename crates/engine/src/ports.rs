//! What the engine needs from outside: storage and actions. Adapters implement these; the root joins them.

mod actions;
mod jobs;
mod journal;
mod queue;
mod wakeups;
mod workflows;

pub use actions::ActionRunner;
pub use jobs::{Enqueued, JobEnds, JobQueue, NewJob};
pub use journal::{
    Advance, ChildEnded, Ending, ExecutionFilter, ExecutionRecord, FIRST_SEQ, Flushed, Journal, LogLine,
    Message, MessageBody, NewExecution, Snapshot, Started,
};
pub use queue::{
    Claim, Claimed, Dead, MAX_DEATHS, NewTask, OpenTask, Promoted, QuarantinedTask, Recovered, Renewal,
    Session, Task, TaskQueue, Work,
};
pub use wakeups::{Wire, WireConnection};
pub use workflows::{NewVersion, StepSummary, StoredVersion, WorkflowStore};

/// Everything the engine needs from one storage.
pub trait Store: Journal + TaskQueue + JobQueue + WorkflowStore {}

impl<T: Journal + TaskQueue + JobQueue + WorkflowStore> Store for T {}
