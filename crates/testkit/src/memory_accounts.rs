//! The ports of accounting, in memory: small enough to be read as what they mean.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{Clock, SessionId, Timestamp, Usd};
use codeflow_gateway::{
    AccountStore, Answer, Balance, Batch, BudgetKey, Committed, Ending, Entry, Others, Outcome, Recall,
    Recovered, StoreError, UsageRow, UsageStore, decide,
};
use uuid::Uuid;

/// Accounts that are forgotten with their last clone. Their clock is the one they are given.
#[derive(Clone)]
pub struct MemoryAccounts {
    clock: Arc<dyn Clock>,
    model: Arc<Mutex<Model>>,
}

#[derive(Default)]
struct Model {
    sessions: HashMap<SessionId, Lease>,
    budgets: HashMap<BudgetKey, Budget>,
    rows: BTreeMap<Uuid, UsageRow>,
}

struct Lease {
    seq: i64,
    expires_at: Timestamp,
    ended: bool,
}

#[derive(Default)]
struct Budget {
    balance: Balance,
    slices: HashMap<SessionId, Slice>,
    recall: i64,
    tight_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Default)]
struct Slice {
    amount: Usd,
    held: Usd,
    answered: i64,
}

impl MemoryAccounts {
    /// No accounts yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, model: Arc::default() }
    }

    fn open(&self) -> (MutexGuard<'_, Model>, Timestamp) {
        (self.model.lock().unwrap_or_else(PoisonError::into_inner), self.clock.now())
    }
}

impl Budget {
    fn enter(&mut self, batch: &Batch, entry: &Entry, now: Timestamp) -> Answer {
        let session = batch.session;
        let mut slice = self.slices.get(&session).copied().unwrap_or_default();
        let answered = |(id, other): (&SessionId, &Slice)| {
            (*id != session && entry.asked > 0 && other.answered >= entry.asked).then_some(other.amount)
        };
        let others = Others {
            own: slice.amount,
            answered: self.slices.iter().filter_map(answered).fold(Usd::ZERO, |sum, one| sum + one),
            recall: self.recall,
            tight: self.is_tight(now),
        };
        let verdict = decide(entry, self.balance, others);
        self.balance.spent += entry.spent;
        self.balance.leased = self.balance.leased.saturating_sub(entry.shrink) + verdict.grant;
        slice.amount = slice.amount.saturating_sub(entry.shrink) + verdict.grant;
        slice.held = entry.held;
        slice.answered = slice.answered.max(entry.answers);
        if let Outcome::Recalling(number) = verdict.outcome {
            self.recall = self.recall.max(number);
            self.tight_until = Some(now.after(batch.tight));
        }
        if entry.retire && slice.amount == Usd::ZERO {
            self.slices.remove(&session);
        } else {
            self.slices.insert(session, slice);
        }
        Answer { outcome: verdict.outcome, ..self.answer(session, now) }
    }

    fn answer(&self, session: SessionId, now: Timestamp) -> Answer {
        let slice = self.slices.get(&session).copied().unwrap_or_default().amount;
        Answer { slice, spent: self.balance.spent, outcome: Outcome::Granted, tight: self.is_tight(now) }
    }

    fn is_tight(&self, now: Timestamp) -> bool {
        self.tight_until.is_some_and(|until| now < until)
    }
}

#[async_trait]
impl AccountStore for MemoryAccounts {
    async fn open(&self, session: SessionId, lease: Duration) -> Result<(), StoreError> {
        let (mut model, now) = self.open();
        if model.sessions.contains_key(&session) {
            return Err(StoreError::new("a session opens only once", session.to_string()));
        }
        model.sessions.insert(session, Lease { seq: 0, expires_at: now.after(lease), ended: false });
        Ok(())
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, StoreError> {
        let (mut model, now) = self.open();
        let Model { sessions, budgets, rows } = &mut *model;
        let Some(lease) = sessions.get_mut(&batch.session) else { return Ok(Committed::Lost { seq: 0 }) };
        let is_alive = !lease.ended && now < lease.expires_at;
        if !is_alive || (batch.seq != lease.seq && batch.seq != lease.seq + 1) {
            return Ok(Committed::Lost { seq: lease.seq });
        }
        lease.expires_at = now.after(batch.lease);
        let is_new = batch.seq == lease.seq + 1;
        lease.seq = batch.seq;
        let answer = |entry: &Entry| {
            let budget = budgets.entry(entry.key.clone()).or_default();
            if is_new { budget.enter(&batch, entry, now) } else { budget.answer(batch.session, now) }
        };
        let answers = batch.entries.iter().map(answer).collect();
        if is_new {
            rows.extend(batch.rows.iter().map(|row| (row.id, row.clone())));
        }
        Ok(Committed::Done(answers))
    }

    async fn recalls(&self, session: SessionId) -> Result<Vec<Recall>, StoreError> {
        let (model, _) = self.open();
        let unanswered = |(key, budget): (&BudgetKey, &Budget)| {
            let slice = budget.slices.get(&session)?;
            (slice.answered < budget.recall).then(|| Recall {
                rule: key.rule.to_string(),
                tenant: key.tenant.to_string(),
                subject: key.subject(),
                since: key.since,
                number: budget.recall,
            })
        };
        Ok(model.budgets.iter().filter_map(unanswered).collect())
    }

    async fn end(&self, which: Ending) -> Result<Recovered, StoreError> {
        let (mut model, now) = self.open();
        let Model { sessions, budgets, .. } = &mut *model;
        let mut recovered = Recovered::default();
        for (id, lease) in sessions.iter_mut().filter(|(_, lease)| !lease.ended) {
            let is_over = match which {
                Ending::Expired => lease.expires_at <= now,
                Ending::Closed(session) => *id == session,
            };
            if !is_over {
                continue;
            }
            lease.ended = true;
            recovered.sessions += 1;
            for budget in budgets.values_mut() {
                let Some(slice) = budget.slices.remove(id) else { continue };
                budget.balance.leased = budget.balance.leased.saturating_sub(slice.amount);
                let held = slice.held.min(slice.amount);
                budget.balance.spent += held;
                budget.balance.unknown += held;
                recovered.charged += held;
            }
        }
        Ok(recovered)
    }

    async fn balance(&self, key: &BudgetKey) -> Result<Balance, StoreError> {
        let (model, _) = self.open();
        Ok(model.budgets.get(key).map(|budget| budget.balance).unwrap_or_default())
    }
}

#[async_trait]
impl UsageStore for MemoryAccounts {
    async fn list(
        &self,
        tenant: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<UsageRow>, StoreError> {
        let (model, _) = self.open();
        let newest = model.rows.values().rev();
        let wanted = newest
            .filter(|row| tenant.is_none_or(|tenant| *row.tenant == *tenant))
            .filter(|row| before.is_none_or(|before| row.id < before));
        Ok(wanted.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect())
    }
}
