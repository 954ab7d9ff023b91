//! Schedules behind storage that goes wrong.

use async_trait::async_trait;
use codeflow_core::workflow::WorkflowName;
use codeflow_core::{ExecutionId, ScheduleId, Timestamp};
use codeflow_engine::{DueSchedules, Error, Fired, Firing, PendingSlot, ScheduleRecord, ScheduleStore};

use super::FaultyStore;

#[async_trait]
impl ScheduleStore for FaultyStore {
    async fn due_schedules(&self, limit: u32) -> Result<DueSchedules, Error> {
        self.heard(self.inner().await?.due_schedules(limit).await)
    }

    async fn fire(&self, firing: Firing) -> Result<Fired, Error> {
        self.heard(self.inner().await?.fire(firing).await)
    }

    async fn pending_slots(&self, limit: u32) -> Result<Vec<PendingSlot>, Error> {
        self.heard(self.inner().await?.pending_slots(limit).await)
    }

    async fn settle_slot(
        &self,
        schedule: ScheduleId,
        slot: Timestamp,
        execution: Option<ExecutionId>,
    ) -> Result<(), Error> {
        self.heard(self.inner().await?.settle_slot(schedule, slot, execution).await)
    }

    async fn unfinished_before(
        &self,
        schedule: ScheduleId,
        before: Timestamp,
    ) -> Result<Vec<ExecutionId>, Error> {
        self.heard(self.inner().await?.unfinished_before(schedule, before).await)
    }

    async fn list_schedules(
        &self,
        workflow: Option<&WorkflowName>,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<ScheduleRecord>, Error> {
        self.heard(self.inner().await?.list_schedules(workflow, after, limit).await)
    }

    async fn enable_schedule(&self, id: ScheduleId, enabled: bool) -> Result<(), Error> {
        self.heard(self.inner().await?.enable_schedule(id, enabled).await)
    }
}
