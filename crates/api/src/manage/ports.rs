//! What the paths under `/api` ask of an engine, always in the name of a tenant. What is another tenant's is not there.

mod engine;

use async_trait::async_trait;
use codeflow_core::workflow::{StepName, WorkflowName};
use codeflow_core::{ExecutionId, Problems, Tenant};
use codeflow_engine::{Decision, Error, ExecutionFilter, ExecutionRecord, LogLine, Snapshot, StoredVersion};
use serde_json::{Map, Value};

pub use engine::EnginePorts;

/// Why a document is not kept.
#[derive(Debug)]
pub enum PutError {
    /// It is wrong.
    Invalid(Problems),
    /// It could not be kept.
    Engine(Error),
}

/// Workflows and their versions.
#[async_trait]
pub trait Workflows: Send + Sync {
    /// Checks a document and keeps it as the latest version of its workflow.
    ///
    /// # Errors
    /// Everything that is wrong with it, or [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn put(&self, tenant: &Tenant, document: &str) -> Result<StoredVersion, PutError>;

    /// The latest version of each workflow, by name, after this one.
    ///
    /// # Errors
    /// [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn list(
        &self,
        tenant: &Tenant,
        after: Option<&WorkflowName>,
        limit: u32,
    ) -> Result<Vec<StoredVersion>, Error>;

    /// The latest version of a workflow.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn get(&self, tenant: &Tenant, name: &WorkflowName) -> Result<StoredVersion, Error>;
}

/// An execution to start.
#[derive(Clone, Debug, PartialEq)]
pub struct NewStart {
    /// The workflow, whose latest version runs.
    pub workflow: WorkflowName,
    /// Its inputs.
    pub inputs: Map<String, Value>,
    /// A second start with the same key finds the first.
    pub key: Option<String>,
}

/// What somebody wants of an execution that is under way.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// It stops.
    Cancel(Option<String>),
    /// Nothing more of it begins.
    Pause(Option<String>),
    /// It goes on.
    Resume,
    /// It is told of an event.
    Signal(String, Value),
    /// A step that waits for a decision has it.
    Decide(StepName, Decision),
}

/// Executions.
#[async_trait]
pub trait Executions: Send + Sync {
    /// Starts an execution. True: it is new.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`InvalidInput`](codeflow_engine::ErrorKind::InvalidInput),
    /// [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn start(&self, tenant: &Tenant, start: NewStart) -> Result<(ExecutionRecord, bool), Error>;

    /// Executions, newest first.
    ///
    /// # Errors
    /// [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn list(
        &self,
        tenant: &Tenant,
        filter: ExecutionFilter,
        limit: u32,
    ) -> Result<Vec<ExecutionRecord>, Error>;

    /// An execution with its journal.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn get(&self, tenant: &Tenant, id: ExecutionId) -> Result<Snapshot, Error>;

    /// Its log, oldest first.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn logs(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<LogLine>, Error>;

    /// Tells it something, in somebody's name.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Conflict`](codeflow_engine::ErrorKind::Conflict), [`Forbidden`](codeflow_engine::ErrorKind::Forbidden),
    /// [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn control(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        by: &str,
        control: Control,
    ) -> Result<(), Error>;
}
