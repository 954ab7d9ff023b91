//! What the engine needs from outside: storage and actions. Adapters implement these; the root joins them.

mod actions;
mod journal;
mod queue;
mod schedules;
mod workflows;

pub use actions::ActionRunner;
pub use journal::{
    Advance, Ending, ExecutionFilter, ExecutionRecord, Flushed, Journal, LogLine, Message, MessageBody,
    NewExecution, Snapshot, Started,
};
pub use queue::{
    Claim, Claimed, Dead, MAX_DEATHS, NewTask, OpenTask, Promoted, QuarantinedTask, Recovered, Session, Task,
    TaskQueue, Work,
};
pub use schedules::{
    DueSchedules, Fired, Firing, InvalidSlotOutcome, NewSchedule, PendingSlot, ScheduleRecord, ScheduleStore,
    SlotOutcome,
};
pub use workflows::{NewVersion, StepSummary, StoredVersion, WorkflowStore};

/// Everything the engine needs from one storage.
pub trait Store: Journal + TaskQueue + WorkflowStore + ScheduleStore {}

impl<T: Journal + TaskQueue + WorkflowStore + ScheduleStore> Store for T {}
