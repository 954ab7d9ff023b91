//! Advances executions: what is due, what a result unlocks, timers, approvals, signals.
//! Where things are kept and what actions do is behind the ports declared here.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use codeflow_core::{NoActions, workflow};
//! use codeflow_engine::{Engine, Parts, Silent, StartRequest, WorkerSettings};
//! # use codeflow_core::{ActionCall, ActionCatalog, ActionError, ActionOutcome};
//! # struct Nothing;
//! # #[async_trait::async_trait]
//! # impl codeflow_engine::ActionRunner for Nothing {
//! #     fn catalog(&self) -> &dyn ActionCatalog { &NoActions }
//! #     async fn run(
//! #         &self,
//! #         _call: ActionCall,
//! #         _stop: tokio_util::sync::CancellationToken,
//! #     ) -> Result<ActionOutcome, ActionError> {
//! #         Ok(ActionOutcome::Done(serde_json::json!({})))
//! #     }
//! # }
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let clock = Arc::new(codeflow_runtime::SystemClock);
//! # let store = Arc::new(codeflow_testkit::MemoryStore::new(clock.clone()));
//! # let actions = Arc::new(Nothing);
//! let ids = Arc::new(codeflow_runtime::SystemIds);
//! let engine = Engine::new(Parts { store, actions, clock, ids, observer: Arc::new(Silent) });
//!
//! let document = "version: 1\nname: nap\nsteps: { rest: { sleep: 10ms } }\n";
//! let nap = workflow::parse(document, &NoActions)?;
//! engine.register(&nap, document).await?;
//! let request = StartRequest { version: nap.version, inputs: Default::default(), idempotency_key: None };
//! let (id, _) = engine.start(request).await?;
//!
//! let tasks = codeflow_runtime::Tasks::new();
//! let (worker, stop) = (engine.worker(WorkerSettings::default()), tasks.stop_token());
//! tasks.spawn("worker", async move { worker.run(stop).await });
//! while !engine.get(id, None).await?.record.status.is_final() {
//!     tokio::time::sleep(Duration::from_millis(5)).await;
//! }
//! # tasks.shut_down(Duration::from_secs(5)).await;
//! # Ok(()) }
//! ```

mod brief;
mod cache;
mod command;
mod doctor;
mod engine;
mod error;
mod inputs;
mod jobs;
mod live;
mod observer;
mod plan;
mod ports;
mod replay;
mod retention;
mod schedules;
mod scope;
mod slots;
mod starts;
mod steady;
mod view;
mod wakeups;
mod worker;

pub use doctor::{Checkup, Examination, Health, Monitor};
pub use engine::{DeadLetter, Decider, Decision, Engine, LetterOwner, Parts, Rerun};
pub use error::{BoxError, Error, ErrorKind};
pub use jobs::JobRequest;
pub use observer::{Event, JobEnd, Observer, Silent};
pub use ports::{
    ActionRunner, Admitted, Advance, Archive, ChildEnded, Chore, Claim, Claimed, Dead, Disorder, Doctor,
    DueSchedules, Ending, Enqueued, Examined, ExecutionFilter, ExecutionRecord, FIRST_SEQ, FactPlace,
    Finding, Finished, Fired, Firing, Flushed, InvalidSlotOutcome, JobEnds, JobQueue, Journal, ListedVersion,
    Litter, LogLine, MAX_DEATHS, Message, MessageBody, NewExecution, NewJob, NewSchedule, NewTask,
    NewVersion, Old, OldExecutions, OpenTask, Part, PendingSlot, Promoted, QuarantinedTask, Recorded,
    Recovered, Renewal, ScheduleRecord, ScheduleStore, Session, Slot, SlotMove, SlotOutcome, Snapshot,
    Started, StepSummary, Store, StoredVersion, Swept, Task, TaskQueue, Upkeep, Wire, WireConnection, Work,
    WorkflowStore, fair_key,
};
pub use replay::{Anew, Answered, Change, Outcome, Replay, ReplayRequest, ReplayedStep};
pub use retention::{Keeper, Removed, RetentionSettings};
pub use schedules::{Pass, Scheduler};
pub use starts::StartRequest;
pub use view::{Phase, StepView, View, step_uses};
pub use wakeups::{Hearing, Listener, WakeupSettings, Wakeups};
pub use worker::{NotReady, Worker, WorkerSettings, WorkerVitals};
