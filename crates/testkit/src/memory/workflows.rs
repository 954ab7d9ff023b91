//! Workflow versions in memory.

use async_trait::async_trait;
use codeflow_core::Tenant;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_engine::{Error, NewVersion, StoredVersion, WorkflowStore};

use super::MemoryStore;

#[async_trait]
impl WorkflowStore for MemoryStore {
    async fn put_version(&self, new: NewVersion) -> Result<(), Error> {
        let (mut model, now) = self.open();
        let latest = model
            .workflows
            .entry((new.tenant.clone(), new.name.clone()))
            .or_insert_with(|| (new.workflow_id, new.version.clone()));
        latest.1 = new.version.clone();
        let workflow_id = latest.0;
        model.put_schedules((&new.tenant, &new.name), &new.version, new.schedules, now);
        model.versions.entry(new.version.clone()).or_insert_with(|| StoredVersion {
            workflow_id,
            tenant: new.tenant,
            name: new.name,
            version: new.version,
            document: new.document,
            created_at: now,
        });
        Ok(())
    }

    async fn find_version(&self, version: &VersionId) -> Result<Option<StoredVersion>, Error> {
        Ok(self.open().0.versions.get(version).cloned())
    }

    async fn latest_version(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
    ) -> Result<Option<StoredVersion>, Error> {
        let (model, _) = self.open();
        let latest = model.workflows.get(&(tenant.clone(), name.clone()));
        Ok(latest.and_then(|(_, version)| model.versions.get(version)).cloned())
    }

    async fn list_workflows(
        &self,
        tenant: &Tenant,
        after: Option<&WorkflowName>,
        limit: u32,
    ) -> Result<Vec<StoredVersion>, Error> {
        let (model, _) = self.open();
        let theirs = model.workflows.iter().filter(|((whose, _), _)| whose == tenant);
        let rest = theirs.filter(|((_, name), _)| after.is_none_or(|after| name > after));
        let versions = rest.filter_map(|(_, (_, version))| model.versions.get(version).cloned());
        Ok(versions.take(limit as usize).collect())
    }
}
