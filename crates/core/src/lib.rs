//! What CodeFlow is about, without I/O: ids, time and money, workflow documents, the execution
//! state machine, retry arithmetic, error codes and redaction. Nothing here reads a clock, draws
//! a random number or opens a file; those are handed in.
//!
//! ```
//! use codeflow_core::{ExecutionId, Usd};
//!
//! let id: ExecutionId = "exec_0192f0c1a2b37c3d8e4f5a6b7c8d9e0f".parse()?;
//! assert_eq!(id.to_string(), "exec_0192f0c1a2b37c3d8e4f5a6b7c8d9e0f");
//! assert_eq!("0.40".parse::<Usd>()?.micros(), 400_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod action;
mod error;
pub mod execution;
mod ids;
mod money;
mod redact;
mod retry;
pub mod schedule;
mod size;
mod tenant;
mod time;
pub mod workflow;

pub use action::{
    ActionCall, ActionCatalog, ActionError, ActionErrorKind, ActionName, ActionOutcome, ActionSpec,
    InputSpec, InvalidActionName, NoActions, Permission, Upstream, ValueType,
};
pub use error::{Class, Coded, Location, Problem, Problems};
pub use ids::{
    BatchId, BlobId, ExecutionId, Ids, InvalidId, JobId, KeyId, LoginId, MessageId, ScheduleId, SessionId,
    TaskId, UserId, WorkflowId,
};
pub use money::{InvalidUsd, Usd};
pub use redact::redact;
pub use retry::{Backoff, RetryPolicy};
pub use size::parse_bytes;
pub use tenant::{InvalidTenant, Tenant};
pub use time::{Clock, InvalidDuration, Timestamp, format_duration, parse_duration};
