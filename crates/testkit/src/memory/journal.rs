//! Executions and their journals in memory.

use std::collections::HashSet;

use async_trait::async_trait;
use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_core::workflow::Overlap;
use codeflow_engine::{
    Advance, Error, ErrorKind, ExecutionFilter, ExecutionRecord, FIRST_SEQ, FactPlace, Flushed, Journal,
    LogLine, Message, NewExecution, NewTask, OpenTask, Recorded, Session, Slot, SlotMove, Snapshot, Started,
};

use super::{Execution, MemoryStore, Model, Place};
use codeflow_core::Timestamp;

#[async_trait]
impl Journal for MemoryStore {
    async fn start_all(
        &self,
        executions: Vec<NewExecution>,
        taker: Option<Session>,
    ) -> Result<Vec<Started>, Error> {
        let (mut model, now) = self.open();
        if let Some(taker) = taker {
            model.fence(taker, now)?;
        }
        let mut ids = HashSet::new();
        for new in &executions {
            model.may_start(new, &mut ids)?;
        }
        Ok(executions.into_iter().map(|new| model.start(new, taker, now)).collect())
    }

    async fn read(&self, id: ExecutionId, after: Option<i64>) -> Result<Option<Snapshot>, Error> {
        let (model, _) = self.open();
        let Some(execution) = model.executions.get(&id) else {
            return Ok(None);
        };
        let newer = execution.facts.iter().filter(|(seq, ..)| *seq > after.unwrap_or(0));
        let facts = newer.map(|(_, generation, fact)| (*generation, fact.clone())).collect();
        let open = model.tasks.values().filter(|entry| entry.execution == id);
        let tasks = open.map(|entry| OpenTask {
            id: entry.body.id,
            work: entry.body.work.clone(),
            attempt: entry.body.attempt,
            delayed: matches!(entry.place, Place::Timer(_) | Place::Held),
            quarantined: matches!(entry.place, Place::Quarantine(_)),
        });
        Ok(Some(Snapshot { record: execution.record.clone(), facts, tasks: tasks.collect() }))
    }

    async fn commits(&self, id: ExecutionId) -> Result<Vec<i64>, Error> {
        let (model, _) = self.open();
        let facts = model.executions.get(&id).map(|found| found.facts.iter()).unwrap_or_default();
        Ok(facts.map(|(seq, ..)| *seq).collect())
    }

    async fn facts(
        &self,
        id: ExecutionId,
        after: Option<FactPlace>,
        limit: u32,
    ) -> Result<Vec<Recorded>, Error> {
        let (model, _) = self.open();
        let facts = model.executions.get(&id).map(|found| found.facts.as_slice()).unwrap_or_default();
        let mut last = FactPlace::default();
        let placed = facts.iter().map(|(seq, generation, fact)| {
            let ordinal = if *seq == last.seq { last.ordinal + 1 } else { 0 };
            last = FactPlace { seq: *seq, ordinal };
            Recorded { place: last, generation: *generation, fact: fact.clone(), is_cut: false }
        });
        let wanted = placed.filter(|one| after.is_none_or(|after| one.place > after));
        Ok(wanted.take(limit as usize).collect())
    }

