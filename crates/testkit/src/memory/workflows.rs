//! Workflow versions in memory.

use async_trait::async_trait;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_engine::{Error, NewVersion, StoredVersion, WorkflowStore};

use super::MemoryStore;

#[async_trait]
impl WorkflowStore for MemoryStore {
    async fn put_version(&self, version: NewVersion) -> Result<(), Error> {
        let mut model = self.model()?;
        let first = model.latest.get(&version.name).and_then(|latest| model.versions.get(latest));
        let workflow_id = first.map_or(version.workflow_id, |first| first.workflow_id);
        model.latest.insert(version.name.clone(), version.version.clone());
        let stored = StoredVersion {
            workflow_id,
            name: version.name,
            version: version.version.clone(),
            document: version.document,
            created_at: self.now(),
        };
        model.versions.entry(version.version).or_insert(stored);
        Ok(())
    }

    async fn find_version(&self, version: &VersionId) -> Result<Option<StoredVersion>, Error> {
        Ok(self.model()?.versions.get(version).cloned())
    }

    async fn latest_version(&self, name: &WorkflowName) -> Result<Option<StoredVersion>, Error> {
        let model = self.model()?;
        Ok(model.latest.get(name).and_then(|version| model.versions.get(version)).cloned())
    }
}
