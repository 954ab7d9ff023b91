//! Workflow versions in memory.

use async_trait::async_trait;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_engine::{Error, NewVersion, StoredVersion, WorkflowStore};

use super::MemoryStore;

#[async_trait]
impl WorkflowStore for MemoryStore {
    async fn put_version(&self, new: NewVersion) -> Result<(), Error> {
        let (mut model, now) = self.open();
        let latest =
            model.workflows.entry(new.name.clone()).or_insert_with(|| (new.workflow_id, new.version.clone()));
        latest.1 = new.version.clone();
        let workflow_id = latest.0;
        model.put_schedules(&new.name, &new.version, new.schedules, now);
        model.versions.entry(new.version.clone()).or_insert_with(|| StoredVersion {
            workflow_id,
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

    async fn latest_version(&self, name: &WorkflowName) -> Result<Option<StoredVersion>, Error> {
        let (model, _) = self.open();
        let latest = model.workflows.get(name);
        Ok(latest.and_then(|(_, version)| model.versions.get(version)).cloned())
    }
}
