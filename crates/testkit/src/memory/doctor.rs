//! The doctor in memory. A task has one place by its type, so there is less that can go wrong.

use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::{ExecutionStatus, Fact};
use codeflow_core::{ExecutionId, SessionId, TaskId, Timestamp};
use codeflow_engine::{Chore, Disorder, Doctor, Error, Examined, Finding, Part, Work};

use super::{Entry, MemoryStore, Model, Place};

/// After this time, what should be over in a moment is not going to be.
const LONG: Duration = Duration::from_secs(600);

#[async_trait]
impl Doctor for MemoryStore {
    async fn examine(&self, part: Part, _after: Option<String>, _limit: u32) -> Result<Examined, Error> {
        let (model, now) = self.open();
        let findings = match part {
            Part::Executions => model.stuck(),
            Part::Tasks => model.astray(),
            Part::Claims => model.stale(now),
            Part::Slots => model.unsettled(now),
            Part::Places | Part::Payloads => Vec::new(),
        };
        Ok(Examined { findings, next: None })
    }

    async fn put_back(&self, task: TaskId) -> Result<bool, Error> {
        let (mut model, _) = self.open();
        let lost = model.tasks.get(&task).is_some_and(|entry| model.is_lost(entry));
        model.position += 1;
        let position = model.position;
        if lost && let Some(entry) = model.tasks.get_mut(&task) {
            (entry.place, entry.position) = (Place::Ready, position);
        }
        Ok(lost)
    }

    async fn take_chore(&self, chore: Chore, holder: SessionId, ttl: Duration) -> Result<bool, Error> {
        let (mut model, now) = self.open();
        let free = model.chores.get(&chore).is_none_or(|(has, until)| *has == holder || *until <= now);
        if free {
            model.chores.insert(chore, (holder, now.after(ttl)));
        }
        Ok(free)
    }
}

impl Model {
    pub(super) fn has_task(&self, id: ExecutionId) -> bool {
        self.tasks.values().any(|entry| entry.execution == id)
    }

    fn stuck(&self) -> Vec<Finding> {
        let alive = |id: &ExecutionId| {
            self.executions.get(id).is_some_and(|found| !found.record.status.is_final()) || self.has_task(*id)
        };
        let waits = |facts: &[(i64, u32, Fact)]| {
            facts.iter().any(|(_, _, fact)| matches!(fact, Fact::Called { child, .. } if alive(child)))
        };
        let stuck = self.executions.values().filter(|found| {
            let status = found.record.status;
            let moves = !status.is_final() && status != ExecutionStatus::Paused;
            moves && !self.has_task(found.record.id) && !waits(&found.facts)
        });
        let finding = |id: ExecutionId| Finding {
            disorder: Disorder::StuckExecution,
            subject: id.to_string(),
            execution: Some(id),
            task: None,
        };
        stuck.map(|found| finding(found.record.id)).collect()
    }

    /// Whether a task is held by a session that is over, or by nobody.
    fn is_lost(&self, entry: &Entry) -> bool {
        match entry.place {
            Place::Claimed(session, _) => self.sessions.get(&session).is_none_or(|lease| lease.ended),
            Place::Lost => true,
            Place::Ready | Place::Timer(_) | Place::Quarantine(_) | Place::Held => false,
        }
    }

    fn astray(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for entry in self.tasks.values() {
            let known = self.executions.contains_key(&entry.execution);
            let job = matches!(entry.body.work, Work::Job(_));
            let wrong = [
                (self.is_lost(entry), Disorder::LostTask),
                (!job && !known, Disorder::OrphanedTask),
                (job && known, Disorder::MisplacedJob),
            ];
            let wrong = wrong.into_iter().filter(|(wrong, _)| *wrong);
            findings.extend(wrong.map(|(_, disorder)| Finding {
                disorder,
                subject: entry.body.id.to_string(),
                execution: Some(entry.execution),
                task: Some(entry.body.id),
            }));
        }
        findings
    }

    fn stale(&self, now: Timestamp) -> Vec<Finding> {
        let held = self.tasks.values().filter_map(|entry| match entry.place {
            Place::Claimed(session, batch) => Some((session, batch)),
            Place::Ready | Place::Timer(_) | Place::Quarantine(_) | Place::Held | Place::Lost => None,
        });
        let stale = held.filter(|(session, _)| {
            self.sessions.get(session).is_none_or(|lease| lease.expires_at <= now.before(LONG))
        });
        let finding = |batch: String| Finding {
            disorder: Disorder::StaleClaim,
            subject: batch,
            execution: None,
            task: None,
        };
        let mut batches: Vec<String> = stale.map(|(_, batch)| batch.to_string()).collect();
        batches.sort();
        batches.dedup();
        batches.into_iter().map(finding).collect()
    }

    fn unsettled(&self, now: Timestamp) -> Vec<Finding> {
        let old = self.slots.iter().filter(|((slot, _), kept)| !kept.settled && *slot < now.before(LONG));
        let finding = |slot: Timestamp, schedule: String| Finding {
            disorder: Disorder::UnsettledSlot,
            subject: format!("{schedule} at {slot}"),
            execution: None,
            task: None,
        };
        old.map(|((slot, schedule), _)| finding(*slot, schedule.to_string())).collect()
    }
}
