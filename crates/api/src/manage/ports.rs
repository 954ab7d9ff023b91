//! What the paths under `/api` ask of an engine, always in the name of a tenant. What is another tenant's is not there.

mod engine;

use async_trait::async_trait;
use codeflow_core::workflow::{StepName, WorkflowName};
use codeflow_core::{ExecutionId, Problems, Tenant};
use codeflow_engine::{
    Decision, Error, ErrorKind, ExecutionFilter, ExecutionRecord, LogLine, Snapshot, StoredVersion,
};
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
    /// Everything that is wrong with it, or [`Unavailable`](ErrorKind::Unavailable).
    async fn put(&self, tenant: &Tenant, document: &str) -> Result<StoredVersion, PutError>;

    /// The latest version of each workflow, by name, after this one.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    async fn list(
        &self,
        tenant: &Tenant,
        after: Option<&WorkflowName>,
        limit: u32,
    ) -> Result<Vec<StoredVersion>, Error>;

    /// The latest version of a workflow.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
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
    /// [`NotFound`](ErrorKind::NotFound), [`InvalidInput`](ErrorKind::InvalidInput),
    /// [`Unavailable`](ErrorKind::Unavailable).
    async fn start(&self, tenant: &Tenant, start: NewStart) -> Result<(ExecutionRecord, bool), Error>;

    /// Executions, newest first.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    async fn list(
        &self,
        tenant: &Tenant,
        filter: ExecutionFilter,
        limit: u32,
    ) -> Result<Vec<ExecutionRecord>, Error>;

    /// An execution with its journal.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    async fn get(&self, tenant: &Tenant, id: ExecutionId) -> Result<Snapshot, Error>;

    /// Its log, oldest first.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
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
    /// [`NotFound`](ErrorKind::NotFound), [`Conflict`](ErrorKind::Conflict), [`Forbidden`](ErrorKind::Forbidden),
    /// [`Unavailable`](ErrorKind::Unavailable).
    async fn control(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        by: &str,
        control: Control,
    ) -> Result<(), Error>;
}

/// A process without an engine.
pub(crate) struct Absent;

fn absent() -> Error {
    Error::new(ErrorKind::Unavailable, "this process has no engine")
}

#[async_trait]
impl Workflows for Absent {
    async fn put(&self, _: &Tenant, _: &str) -> Result<StoredVersion, PutError> {
        Err(PutError::Engine(absent()))
    }

    async fn list(&self, _: &Tenant, _: Option<&WorkflowName>, _: u32) -> Result<Vec<StoredVersion>, Error> {
        Err(absent())
    }

    async fn get(&self, _: &Tenant, _: &WorkflowName) -> Result<StoredVersion, Error> {
        Err(absent())
    }
}

#[async_trait]
impl Executions for Absent {
    async fn start(&self, _: &Tenant, _: NewStart) -> Result<(ExecutionRecord, bool), Error> {
        Err(absent())
    }

    async fn list(&self, _: &Tenant, _: ExecutionFilter, _: u32) -> Result<Vec<ExecutionRecord>, Error> {
        Err(absent())
    }

    async fn get(&self, _: &Tenant, _: ExecutionId) -> Result<Snapshot, Error> {
        Err(absent())
    }

    async fn logs(&self, _: &Tenant, _: ExecutionId, _: u32, _: u32) -> Result<Vec<LogLine>, Error> {
        Err(absent())
    }

    async fn control(&self, _: &Tenant, _: ExecutionId, _: &str, _: Control) -> Result<(), Error> {
        Err(absent())
    }
}
