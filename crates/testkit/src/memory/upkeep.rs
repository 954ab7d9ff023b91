//! Removal in memory. Payloads are where they are used, so none is ever left over.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, Timestamp};
use codeflow_engine::{Error, Litter, LogLine, Old, OldExecutions, Swept, Upkeep};
use uuid::Uuid;

use super::{Execution, MemoryStore, Model};

#[async_trait]
impl Upkeep for MemoryStore {
    async fn outlived(
        &self,
        status: ExecutionStatus,
        keep: Duration,
        after: Option<ExecutionId>,
        limit: u32,
    ) -> Result<OldExecutions, Error> {
        let (model, now) = self.open();
        let before = now.before(keep);
        let later = model.executions.values().filter(|found| {
            found.record.status == status && after.is_none_or(|after| found.record.id > after)
        });
        let piece: Vec<&Execution> = later.take(limit.max(1) as usize).collect();
        let early = piece.iter().any(|found| found.record.created_at <= before);
        let next = piece.last().filter(|_| early).map(|last| last.record.id);
        let found = piece.iter().map(|found| &found.record);
        let old = found
            .filter(|record| record.finished_at.is_some_and(|at| at <= before) && !model.has_task(record.id));
        let found = old.map(|record| Old { id: record.id, seq: record.seq }).collect();
        Ok(OldExecutions { found, next })
    }

    async fn logs_of(&self, ids: &[ExecutionId]) -> Result<BTreeMap<ExecutionId, Vec<LogLine>>, Error> {
        let (model, _) = self.open();
        let found = ids.iter().filter_map(|id| Some((*id, model.executions.get(id)?.logs.clone())));
        Ok(found.filter(|(_, logs)| !logs.is_empty()).collect())
    }

    async fn remove(&self, old: Vec<Old>) -> Result<u32, Error> {
        let (mut model, _) = self.open();
        let mut removed = 0;
        for Old { id, seq } in old {
            let same = model.executions.get(&id).is_some_and(|found| {
                found.record.seq == seq && found.record.status.is_final() && found.inbox.is_empty()
            });
            if same && !model.has_task(id) {
                model.executions.remove(&id);
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn sweep(
        &self,
        litter: Litter,
        keep: Duration,
        _after: Option<String>,
        _limit: u32,
    ) -> Result<Swept, Error> {
        let (mut model, now) = self.open();
        let before = now.before(keep);
        let removed = match litter {
            Litter::Payloads => 0,
            Litter::Keys => model.forget_keys(before),
            Litter::JobKeys => model.forget_job_keys(before),
            Litter::Sessions => {
                let count = model.sessions.len();
                model.sessions.retain(|_, lease| lease.ended_at.is_none_or(|at| at > before));
                count - model.sessions.len()
            }
            Litter::Slots => model.forget_slots(before),
        };
        Ok(Swept { removed: u32::try_from(removed).unwrap_or(u32::MAX), next: None })
    }
}

impl Model {
    fn forget_keys(&mut self, before: Timestamp) -> usize {
        let count = self.keys.len();
        let executions = &self.executions;
        self.keys.retain(|_, (id, since)| *since > before || executions.contains_key(id));
        count - self.keys.len()
    }

    fn forget_job_keys(&mut self, before: Timestamp) -> usize {
        let count = self.job_keys.len();
        let busy: HashSet<Uuid> = self.tasks.values().map(|entry| entry.execution.uuid()).collect();
        self.job_keys.retain(|_, (id, since)| *since > before || busy.contains(&id.uuid()));
        count - self.job_keys.len()
    }

    fn forget_slots(&mut self, before: Timestamp) -> usize {
        let old = self.slots.iter().filter(|((at, _), slot)| *at <= before && self.is_over(slot));
        let old: Vec<_> = old.map(|(key, _)| *key).collect();
        for key in &old {
            self.slots.remove(key);
        }
        old.len()
    }
}
