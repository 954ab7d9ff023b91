//! The queue of due work in memory.

use std::cmp::Reverse;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, SessionId, TaskId, Timestamp};
use codeflow_engine::{
    Claim, Claimed, Dead, Error, ErrorKind, MAX_DEATHS, Promoted, QuarantinedTask, Recovered, Session,
    TaskQueue,
};

use super::MemoryStore;
use super::model::{Lease, Model, Place, Queued};

#[async_trait]
impl TaskQueue for MemoryStore {
    async fn open_session(&self, id: SessionId, ttl: Duration) -> Result<Session, Error> {
        let expires = self.now().after(ttl);
        self.model()?.sessions.insert(id, Lease { epoch: 1, expires, ended: false });
        Ok(Session { id, epoch: 1 })
    }

    async fn renew(
        &self,
        session: Session,
        ttl: Duration,
        executions: &[ExecutionId],
    ) -> Result<Vec<ExecutionId>, Error> {
        let now = self.now();
        let mut model = self.model()?;
        model.fence(session, now)?.expires = now.after(ttl);
        let stopping = |id: &&ExecutionId| model.executions.get(id).is_some_and(|stored| stored.stopping);
        Ok(executions.iter().filter(stopping).copied().collect())
    }

    async fn close_session(&self, session: Session) -> Result<(), Error> {
        let mut model = self.model()?;
        let lease = model.sessions.get_mut(&session.id);
        let Some(lease) = lease.filter(|lease| lease.epoch == session.epoch && !lease.ended) else {
            return Ok(());
        };
        lease.ended = true;
        for id in model.held(session.id) {
            model.put_back(id);
        }
        Ok(())
    }

    async fn claim(&self, session: Session, claim: Claim) -> Result<Claimed, Error> {
        let now = self.now();
        let mut model = self.model()?;
        model.fence(session, now)?;
        let limit = if claim.suspect { claim.limit.min(1) } else { claim.limit };
        let mut due = model.ready(&claim.lanes, claim.suspect);
        due.truncate(limit as usize);
        let mut claimed = Claimed::default();
        for id in due {
            claimed.tasks.extend(model.take(id, session.id, now, |task| task.task(claim.batch)));
        }
        claimed.suspects_waiting = !model.ready(&claim.lanes, true).is_empty();
        Ok(claimed)
    }

    async fn promote(&self, limit: u32) -> Result<Promoted, Error> {
        let now = self.now();
        let mut model = self.model()?;
        let mut timers: Vec<_> = model
            .tasks
            .values()
            .filter_map(|task| match task.place {
                Place::Delayed(due) => Some((due, task.body.id)),
                Place::Ready | Place::Claimed(_) | Place::Quarantined(_) => None,
            })
            .collect();
        timers.sort_unstable();
        let due = timers.iter().take_while(|(due, _)| *due <= now).count().min(limit as usize);
        for (_, id) in &timers[..due] {
            model.put_back(*id);
        }
        let next = timers.get(due).map(|(due, _)| due.since(now));
        Ok(Promoted { moved: u32::try_from(due).unwrap_or(u32::MAX), next })
    }

    async fn recover(&self, dead: Dead) -> Result<Recovered, Error> {
        let now = self.now();
        let mut model = self.model()?;
        let is_dead = |id: SessionId, lease: &Lease| match dead {
            Dead::Expired => lease.expires <= now,
            Dead::AllBut(alive) => id != alive,
        };
        let mut recovered = Recovered::default();
        let mut ended = Vec::new();
        for (id, lease) in
            model.sessions.iter_mut().filter(|(id, lease)| !lease.ended && is_dead(**id, lease))
        {
            lease.ended = true;
            lease.epoch += 1;
            ended.push(*id);
        }
        for session in ended {
            recovered.sessions += 1;
            model.take_over(session, now, &mut recovered);
        }
        Ok(recovered)
    }

    async fn quarantined(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<QuarantinedTask>, Error> {
        let model = self.model()?;
        let mut all: Vec<_> = model.tasks.values().filter_map(quarantined).collect();
        all.sort_unstable_by_key(|task| (task.since, task.id));
        let start = after.map_or(0, |after| {
            all.iter().position(|task| task.id == after).map_or(all.len(), |found| found + 1)
        });
        Ok(all.into_iter().skip(start).take(limit as usize).collect())
    }

    async fn release(&self, id: TaskId) -> Result<(), Error> {
        let mut model = self.model()?;
        let task = model.tasks.get_mut(&id).filter(|task| matches!(task.place, Place::Quarantined(_)));
        let task =
            task.ok_or_else(|| Error::new(ErrorKind::NotFound, format!("task `{id}` is not quarantined")))?;
        task.deaths = 0;
        task.place = Place::Ready;
        Ok(())
    }
}

fn quarantined(task: &Queued) -> Option<QuarantinedTask> {
    match task.place {
        Place::Quarantined(since) => Some(QuarantinedTask {
            id: task.body.id,
            execution: task.execution,
            work: task.body.work.clone(),
            deaths: task.deaths,
            since,
        }),
        Place::Ready | Place::Delayed(_) | Place::Claimed(_) => None,
    }
}

impl Model {
    /// The tasks that can be claimed, the first ones first.
    fn ready(&self, lanes: &[String], suspect: bool) -> Vec<TaskId> {
        let claimable = |task: &&Queued| {
            task.place == Place::Ready && task.suspect == suspect && lanes.contains(&task.body.lane)
        };
        let mut ready: Vec<_> = self.tasks.values().filter(claimable).collect();
        ready.sort_by_key(|task| (Reverse(task.body.priority), task.body.id));
        ready.into_iter().map(|task| task.body.id).collect()
    }

    fn take<T>(
        &mut self,
        id: TaskId,
        session: SessionId,
        now: Timestamp,
        view: impl FnOnce(&Queued) -> T,
    ) -> Option<T> {
        let task = self.tasks.get_mut(&id)?;
        task.place = Place::Claimed(session);
        let stored = self.executions.get_mut(&task.execution);
        if let Some(stored) = stored.filter(|stored| stored.record.status == ExecutionStatus::Queued) {
            stored.record.status = ExecutionStatus::Running;
            stored.record.started_at = Some(now);
        }
        Some(view(task))
    }

    fn put_back(&mut self, id: TaskId) {
        if let Some(task) = self.tasks.get_mut(&id) {
            task.place = Place::Ready;
        }
    }

    /// What a dead session held is suspect; what it held alone may be what killed it.
    fn take_over(&mut self, session: SessionId, now: Timestamp, recovered: &mut Recovered) {
        let held = self.held(session);
        let alone = held.len() == 1;
        for id in held {
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            task.suspect = true;
            task.deaths += u32::from(alone);
            if task.deaths >= MAX_DEATHS {
                task.place = Place::Quarantined(now);
                recovered.quarantined.push(id);
            } else {
                task.place = Place::Ready;
                recovered.tasks += 1;
            }
        }
    }
}