    async fn read_all(&self, ids: &[ExecutionId]) -> Result<Vec<Snapshot>, Error> {
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.read(*id, None).await?);
        }
        Ok(found)
    }

    async fn list(&self, filter: ExecutionFilter, limit: u32) -> Result<Vec<ExecutionRecord>, Error> {
        let (model, _) = self.open();
        let wanted = |record: &&ExecutionRecord| {
            filter.tenant.as_ref().is_none_or(|tenant| record.tenant == *tenant)
                && filter.workflow.as_ref().is_none_or(|workflow| record.workflow == *workflow)
                && filter.status.is_none_or(|status| record.status == status)
                && filter.before.is_none_or(|before| record.id < before)
                && filter.since.is_none_or(|since| record.created_at >= since)
                && filter.until.is_none_or(|until| record.created_at < until)
        };
        let newest = model.executions.values().rev().map(|execution| &execution.record);
        Ok(newest.filter(wanted).take(limit as usize).cloned().collect())
    }

    async fn flush(&self, session: Session, advances: Vec<Advance>) -> Result<Vec<Flushed>, Error> {
        if advances.is_empty() {
            return Ok(Vec::new());
        }
        let (mut model, now) = self.open();
        model.fence(session, now)?;
        let mut seen = HashSet::new();
        Ok(advances
            .into_iter()
            .map(|advance| {
                let first = seen.insert(advance.execution);
                if first && model.apply(advance, session, now) {
                    Flushed::Committed
                } else {
                    Flushed::Conflict
                }
            })
            .collect())
    }

    async fn send(&self, execution: ExecutionId, message: Message, task: NewTask) -> Result<(), Error> {
        let (mut model, now) = self.open();
        let found = model.executions.get_mut(&execution).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("execution `{execution}` does not exist"))
        })?;
        if found.inbox.iter().any(|other| other.id == message.id) {
            return Ok(());
        }
        found.inbox.push(message);
        let generation = found.record.generation;
        model.add_tasks((execution, generation), [task], None, now);
        Ok(())
    }

    async fn inbox(&self, execution: ExecutionId) -> Result<Vec<Message>, Error> {
        let (model, _) = self.open();
        Ok(model.executions.get(&execution).map(|found| found.inbox.clone()).unwrap_or_default())
    }

    async fn logs(&self, execution: ExecutionId, skip: u32, limit: u32) -> Result<Vec<LogLine>, Error> {
        let (model, _) = self.open();
        let lines = model.executions.get(&execution).map(|found| found.logs.iter()).unwrap_or_default();
        Ok(lines.skip(skip as usize).take(limit as usize).cloned().collect())
    }
}

fn begin(new: NewExecution, now: Timestamp) -> (Execution, Vec<NewTask>) {
    let ended = new.ending.is_some();
    let ending = new.ending.unwrap_or(codeflow_engine::Ending { outputs: None, error: None });
    let record = ExecutionRecord {
        id: new.id,
        tenant: new.tenant,
        workflow: new.workflow,
        version: new.version,
        status: new.status,
        generation: 0,
        seq: FIRST_SEQ,
        inputs: new.inputs,
        outputs: ending.outputs,
        error: ending.error,
        created_at: now,
        started_at: (new.status != ExecutionStatus::Queued).then_some(now),
        finished_at: ended.then_some(now),
    };
    let mut execution = Execution {
        record,
        stopping: false,
        facts: Vec::new(),
        taken: HashSet::new(),
        inbox: Vec::new(),
        logs: Vec::new(),
    };
    execution.record_facts(new.facts);
    (execution, new.tasks)
}

impl Model {
    /// Refuses what would keep the whole of a start from being written.
    fn may_start(&self, new: &NewExecution, ids: &mut HashSet<ExecutionId>) -> Result<(), Error> {
        if new.idempotency_key.as_ref().is_some_and(|key| key.contains('\0')) {
            return Err(Error::new(ErrorKind::InvalidInput, "a key cannot hold the zero character"));
        }
        if self
            .versions
            .get(&new.version)
            .is_none_or(|version| (&version.tenant, &version.name) != (&new.tenant, &new.workflow))
        {
            return Err(Error::new(ErrorKind::NotFound, format!("version `{}` does not exist", new.version)));
        }
        let key =
            new.idempotency_key.as_ref().map(|key| (new.tenant.scoped(new.workflow.as_str()), key.clone()));
        let known = key.is_some_and(|key| self.keys.contains_key(&key));
        if !known && (self.executions.contains_key(&new.id) || !ids.insert(new.id)) {
            return Err(Error::new(ErrorKind::Conflict, format!("execution `{}` exists", new.id)));
        }
        Ok(())
    }

