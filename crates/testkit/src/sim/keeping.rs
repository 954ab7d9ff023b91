//! What looks after storage, as a node of a simulation reaches it: with the faults of any other call.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, SessionId, TaskId};
use codeflow_engine::{
    Chore, Doctor, Error, Examined, Litter, LogLine, Old, OldExecutions, Part, Swept, Upkeep,
};

use super::store::SimStore;

#[async_trait]
impl Doctor for SimStore {
    async fn examine(&self, part: Part, after: Option<String>, limit: u32) -> Result<Examined, Error> {
        self.call("examine", move |store| async move { store.examine(part, after, limit).await }).await
    }

    async fn put_back(&self, task: TaskId) -> Result<bool, Error> {
        self.call("put_back", move |store| async move { store.put_back(task).await }).await
    }

    async fn take_chore(&self, chore: Chore, holder: SessionId, ttl: Duration) -> Result<bool, Error> {
        self.call("take_chore", move |store| async move { store.take_chore(chore, holder, ttl).await }).await
    }
}

#[async_trait]
impl Upkeep for SimStore {
    async fn outlived(
        &self,
        status: ExecutionStatus,
        keep: Duration,
        after: Option<ExecutionId>,
        limit: u32,
    ) -> Result<OldExecutions, Error> {
        self.call("outlived", move |store| async move { store.outlived(status, keep, after, limit).await })
            .await
    }

    async fn logs_of(&self, ids: &[ExecutionId]) -> Result<BTreeMap<ExecutionId, Vec<LogLine>>, Error> {
        let ids = ids.to_vec();
        self.call("logs_of", move |store| async move { store.logs_of(&ids).await }).await
    }

    async fn remove(&self, old: Vec<Old>) -> Result<u32, Error> {
        self.call("remove", move |store| async move { store.remove(old).await }).await
    }

    async fn sweep(
        &self,
        litter: Litter,
        keep: Duration,
        after: Option<String>,
        limit: u32,
    ) -> Result<Swept, Error> {
        self.call("sweep", move |store| async move { store.sweep(litter, keep, after, limit).await }).await
    }
}
