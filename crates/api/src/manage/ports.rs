//! What the paths under `/api` ask of an engine, always in the name of a tenant, and of the audit log. What is another
//! tenant's is not there.

mod audit;
mod engine;
mod sight;

use std::sync::Arc;

use async_trait::async_trait;
use codeflow_core::workflow::{StepName, VersionId, Workflow, WorkflowName};
use codeflow_core::{ExecutionId, Problems, Tenant, Usd};
use codeflow_engine::{
    Decision, Error, ExecutionFilter, ExecutionRecord, FactPlace, ListedVersion, LogLine, Recorded, Snapshot,
    StoredVersion,
};
use serde_json::{Map, Value};

pub use audit::Audit;
pub use engine::EnginePorts;
pub use sight::Sight;

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

    /// Checks a document, and keeps nothing.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    async fn check(&self, tenant: &Tenant, document: &str) -> Result<Workflow, PutError>;

    /// The latest version of a workflow, as it runs.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn outline(&self, tenant: &Tenant, name: &WorkflowName) -> Result<Arc<Workflow>, Error>;

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

    /// The versions of a workflow, the youngest first, after this one.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn versions(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
        page: (Option<&VersionId>, u32),
    ) -> Result<Vec<ListedVersion>, Error>;

    /// A version of a workflow.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn version(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
        version: &VersionId,
    ) -> Result<StoredVersion, Error>;
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

/// An execution to start like another one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewRerun {
    /// Its inputs; those of the other one if not given.
    pub inputs: Option<Map<String, Value>>,
    /// The version that it runs.
    pub version: RerunVersion,
    /// A second start with the same key finds the first.
    pub key: Option<String>,
}

/// Which version is run again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RerunVersion {
    /// That of the other execution.
    #[default]
    Same,
    /// The latest of the workflow.
    Latest,
    /// This one of the same workflow.
    Of(VersionId),
}

/// What somebody wants of an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Control {
    /// It stops.
    Cancel(Option<String>),
    /// Nothing more of it begins.
    Pause(Option<String>),
    /// It goes on. All of it may spend this from then on, if that is said.
    Resume(Option<Usd>),
    /// It has ended, and is taken up again: from this step on, or with every step that did not succeed.
    Restart(Option<StepName>),
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

    /// An execution, without its facts.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn get(&self, tenant: &Tenant, id: ExecutionId) -> Result<Snapshot, Error>;

    /// The steps of an execution, without what is large. Of `whole` also what it gave, up to 1 MiB.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn steps(&self, tenant: &Tenant, id: ExecutionId, whole: Option<&StepName>)
    -> Result<Sight, Error>;

    /// Its journal after a place, in the order of the facts.
    ///
    /// # Errors
    /// [`NotFound`](codeflow_engine::ErrorKind::NotFound), [`Unavailable`](codeflow_engine::ErrorKind::Unavailable).
    async fn facts(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        page: (Option<FactPlace>, u32),
    ) -> Result<Vec<Recorded>, Error>;

    /// Starts an execution like another one. True: it is new.
    ///
    /// # Errors
    /// Those of [`start`](Self::start).
    async fn rerun(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        rerun: NewRerun,
    ) -> Result<(ExecutionRecord, bool), Error>;

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
