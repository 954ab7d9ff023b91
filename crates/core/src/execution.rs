//! Executions: the two state machines, what a journal records, and the state that is its fold.

mod fact;
mod path;
mod reason;
mod state;
mod status;

pub use fact::{Caller, Fact, FactKind, Settled, StepError};
pub use path::{InvalidStepPath, StepPath};
pub use reason::Reason;
pub use state::{Answer, Child, Pause, Progress, State, StepState};
pub use status::{ExecutionEvent, ExecutionStatus, Refused, StepEvent, StepStatus, UnknownStatus};
