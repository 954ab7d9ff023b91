//! Workflow versions in memory.

use async_trait::async_trait;
use codeflow_core::Tenant;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_engine::{Error, ListedVersion, NewVersion, StoredVersion, WorkflowStore};

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

    async fn list_versions(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
        after: Option<&VersionId>,
        limit: u32,
    ) -> Result<Vec<ListedVersion>, Error> {
        let (model, _) = self.open();
        let latest = model.workflows.get(&(tenant.clone(), name.clone())).map(|(_, latest)| latest);
        let own = model.versions.values().filter(|one| (&one.tenant, &one.name) == (tenant, name));
        let mut listed: Vec<_> = own
            .map(|one| ListedVersion {
                version: one.version.clone(),
                created_at: one.created_at,
                is_latest: latest == Some(&one.version),
            })
            .collect();
        listed.sort_by(|one, other| (other.created_at, &other.version).cmp(&(one.created_at, &one.version)));
        if let Some(after) = after {
            let last = listed.iter().position(|one| one.version == *after);
            listed.drain(..last.map_or(listed.len(), |last| last + 1));
        }
        listed.truncate(limit as usize);
        Ok(listed)
    }
}
