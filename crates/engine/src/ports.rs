//! What the engine needs from outside: storage and actions. Adapters implement these; the root joins them.

mod actions;
mod journal;
mod queue;
mod workflows;

pub use actions::ActionRunner;
pub use journal::{
    Advance, Ending, ExecutionFilter, ExecutionRecord, FIRST_SEQ, Flushed, Journal, LogLine, Message,
    MessageBody, NewExecution, Snapshot, Started,
};
pub use queue::{
    Claim, Claimed, Dead, MAX_DEATHS, NewTask, OpenTask, Promoted, QuarantinedTask, Recovered, Renewal,
    Session, Task, TaskQueue, Work,
};
pub use workflows::{NewVersion, StepSummary, StoredVersion, WorkflowStore};

/// Everything the engine needs from one storage.
pub trait Store: Journal + TaskQueue + WorkflowStore {}

impl<T: Journal + TaskQueue + WorkflowStore> Store for T {}
