//! Schedules in memory.

use async_trait::async_trait;
use codeflow_core::schedule::Overlap;
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_core::{ExecutionId, ScheduleId, Tenant, Timestamp};
use codeflow_engine::{
    DueSchedules, Error, ErrorKind, Fired, Firing, NewSchedule, PendingSlot, ScheduleRecord, ScheduleStore,
    SlotOutcome,
};

use super::{MemoryStore, Model, Slot};

#[async_trait]
impl ScheduleStore for MemoryStore {
    async fn due_schedules(&self, limit: u32) -> Result<DueSchedules, Error> {
        let (model, now) = self.open();
        let enabled = model.schedules.values().filter(|schedule| schedule.enabled);
        let mut schedules: Vec<ScheduleRecord> = Vec::new();
        let mut next: Option<Timestamp> = None;
        for schedule in enabled {
            match schedule.next_at {
                Some(at) if at <= now => schedules.push(schedule.clone()),
                Some(at) => next = Some(next.map_or(at, |next| next.min(at))),
                None => {}
            }
        }
        schedules.sort_by_key(|schedule| (schedule.next_at, schedule.id));
        schedules.truncate(limit as usize);
        Ok(DueSchedules { now, schedules, next: next.map(|next| next.since(now)) })
    }

    async fn fire(&self, Firing { id, expected, turn }: Firing) -> Result<Fired, Error> {
        let (mut model, _) = self.open();
        let unfinished = model.is_unfinished(id);
        let waiting = |schedule: &&mut ScheduleRecord| schedule.enabled && schedule.next_at == Some(expected);
        let Some(schedule) = model.schedules.get_mut(&id).filter(waiting) else {
            return Ok(Fired::Lost);
        };
        let outcome = match (turn.slot, schedule.schedule.overlap) {
            (None, _) => SlotOutcome::Missed,
            (Some(_), Overlap::Skip) if unfinished => SlotOutcome::Skipped,
            (Some(_), Overlap::Allow | Overlap::Skip | Overlap::Replace) => SlotOutcome::Pending,
        };
        schedule.next_at = turn.next;
        schedule.last = Some((turn.slot.unwrap_or(expected), outcome));
        let (version, overlap) = (schedule.version.clone(), schedule.schedule.overlap);
        model.forget_finished(id);
        if let (Some(slot), SlotOutcome::Pending) = (turn.slot, outcome) {
            let pending = PendingSlot { schedule: id, slot, version, overlap };
            model.slots.insert((slot, id), Slot { pending, settled: false, execution: None });
        }
        Ok(Fired::Decided(outcome))
    }

    async fn pending_slots(&self, limit: u32) -> Result<Vec<PendingSlot>, Error> {
        let (model, _) = self.open();
        let pending = model.slots.values().filter(|slot| !slot.settled);
        Ok(pending.take(limit as usize).map(|slot| slot.pending.clone()).collect())
    }

    async fn settle_slot(
        &self,
        schedule: ScheduleId,
        slot: Timestamp,
        execution: Option<ExecutionId>,
    ) -> Result<(), Error> {
        let (mut model, _) = self.open();
        let Some(pending) = model.slots.get_mut(&(slot, schedule)).filter(|slot| !slot.settled) else {
            return Ok(());
        };
        (pending.settled, pending.execution) = (true, execution);
        let outcome = if execution.is_some() { SlotOutcome::Started } else { SlotOutcome::Failed };
        if let Some(last) = model.schedules.get_mut(&schedule).and_then(|schedule| schedule.last.as_mut())
            && last.0 == slot
        {
            last.1 = outcome;
        }
        Ok(())
    }

    async fn unfinished_before(
        &self,
        schedule: ScheduleId,
        before: Timestamp,
    ) -> Result<Vec<ExecutionId>, Error> {
        let (model, _) = self.open();
        let earlier = model.slots.iter().filter(|((slot, id), _)| *id == schedule && *slot < before);
        Ok(earlier.filter_map(|(_, slot)| slot.execution).filter(|id| model.is_live(*id)).collect())
    }

    async fn list_schedules(
        &self,
        workflow: Option<&WorkflowName>,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<ScheduleRecord>, Error> {
        let (model, _) = self.open();
        let wanted = |schedule: &&ScheduleRecord| {
            workflow.is_none_or(|workflow| schedule.workflow == *workflow)
                && after.is_none_or(|after| schedule.id > after)
        };
        Ok(model.schedules.values().filter(wanted).take(limit as usize).cloned().collect())
    }

    async fn enable_schedule(&self, id: ScheduleId, enabled: bool) -> Result<(), Error> {
        let (mut model, now) = self.open();
        let schedule = model
            .schedules
            .get_mut(&id)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("schedule `{id}` does not exist")))?;
        if enabled && !schedule.enabled {
            schedule.next_at = schedule.schedule.next(now);
        }
        schedule.enabled = enabled;
        Ok(())
    }
}

impl Model {
    pub(super) fn put_schedules(
        &mut self,
        (tenant, workflow): (&Tenant, &WorkflowName),
        version: &VersionId,
        schedules: Vec<NewSchedule>,
        now: Timestamp,
    ) {
        let kept = |id: &ScheduleId| schedules.iter().any(|new| new.id == *id);
        self.schedules.retain(|id, schedule| {
            let is_its = schedule.workflow == *workflow && *id == schedule.schedule.id(tenant, workflow);
            !is_its || kept(id)
        });
        for NewSchedule { id, schedule } in schedules {
            let next_at = schedule.next(now);
            let record = self.schedules.entry(id).or_insert_with(|| ScheduleRecord {
                id,
                workflow: workflow.clone(),
                version: version.clone(),
                schedule: schedule.clone(),
                enabled: true,
                next_at,
                last: None,
            });
            (record.version, record.schedule) = (version.clone(), schedule);
        }
    }

    fn is_live(&self, id: ExecutionId) -> bool {
        self.executions.get(&id).is_some_and(|execution| !execution.record.status.is_final())
    }

    pub(super) fn is_over(&self, slot: &Slot) -> bool {
        slot.settled && !slot.execution.is_some_and(|id| self.is_live(id))
    }

    fn is_unfinished(&self, schedule: ScheduleId) -> bool {
        self.slots.iter().any(|((_, id), slot)| *id == schedule && !self.is_over(slot))
    }

    fn forget_finished(&mut self, schedule: ScheduleId) {
        let slots = self.slots.iter().filter(|((_, id), slot)| *id == schedule && self.is_over(slot));
        let over: Vec<_> = slots.map(|(key, _)| *key).collect();
        for key in over {
            self.slots.remove(&key);
        }
    }
}
