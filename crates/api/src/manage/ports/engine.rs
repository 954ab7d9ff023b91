//! The engine behind the ports: the one file here that knows how it keeps tenants apart.

use std::sync::Arc;

use async_trait::async_trait;
use codeflow_core::workflow::{self, StepName, VersionId, Workflow, WorkflowName};
use codeflow_core::{ExecutionId, Tenant};
use codeflow_engine::{
    ActionRunner, Engine, Error, ErrorKind, ExecutionFilter, ExecutionRecord, FactPlace, ListedVersion,
    LogLine, Recorded, Rerun, Snapshot, StartRequest, Started, StoredVersion,
};

use super::sight::{Sight, sight};
use super::{Control, Executions, NewRerun, NewStart, PutError, RerunVersion, Workflows};

/// An engine, with what documents are checked against.
#[derive(Clone)]
pub struct EnginePorts {
    /// The engine.
    pub engine: Engine,
    /// What `uses:` means.
    pub actions: Arc<dyn ActionRunner>,
}

impl EnginePorts {
    /// An execution of the tenant, without its facts. What is another's is not there.
    async fn own(&self, tenant: &Tenant, id: ExecutionId) -> Result<Snapshot, Error> {
        let snapshot = self.engine.get(id, Some(i64::MAX)).await?;
        if snapshot.record.tenant == *tenant {
            return Ok(snapshot);
        }
        Err(Error::new(ErrorKind::NotFound, format!("execution `{id}` does not exist")))
    }

    /// What became of a start.
    async fn begun(
        &self,
        tenant: &Tenant,
        (id, started): (ExecutionId, Started),
    ) -> Result<(ExecutionRecord, bool), Error> {
        let record = self.own(tenant, id).await?.record;
        match started {
            Started::Created => Ok((record, true)),
            Started::Existing(_) | Started::Skipped(_) => Ok((record, false)),
        }
    }
}

#[async_trait]
impl Workflows for EnginePorts {
    async fn put(&self, tenant: &Tenant, document: &str) -> Result<StoredVersion, PutError> {
        let workflow = self.check(tenant, document).await?;
        self.engine.register(&workflow, document).await.map_err(PutError::Engine)?;
        self.engine.latest(tenant, &workflow.name).await.map_err(PutError::Engine)
    }

    async fn check(&self, tenant: &Tenant, document: &str) -> Result<Workflow, PutError> {
        let (text, actions, whose) = (document.to_owned(), Arc::clone(&self.actions), tenant.clone());
        // A large document takes its time, and others are answered by the same thread.
        let parsing = move || workflow::parse(&text, actions.catalog()).map(|workflow| workflow.of(&whose));
        let parsed = tokio::task::spawn_blocking(parsing).await;
        let fault = |_| PutError::Engine(Error::new(ErrorKind::Internal, "the document could not be read"));
        parsed.map_err(fault)?.map_err(PutError::Invalid)
    }

    async fn outline(&self, tenant: &Tenant, name: &WorkflowName) -> Result<Arc<Workflow>, Error> {
        let version = self.engine.latest(tenant, name).await?.version;
        self.engine.workflow(&version).await
    }

    async fn list(
        &self,
        tenant: &Tenant,
        after: Option<&WorkflowName>,
        limit: u32,
    ) -> Result<Vec<StoredVersion>, Error> {
        self.engine.list_workflows(tenant, after, limit).await
    }

    async fn get(&self, tenant: &Tenant, name: &WorkflowName) -> Result<StoredVersion, Error> {
        self.engine.latest(tenant, name).await
    }

    async fn versions(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
        page: (Option<&VersionId>, u32),
    ) -> Result<Vec<ListedVersion>, Error> {
        self.engine.versions(tenant, name, page).await
    }

    async fn version(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
        version: &VersionId,
    ) -> Result<StoredVersion, Error> {
        self.engine.version(tenant, name, version).await
    }
}

#[async_trait]
impl Executions for EnginePorts {
    async fn start(&self, tenant: &Tenant, start: NewStart) -> Result<(ExecutionRecord, bool), Error> {
        let version = self.engine.latest(tenant, &start.workflow).await?.version;
        let request = StartRequest { version, inputs: start.inputs, idempotency_key: start.key };
        self.begun(tenant, self.engine.start(request).await?).await
    }

    async fn list(
        &self,
        tenant: &Tenant,
        filter: ExecutionFilter,
        limit: u32,
    ) -> Result<Vec<ExecutionRecord>, Error> {
        let filter = ExecutionFilter { tenant: Some(tenant.clone()), ..filter };
        self.engine.list(filter, limit).await
    }

    async fn get(&self, tenant: &Tenant, id: ExecutionId) -> Result<Snapshot, Error> {
        self.own(tenant, id).await
    }

    async fn steps(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        whole: Option<&StepName>,
    ) -> Result<Sight, Error> {
        let snapshot = self.own(tenant, id).await?;
        let workflow = self.engine.workflow(&snapshot.record.version).await?;
        sight(&self.engine, snapshot, workflow, whole).await
    }

    async fn facts(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        (after, limit): (Option<FactPlace>, u32),
    ) -> Result<Vec<Recorded>, Error> {
        self.own(tenant, id).await?;
        self.engine.facts(id, after, limit).await
    }

    async fn rerun(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        rerun: NewRerun,
    ) -> Result<(ExecutionRecord, bool), Error> {
        let record = self.own(tenant, id).await?.record;
        let NewRerun { inputs, version, key } = rerun;
        // A version is looked for among the tenant's own: the engine would take anybody's of the same name.
        let version = match version {
            RerunVersion::Same => record.version,
            RerunVersion::Latest => self.engine.latest(tenant, &record.workflow).await?.version,
            RerunVersion::Of(version) => {
                self.engine.version(tenant, &record.workflow, &version).await?.version
            }
        };
        let rerun = Rerun { inputs, version: Some(version), idempotency_key: key };
        self.begun(tenant, self.engine.rerun(id, rerun).await?).await
    }

    async fn logs(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        skip: u32,
        limit: u32,
    ) -> Result<Vec<LogLine>, Error> {
        self.own(tenant, id).await?;
        self.engine.logs(id, skip, limit).await
    }

    async fn control(
        &self,
        tenant: &Tenant,
        id: ExecutionId,
        by: &str,
        control: Control,
    ) -> Result<(), Error> {
        self.own(tenant, id).await?;
        match control {
            Control::Cancel(reason) => self.engine.cancel(id, by, reason).await,
            Control::Pause(reason) => self.engine.pause(id, by, reason).await,
            Control::Resume(None) => self.engine.resume(id, by).await,
            Control::Resume(Some(budget)) => self.engine.resume_with(id, by, budget).await,
            Control::Restart(from) => self.engine.restart(id, from, by).await,
            Control::Signal(event, payload) => self.engine.signal(id, &event, payload).await,
            Control::Decide(step, decision) => self.engine.decide(id, &step, decision).await,
        }
    }
}
