//! The queue of due work in memory.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::ExecutionStatus;
use codeflow_core::workflow::Overlap;
use codeflow_core::{ExecutionId, SessionId, TaskId, Timestamp};
use codeflow_engine::{
    Admitted, Claim, Claimed, Dead, Error, ErrorKind, MAX_DEATHS, Promoted, QuarantinedTask, Recovered,
    Renewal, Session, Slot, Task, TaskQueue,
};

use super::{Entry, Lease, MemoryStore, Model, Place};

#[async_trait]
impl TaskQueue for MemoryStore {
    async fn open_session(&self, id: SessionId, ttl: Duration) -> Result<Session, Error> {
        let (mut model, now) = self.open();
        if model.sessions.contains_key(&id) {
            return Err(Error::new(ErrorKind::Conflict, format!("session `{id}` exists")));
        }
        model
            .sessions
            .insert(id, Lease { epoch: 1, expires_at: now.after(ttl), ended: false, ended_at: None });
        Ok(Session { id, epoch: 1 })
    }

    async fn renew(&self, session: Session, renewal: Renewal) -> Result<Vec<ExecutionId>, Error> {
        let (mut model, now) = self.open();
        model.fence(session, now)?.expires_at = now.after(renewal.ttl);
        for (execution, since) in renewal.began {
            model.run(execution, now.before(since));
        }
        for batch in renewal.over {
            let place = Place::Claimed(session.id, batch);
            let left = model.tasks.values_mut().filter(|entry| entry.place == place);
            left.for_each(|entry| entry.place = Place::Lost);
        }
        let stopping = |id: &ExecutionId| model.executions.get(id).is_some_and(|found| found.stopping);
        Ok(renewal.working.into_iter().filter(stopping).collect())
    }

    async fn close_session(&self, session: Session) -> Result<(), Error> {
        let (mut model, now) = self.open();
        if let Some(lease) = model.sessions.get_mut(&session.id).filter(|lease| lease.epoch == session.epoch)
        {
            lease.end(now);
            for entry in model.held_by(session.id) {
                entry.place = Place::Ready;
            }
        }
        Ok(())
    }

    async fn claim(&self, session: Session, claim: Claim) -> Result<Claimed, Error> {
        let (mut model, now) = self.open();
        model.fence(session, now)?;
        let place = Place::Claimed(session.id, claim.batch);
        let again = model.tasks.values().any(|entry| entry.place == place);
        let limit = match (again, claim.suspect) {
            (true, _) => usize::MAX,
            (false, true) => claim.limit.min(1) as usize,
            (false, false) => claim.limit as usize,
        };
        let wanted = |entry: &&mut Entry| match again {
            true => entry.place == place,
            false => entry.waits_in(&claim.lanes, claim.suspect),
        };
        let mut found: Vec<&mut Entry> = model.tasks.values_mut().filter(wanted).collect();
        found.sort_by_key(|entry| (std::cmp::Reverse(entry.body.priority), entry.position));
        // Within a priority, the keys take turns.
        let mut turns: HashMap<(i16, i32), u32> = HashMap::new();
        let mut turn = |entry: &mut Entry| {
            let turn = turns.entry((entry.body.priority, entry.body.fair)).or_default();
            *turn += 1;
            *turn
        };
        let mut found: Vec<_> = found.into_iter().map(|entry| (turn(entry), entry)).collect();
        found.sort_by_key(|(turn, entry)| (std::cmp::Reverse(entry.body.priority), *turn));
        let more = !again && found.len() > limit;
        let found = found.into_iter().map(|(_, entry)| entry);
        let taken = found.take(limit).map(|entry| {
            entry.place = place;
            entry.task(&claim)
        });
        let tasks: Vec<Task> = taken.collect();
        let suspects_waiting = model.tasks.values().any(|entry| entry.waits_in(&claim.lanes, true));
        Ok(Claimed { tasks, suspects_waiting, more })
    }

    async fn give_back(&self, session: Session, tasks: &[TaskId]) -> Result<(), Error> {
        let (mut model, now) = self.open();
        model.fence(session, now)?;
        for task in tasks {
            model.position += 1;
            let position = model.position;
            let held = |entry: &&mut Entry| matches!(entry.place, Place::Claimed(by, _) if by == session.id);
            if let Some(entry) = model.tasks.get_mut(task).filter(held) {
                (entry.place, entry.position) = (Place::Ready, position);
            }
        }
        Ok(())
    }

    async fn admit(&self, limit: u32) -> Result<Admitted, Error> {
        let (mut model, _) = self.open();
        let mut admitted = Admitted::default();
        let mut blocked: HashSet<String> = HashSet::new();
        for (id, slot) in model.waiters.clone() {
            let holders = model.holders.values().filter(|key| **key == slot.key).count();
            let room = holders < slot.most as usize && !blocked.contains(&slot.key);
            if room && admitted.admitted < limit {
                model.let_run(id, slot.key);
                admitted.admitted += 1;
            } else {
                blocked.insert(slot.key.clone());
                admitted.replaced.extend(model.rivals(id, &slot).into_iter().map(|old| (old, id)));
            }
        }
        Ok(admitted)
    }

