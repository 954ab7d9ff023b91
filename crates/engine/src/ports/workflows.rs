//! The port to stored workflow versions. A version is named by its content and never changes.

use async_trait::async_trait;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_core::{Tenant, Timestamp, WorkflowId};
use serde_json::Value;

use crate::Error;
use crate::ports::NewSchedule;

/// A version to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVersion {
    /// The id of the workflow, if this is its first version.
    pub workflow_id: WorkflowId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The workflow's name, unique in its tenant.
    pub name: WorkflowName,
    /// What names the version.
    pub version: VersionId,
    /// The document, as it was written.
    pub document: String,
    /// Its steps, for those who query.
    pub steps: Vec<StepSummary>,
    /// Its triggers: the kind, and what it says.
    pub triggers: Vec<(String, Value)>,
    /// When it starts by itself.
    pub schedules: Vec<NewSchedule>,
}

/// One step of a stored version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepSummary {
    /// Its name.
    pub name: String,
    /// What it does: the name of an action, or `approval`, `wait`, `sleep`, `run`.
    pub uses: String,
}

/// A version as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredVersion {
    /// The workflow's id.
    pub workflow_id: WorkflowId,
    /// Whose it is.
    pub tenant: Tenant,
    /// The workflow's name.
    pub name: WorkflowName,
    /// What names the version.
    pub version: VersionId,
    /// The document, as it was written.
    pub document: String,
    /// When it was first kept.
    pub created_at: Timestamp,
}

/// A version in a list, without its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedVersion {
    /// What names the version.
    pub version: VersionId,
    /// When it was first kept.
    pub created_at: Timestamp,
    /// Whether it is its workflow's latest.
    pub is_latest: bool,
}

/// Keeps workflow versions.
#[async_trait]
pub trait WorkflowStore: Send + Sync {
    /// Keeps a version and makes it the workflow's latest. Keeping an equal one again changes nothing else.
    ///
    /// With it, its schedules become those of the workflow: new ones fire from their next slot on, those
    /// that are not there any more never fire again. One that was there before goes on as it was, paused or
    /// with slots to catch up with, and starts the new version.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn put_version(&self, version: NewVersion) -> Result<(), Error>;

    /// Finds a version.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn find_version(&self, version: &VersionId) -> Result<Option<StoredVersion>, Error>;

    /// Finds the latest version of a workflow.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn latest_version(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
    ) -> Result<Option<StoredVersion>, Error>;

    /// The workflows of a tenant, by name, each with its latest version, after `after`, at most so many.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn list_workflows(
        &self,
        tenant: &Tenant,
        after: Option<&WorkflowName>,
        limit: u32,
    ) -> Result<Vec<StoredVersion>, Error>;

    /// The versions of a tenant's workflow, those that were first kept last before the others, after the version `after`,
    /// at most so many; none of a workflow that does not exist, and none after a version that it does not have.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn list_versions(
        &self,
        tenant: &Tenant,
        name: &WorkflowName,
        after: Option<&VersionId>,
        limit: u32,
    ) -> Result<Vec<ListedVersion>, Error>;
}
