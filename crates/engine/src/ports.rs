//! What the engine needs from outside: storage and actions. Adapters implement these; the root joins them.

mod actions;
mod doctor;
mod facts;
mod jobs;
mod journal;
mod queue;
mod schedules;
mod upkeep;
mod wakeups;
mod workflows;

pub use actions::ActionRunner;
pub use doctor::{Chore, Disorder, Doctor, Examined, Finding, Part};
pub use facts::{FactPlace, Recorded};
pub use jobs::{Enqueued, JobEnds, JobQueue, NewJob};
pub use journal::{
    Advance, ChildEnded, Ending, ExecutionFilter, ExecutionRecord, FIRST_SEQ, Flushed, Journal, LogLine,
    Message, MessageBody, NewExecution, Slot, SlotMove, Snapshot, Started,
};
pub use queue::{
    Admitted, Claim, Claimed, Dead, MAX_DEATHS, NewTask, OpenTask, Promoted, QuarantinedTask, Recovered,
    Renewal, Session, Task, TaskQueue, Work, fair_key,
};
pub use schedules::{
    DueSchedules, Fired, Firing, InvalidSlotOutcome, NewSchedule, PendingSlot, ScheduleRecord, ScheduleStore,
    SlotOutcome,
};
pub use upkeep::{Archive, Finished, Litter, Old, OldExecutions, Swept, Upkeep};
pub use wakeups::{Wire, WireConnection};
pub use workflows::{ListedVersion, NewVersion, StepSummary, StoredVersion, WorkflowStore};

/// Everything the engine needs from one storage.
pub trait Store: Journal + TaskQueue + JobQueue + WorkflowStore + ScheduleStore + Doctor + Upkeep {}

impl<T: Journal + TaskQueue + JobQueue + WorkflowStore + ScheduleStore + Doctor + Upkeep> Store for T {}