    async fn promote(&self, limit: u32) -> Result<Promoted, Error> {
        let (mut model, now) = self.open();
        let mut waiting: Vec<(Timestamp, &mut Entry)> = model
            .tasks
            .values_mut()
            .filter_map(|entry| match entry.place {
                Place::Timer(due) => Some((due, entry)),
                Place::Ready | Place::Claimed(..) | Place::Quarantine(_) | Place::Held | Place::Lost => None,
            })
            .collect();
        waiting.sort_by_key(|(due, entry)| (*due, entry.body.id));
        let mut promoted = Promoted::default();
        for (due, entry) in waiting {
            if due <= now && promoted.moved < limit {
                entry.place = Place::Ready;
                promoted.moved += 1;
            } else {
                promoted.next = Some(due.since(now));
                break;
            }
        }
        Ok(promoted)
    }

    async fn recover(&self, dead: Dead) -> Result<Recovered, Error> {
        let (mut model, now) = self.open();
        let is_dead = |id: SessionId, lease: &Lease| match dead {
            Dead::Expired => lease.expires_at <= now,
            Dead::AllBut(survivor) => id != survivor,
        };
        let mut recovered = Recovered::default();
        let ended = model.sessions.iter_mut().filter(|(id, lease)| !lease.ended && is_dead(**id, lease));
        let ended: Vec<SessionId> = ended
            .map(|(id, lease)| {
                lease.end(now);
                *id
            })
            .collect();
        for id in ended {
            recovered.sessions += 1;
            model.take_over(id, now, &mut recovered);
        }
        Ok(recovered)
    }

    async fn quarantined(&self, after: Option<TaskId>, limit: u32) -> Result<Vec<QuarantinedTask>, Error> {
        let (model, _) = self.open();
        let listed = model.tasks.values().filter(|entry| after.is_none_or(|after| entry.body.id > after));
        let quarantined = listed.filter_map(|entry| match entry.place {
            Place::Quarantine(since) => Some(QuarantinedTask {
                id: entry.body.id,
                execution: entry.execution,
                work: entry.body.work.clone(),
                deaths: entry.deaths,
                reason: entry.reason.clone(),
                since,
            }),
            Place::Ready | Place::Timer(_) | Place::Claimed(..) | Place::Held | Place::Lost => None,
        });
        Ok(quarantined.take(limit as usize).collect())
    }

    async fn release(&self, task: TaskId) -> Result<String, Error> {
        let (mut model, _) = self.open();
        let entry = model.tasks.get_mut(&task).filter(|entry| matches!(entry.place, Place::Quarantine(_)));
        let entry = entry
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("task `{task}` is not in quarantine")))?;
        entry.deaths = 0;
        entry.reason = None;
        entry.place = Place::Ready;
        Ok(entry.body.lane.clone())
    }
}

impl Lease {
    fn end(&mut self, now: Timestamp) {
        self.ended_at = Some(now);
        self.epoch += 1;
        self.ended = true;
    }
}

impl Entry {
    fn waits_in(&self, lanes: &[String], suspect: bool) -> bool {
        self.place == Place::Ready && self.suspect == suspect && lanes.contains(&self.body.lane)
    }

    fn task(&self, claim: &Claim) -> Task {
        Task {
            id: self.body.id,
            execution: self.execution,
            generation: self.generation,
            work: self.body.work.clone(),
            attempt: self.body.attempt,
            lane: self.body.lane.clone(),
            priority: self.body.priority,
            fair: self.body.fair,
            deaths: self.deaths,
            batch: claim.batch,
        }
    }
}

impl Model {
    fn held_by(&mut self, session: SessionId) -> Vec<&mut Entry> {
        let held = |entry: &&mut Entry| matches!(entry.place, Place::Claimed(by, _) if by == session);
        self.tasks.values_mut().filter(held).collect()
    }

    /// Gives back what a dead session held. Only what it ran alone is blamed.
    fn take_over(&mut self, session: SessionId, now: Timestamp, recovered: &mut Recovered) {
        let held = self.held_by(session);
        let alone = held.len() == 1;
        for entry in held {
            entry.suspect = true;
            entry.deaths += u32::from(alone);
            if entry.deaths >= MAX_DEATHS {
                entry.place = Place::Quarantine(now);
                recovered.quarantined.push(entry.body.id);
            } else {
                entry.place = Place::Ready;
                recovered.tasks += 1;
            }
        }
    }

    /// Those that have to go for somebody newer and were not told yet.
    fn rivals(&self, id: ExecutionId, slot: &Slot) -> Vec<ExecutionId> {
        if slot.on_new != Overlap::Replace {
            return Vec::new();
        }
        let holders = self.holders.iter().filter(|(_, key)| **key == slot.key).map(|(id, _)| *id);
        let older = self.waiters.iter().take_while(|(other, _)| *other != id);
        let older = older.filter(|(_, other)| other.key == slot.key).map(|(id, _)| *id);
        let told = |id: &ExecutionId| self.executions.get(id).is_some_and(|found| found.stopping);
        holders.chain(older).filter(|id| !told(id)).collect()
    }

    fn let_run(&mut self, id: ExecutionId, key: String) {
        self.waiters.retain(|(other, _)| *other != id);
        self.holders.insert(id, key);
        for entry in
            self.tasks.values_mut().filter(|entry| entry.execution == id && entry.place == Place::Held)
        {
            self.position += 1;
            (entry.place, entry.position) = (Place::Ready, self.position);
        }
    }

    /// An execution that was queued is running once somebody works on it.
    fn run(&mut self, execution: ExecutionId, since: Timestamp) {
        let queued = self
            .executions
            .get_mut(&execution)
            .map(|found| &mut found.record)
            .filter(|record| record.status == ExecutionStatus::Queued);
        if let Some(record) = queued {
            record.status = ExecutionStatus::Running;
            record.started_at = Some(since);
        }
    }
}
