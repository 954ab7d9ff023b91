//! What the way of a call sees of accounting: reserve, settle, record. None of it waits for storage, but a call whose
//! budget is nearly used up.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{Clock, Ids, Usd};
use tokio::time::timeout;

use super::books::{Books, Taken};
use super::{AccountStore, Committer, UsageRow};
use crate::{BudgetError, BudgetRule, Hold, Subjects};

/// The accounts of this process: its slices of the budgets, and the calls that are not written yet. Clones share them.
///
/// A process leases slices of budgets and reserves in them in memory. When a slice runs low it grows with the next
/// commit. When a budget is nearly used up, slices are recalled, and each call is reserved in storage, so that no call
/// is refused because another process sits on money that it does not use.
#[derive(Clone)]
pub struct Accounts {
    books: Arc<Books>,
}

/// How accounts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// How long what happened may wait to be written with others.
    pub interval: Duration,
    /// How many rows make a batch that does not wait.
    pub rows: usize,
    /// How many rows are kept while storage is away. Later ones are lost, and counted.
    pub backlog: usize,
    /// How long a process that has died or frozen keeps its slices.
    pub lease: Duration,
    /// How often a process that has slices looks whether they are recalled.
    pub poll: Duration,
    /// For how long after a recall slices hold no more than what is needed.
    pub tight: Duration,
    /// How long a call waits for slices of others to come back. More than `lease`, or the slices of a process that has
    /// died make calls fail.
    pub patience: Duration,
    /// After what time a slice that nobody uses is given back.
    pub idle: Duration,
}

impl Default for AccountSettings {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(20),
            rows: 1_000,
            backlog: 65_536,
            lease: Duration::from_secs(5),
            poll: Duration::from_millis(50),
            tight: Duration::from_secs(2),
            patience: Duration::from_secs(8),
            idle: Duration::from_secs(2),
        }
    }
}

impl Accounts {
    /// Accounts in `store`, and what writes them: nothing that needs storage happens until it runs.
    pub fn new(
        rules: Vec<BudgetRule>,
        store: Arc<dyn AccountStore>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn Ids>,
        settings: AccountSettings,
    ) -> (Self, Committer) {
        let books = Arc::new(Books::new(rules, clock, settings));
        let committer = Committer::new(Arc::clone(&books), store, ids);
        (Self { books }, committer)
    }

    /// Sets money aside in every budget that a call counts for, or in none. `extra` is a budget that comes with the
    /// call, such as that of its workflow.
    ///
    /// # Errors
    /// [`BudgetError::Exceeded`] names the budget that does not cover the call. [`BudgetError::Unavailable`] when
    /// storage cannot be asked in time: a call that nobody can account for is not made.
    pub async fn reserve(
        &self,
        who: &Subjects<'_>,
        extra: Option<&BudgetRule>,
        estimate: Usd,
    ) -> Result<Hold, BudgetError> {
        let answer = match self.books.take(who, extra, estimate)? {
            Taken::Hold(hold) => return Ok(hold),
            Taken::Waits(answer) => answer,
        };
        match timeout(self.books.settings.patience, answer).await {
            Ok(Ok(outcome)) => outcome.map(Hold::begin),
            Ok(Err(_)) | Err(_) => Err(BudgetError::Unavailable),
        }
    }

    /// Accounts for a call that has no hold to settle with it. It is written with the next commit.
    pub fn record(&self, row: UsageRow) {
        self.books.record(row);
    }

    /// How many rows wait to be written.
    pub fn backlog(&self) -> usize {
        self.books.state().rows.len()
    }

    /// How many rows were lost because the backlog was full.
    pub fn lost_rows(&self) -> u64 {
        self.books.state().lost_rows
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Accounts").field("backlog", &self.backlog()).finish_non_exhaustive()
    }
}
