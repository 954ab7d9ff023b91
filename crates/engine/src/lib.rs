//! Advances executions: what is due, what a result unlocks, timers, approvals, signals.
//! Where things are kept and what actions do is behind the ports declared here.

mod brief;
mod cache;
mod engine;
mod error;
mod inputs;
mod live;
mod observer;
mod plan;
mod ports;
mod scope;
mod worker;

pub use engine::{Engine, Parts, StartRequest};
pub use error::{BoxError, Error, ErrorKind};
pub use observer::{Event, Observer, Silent};
pub use ports::{
    ActionRunner, Advance, Claim, Claimed, Dead, Ending, ExecutionFilter, ExecutionRecord, Flushed, Journal,
    LogLine, MAX_DEATHS, Message, MessageBody, NewExecution, NewTask, NewVersion, OpenTask, Promoted,
    QuarantinedTask, Recovered, Session, Snapshot, Started, StepSummary, Store, StoredVersion, Task,
    TaskQueue, Work, WorkflowStore,
};
pub use worker::{Worker, WorkerSettings};
