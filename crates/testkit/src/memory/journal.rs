//! Executions and their journals in memory.

use std::collections::HashSet;

use async_trait::async_trait;
use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, Timestamp};
use codeflow_engine::{
    Advance, Error, ErrorKind, ExecutionFilter, ExecutionRecord, Flushed, Journal, LogLine, Message,
    NewExecution, NewTask, Session, Snapshot, Started,
};

use super::MemoryStore;
use super::model::{Model, Stored};

/// The sequence number of an execution that has not moved yet.
const FIRST_SEQ: i64 = 1;

#[async_trait]
impl Journal for MemoryStore {
    async fn start(&self, execution: NewExecution) -> Result<Started, Error> {
        let now = self.now();
        let mut model = self.model()?;
        let known = model.versions.get(&execution.version);
        if known.is_none_or(|version| version.name != execution.workflow) {
            let text = format!("workflow `{}` has no version `{}`", execution.workflow, execution.version);
            return Err(Error::new(ErrorKind::NotFound, text));
        }
        if let Some(key) = &execution.idempotency_key {
            let key = (execution.workflow.clone(), key.clone());
            if let Some(earlier) = model.keys.get(&key) {
                return Ok(Started::Existing(*earlier));
            }
            model.keys.insert(key, execution.id);
        }
        let mut stored = Stored {
            record: first_record(&execution, now),
            stopping: false,
            facts: Vec::new(),
            taken: HashSet::new(),
            inbox: Vec::new(),
            logs: Vec::new(),
        };
        stored.add(FIRST_SEQ, 0, execution.facts);
        model.executions.insert(execution.id, stored);
        model.enqueue(execution.id, 0, execution.tasks, now);
        Ok(Started::Created)
    }

    async fn read(&self, id: ExecutionId, after: Option<i64>) -> Result<Option<Snapshot>, Error> {
        let model = self.model()?;
        let Some(stored) = model.executions.get(&id) else { return Ok(None) };
        let newer = stored.facts.iter().filter(|line| after.is_none_or(|after| line.seq > after));
        let facts = newer.map(|line| (line.generation, line.fact.clone())).collect();
        let tasks = model.tasks.values().filter(|task| task.execution == id).map(|task| task.open());
        Ok(Some(Snapshot { record: stored.record.clone(), facts, tasks: tasks.collect() }))
    }

    async fn list(&self, filter: ExecutionFilter, limit: u32) -> Result<Vec<ExecutionRecord>, Error> {
        let model = self.model()?;
        let wanted = |record: &&ExecutionRecord| {
            filter.workflow.as_ref().is_none_or(|name| record.workflow == *name)
                && filter.status.is_none_or(|status| record.status == status)
                && filter.before.is_none_or(|before| record.id < before)
        };
        let newest_first = model.executions.values().rev().map(|stored| &stored.record);
        Ok(newest_first.filter(wanted).take(limit as usize).cloned().collect())
    }

    async fn flush(&self, session: Session, advances: Vec<Advance>) -> Result<Vec<Flushed>, Error> {
        self.flush_may_begin().await?;
        let now = self.now();
        let flushed = {
            let mut model = self.model()?;
            model.fence(session, now)?;
            advances.into_iter().map(|advance| model.advance(advance, now)).collect()
        };
        self.flush_may_answer()?;
        Ok(flushed)
    }

    async fn send(&self, execution: ExecutionId, message: Message, task: NewTask) -> Result<(), Error> {
        let now = self.now();
        let mut model = self.model()?;
        let stored = model.executions.get_mut(&execution).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, format!("execution `{execution}` does not exist"))
        })?;
        stored.inbox.push(message);
        let generation = stored.record.generation;
        model.enqueue(execution, generation, vec![task], now);
        Ok(())
    }

    async fn inbox(&self, execution: ExecutionId) -> Result<Vec<Message>, Error> {
        let model = self.model()?;
        Ok(model.executions.get(&execution).map(|stored| stored.inbox.clone()).unwrap_or_default())
    }

    async fn logs(&self, execution: ExecutionId, skip: u32, limit: u32) -> Result<Vec<LogLine>, Error> {
        let model = self.model()?;
        let logs = model.executions.get(&execution).map(|stored| stored.logs.iter());
        Ok(logs.into_iter().flatten().skip(skip as usize).take(limit as usize).cloned().collect())
    }
}

fn first_record(execution: &NewExecution, now: Timestamp) -> ExecutionRecord {
    let ending = execution.ending.clone();
    ExecutionRecord {
        id: execution.id,
        workflow: execution.workflow.clone(),
        version: execution.version.clone(),
        status: execution.status,
        generation: 0,
        seq: FIRST_SEQ,
        inputs: execution.inputs.clone(),
        created_at: now,
        started_at: (execution.status != ExecutionStatus::Queued).then_some(now),
        finished_at: ending.as_ref().map(|_| now),
        error: ending.as_ref().and_then(|ending| ending.error.clone()),
        outputs: ending.and_then(|ending| ending.outputs),
    }
}

impl Model {
    fn advance(&mut self, advance: Advance, now: Timestamp) -> Flushed {
        let Some(stored) = self.executions.get_mut(&advance.execution) else { return Flushed::Conflict };
        let record = &mut stored.record;
        if record.seq != advance.expected_seq {
            return Flushed::Conflict;
        }
        record.seq += 1;
        record.generation = advance.generation;
        record.status = advance.status;
        record.finished_at = advance.ending.as_ref().map(|_| now);
        record.error = advance.ending.as_ref().and_then(|ending| ending.error.clone());
        record.outputs = advance.ending.and_then(|ending| ending.outputs);
        let seq = record.seq;
        stored.stopping = advance.stopping;
        stored.add(seq, advance.generation, advance.facts);
        stored.inbox.retain(|message| !advance.read.contains(&message.id));
        stored.logs.extend(advance.logs);
        for id in advance.done {
            self.tasks.remove(&id);
        }
        self.enqueue(advance.execution, advance.generation, advance.tasks, now);
        Flushed::Committed
    }
}
