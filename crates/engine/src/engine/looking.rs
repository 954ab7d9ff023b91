//! Looking closer: the journal of an execution page by page, and the versions of a workflow.

use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_core::{ExecutionId, Tenant};

use super::Engine;
use crate::ports::{FactPlace, ListedVersion, Recorded, StoredVersion};
use crate::{Error, ErrorKind};

impl Engine {
    /// The facts of an execution's journal after a place, in their order; none for one that does not exist.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable), [`Corrupt`](ErrorKind::Corrupt).
    pub async fn facts(
        &self,
        id: ExecutionId,
        after: Option<FactPlace>,
        limit: u32,
    ) -> Result<Vec<Recorded>, Error> {
        self.parts.store.facts(id, after, limit).await
    }

    /// The versions of a tenant's workflow, the youngest first, after this one.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such workflow, [`Unavailable`](ErrorKind::Unavailable).
    pub async fn versions(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
        (after, limit): (Option<&VersionId>, u32),
    ) -> Result<Vec<ListedVersion>, Error> {
        let listed = self.parts.store.list_versions(tenant, name, after, limit).await?;
        if listed.is_empty() {
            self.latest(tenant, name).await?;
        }
        Ok(listed)
    }

    /// A version of a tenant's workflow.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), also for one of another tenant or workflow;
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn version(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
        version: &VersionId,
    ) -> Result<StoredVersion, Error> {
        let found = self.parts.store.find_version(version).await?;
        let own = found.filter(|found| found.tenant == *tenant && found.name == *name);
        let none =
            || Error::new(ErrorKind::NotFound, format!("workflow `{name}` has no version `{version}`"));
        own.ok_or_else(none)
    }
}