    /// Takes a place, or waits for one. Who would be skipped is told who has it.
    fn find_place(&mut self, id: ExecutionId, slot: &Slot) -> Result<bool, ExecutionId> {
        let mut holders = self.holders.iter().filter(|(_, key)| **key == slot.key);
        let waits = self.waiters.iter().any(|(_, other)| other.key == slot.key);
        if holders.clone().count() < slot.most as usize && !waits {
            self.holders.insert(id, slot.key.clone());
            return Ok(true);
        }
        if slot.on_new == Overlap::Skip {
            let waiter = || self.waiters.iter().find(|(_, other)| other.key == slot.key).map(|(id, _)| *id);
            return Err(holders.next().map(|(id, _)| *id).or_else(waiter).unwrap_or(id));
        }
        self.waiters.push((id, slot.clone()));
        Ok(false)
    }

    /// Nothing of it is left, not even its key.
    fn skip(&mut self, new: &NewExecution, other: ExecutionId) -> Started {
        if let Some(key) = &new.idempotency_key {
            self.keys.remove(&(new.tenant.scoped(new.workflow.as_str()), key.clone()));
        }
        Started::Skipped(other)
    }

    fn start(&mut self, new: NewExecution, taker: Option<Session>, now: Timestamp) -> Started {
        if let Some(key) = &new.idempotency_key {
            let key = (new.tenant.scoped(new.workflow.as_str()), key.clone());
            if let Some(first) = self.keys.get(&key) {
                return Started::Existing(first.0);
            }
            self.keys.insert(key, (new.id, now));
        }
        let place = match &new.slot {
            None => Some(taker),
            Some(slot) => match self.find_place(new.id, slot) {
                Ok(has_place) => has_place.then_some(None),
                Err(other) => return self.skip(&new, other),
            },
        };
        let id = new.id;
        let (execution, tasks) = begin(new, now);
        self.executions.insert(id, execution);
        self.add_tasks((id, 0), tasks, place.flatten(), now);
        if place.is_none() {
            let ready = |entry: &&mut super::Entry| entry.execution == id && entry.place == Place::Ready;
            self.tasks.values_mut().filter(ready).for_each(|entry| entry.place = Place::Held);
        }
        Started::Created
    }

    /// Applies a move, unless the execution has moved since.
    fn apply(&mut self, advance: Advance, session: Session, now: Timestamp) -> bool {
        let Some(execution) = self.executions.get_mut(&advance.execution) else {
            return false;
        };
        let record = &mut execution.record;
        if record.seq != advance.expected_seq {
            return false;
        }
        record.seq += 1;
        record.generation = advance.generation;
        record.status = advance.status;
        if advance.status != ExecutionStatus::Queued {
            record.started_at.get_or_insert(now.before(advance.began.unwrap_or_default()));
        }
        record.finished_at = advance.ending.as_ref().map(|_| record.finished_at.unwrap_or(now));
        let ending = advance.ending.unwrap_or(codeflow_engine::Ending { outputs: None, error: None });
        record.outputs = ending.outputs;
        record.error = ending.error;
        execution.stopping = advance.stopping;
        execution.record_facts(advance.facts);
        execution.inbox.retain(|message| !advance.read.contains(&message.id));
        execution.logs.extend(advance.logs);
        match advance.slot {
            Some(SlotMove::Release) => {
                self.holders.remove(&advance.execution);
                self.waiters.retain(|(id, _)| *id != advance.execution);
            }
            Some(SlotMove::Retake(key)) => {
                self.holders.insert(advance.execution, key);
            }
            None => {}
        }
        for id in advance.done.iter().chain(&advance.dropped) {
            self.tasks.remove(id);
        }
        self.add_tasks((advance.execution, advance.generation), advance.tasks, Some(session), now);
        true
    }
}
