//! The doctor in front of storage that goes wrong.

use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{SessionId, TaskId};
use codeflow_engine::{Chore, Doctor, Error, Examined, Part};

use super::FaultyStore;

#[async_trait]
impl Doctor for FaultyStore {
    async fn examine(&self, part: Part, after: Option<String>, limit: u32) -> Result<Examined, Error> {
        let mut examined = self.heard(self.inner().await?.examine(part, after, limit).await)?;
        let alarm = (part == Part::Tasks).then(|| self.faults().alarms.pop_front()).flatten();
        examined.findings.extend(alarm.into_iter().flatten());
        Ok(examined)
    }

    async fn put_back(&self, task: TaskId) -> Result<bool, Error> {
        self.heard(self.inner().await?.put_back(task).await)
    }

    async fn take_chore(&self, chore: Chore, holder: SessionId, ttl: Duration) -> Result<bool, Error> {
        self.heard(self.inner().await?.take_chore(chore, holder, ttl).await)
    }
}
