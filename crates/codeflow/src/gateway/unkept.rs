//! Accounts that are forgotten with the process: for calls of which nothing is to be written down.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{SessionId, Usd};
use codeflow_gateway::{
    AccountStore, Answer, Balance, Batch, BudgetKey, Committed, Ending, Entry, Others, Recall, Recovered,
    StoreError, decide,
};

/// Budgets that begin full, for one process alone.
#[derive(Default)]
pub(crate) struct Unkept {
    budgets: Mutex<HashMap<BudgetKey, Balance>>,
}

impl Unkept {
    fn enter(&self, entry: &Entry) -> Answer {
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let balance = budgets.entry(entry.key.clone()).or_default();
        let others = Others { own: balance.leased, answered: Usd::ZERO, recall: 0, tight: false };
        let verdict = decide(entry, *balance, others);
        balance.spent += entry.spent;
        balance.leased = balance.leased.saturating_sub(entry.shrink) + verdict.grant;
        Answer { slice: balance.leased, spent: balance.spent, outcome: verdict.outcome, tight: false }
    }
}

#[async_trait]
impl AccountStore for Unkept {
    async fn open(&self, _: SessionId, _: Duration) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, StoreError> {
        Ok(Committed::Done(batch.entries.iter().map(|entry| self.enter(entry)).collect()))
    }

    async fn recalls(&self, _: SessionId) -> Result<Vec<Recall>, StoreError> {
        Ok(Vec::new())
    }

    async fn end(&self, _: Ending) -> Result<Recovered, StoreError> {
        Ok(Recovered::default())
    }

    async fn balance(&self, key: &BudgetKey) -> Result<Balance, StoreError> {
        let budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(budgets.get(key).copied().unwrap_or_default())
    }
}
