//! Removal in front of storage that goes wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Error, Litter, LogLine, Old, OldExecutions, Swept, Upkeep};

use super::FaultyStore;

#[async_trait]
impl Upkeep for FaultyStore {
    async fn outlived(
        &self,
        status: ExecutionStatus,
        keep: Duration,
        after: Option<ExecutionId>,
        limit: u32,
    ) -> Result<OldExecutions, Error> {
        self.heard(self.inner().await?.outlived(status, keep, after, limit).await)
    }

    async fn logs_of(&self, ids: &[ExecutionId]) -> Result<BTreeMap<ExecutionId, Vec<LogLine>>, Error> {
        self.heard(self.inner().await?.logs_of(ids).await)
    }

    async fn remove(&self, old: Vec<Old>) -> Result<u32, Error> {
        self.heard(self.inner().await?.remove(old).await)
    }

    async fn sweep(
        &self,
        litter: Litter,
        keep: Duration,
        after: Option<String>,
        limit: u32,
    ) -> Result<Swept, Error> {
        self.heard(self.inner().await?.sweep(litter, keep, after, limit).await)
    }
}
