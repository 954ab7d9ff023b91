//! The ports to storage. A commit is fenced by the session in whose name it is made, and is made at most once.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{SessionId, Usd};
use uuid::Uuid;

use super::UsageRow;
use crate::{Answer, Balance, BudgetKey, Entry};

/// Any cause.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Storage could not do what was asked, or nobody knows whether it did.
#[derive(Debug, thiserror::Error)]
#[error("{context}")]
pub struct StoreError {
    context: String,
    #[source]
    source: BoxError,
}

impl StoreError {
    /// An error with its cause.
    pub fn new(context: impl Into<String>, source: impl Into<BoxError>) -> Self {
        Self { context: context.into(), source: source.into() }
    }
}

/// What goes to storage in one commit.
#[derive(Clone, Debug)]
pub struct Batch {
    /// In whose name.
    pub session: SessionId,
    /// Counts the batches of a session from one. A batch that arrives twice is written once.
    pub seq: i64,
    /// For how long the session lives from here on.
    pub lease: Duration,
    /// For how long after a recall nothing is granted beyond what is needed.
    pub tight: Duration,
    /// What there is to say about slices; one entry for a budget.
    pub entries: Vec<Entry>,
    /// The calls that ended.
    pub rows: Vec<UsageRow>,
}

/// What came of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is written, now or when it came before. Each entry has its answer, in order; those of a batch that came
    /// before only say how things stand.
    Done(Vec<Answer>),
    /// The session has ended, and nothing was written now.
    Lost {
        /// The last batch of it that was written.
        seq: i64,
    },
}

/// Others want back what is not used of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    /// The name of the rule.
    pub rule: String,
    /// Whose money it is.
    pub tenant: String,
    /// Whom it is counted for: see [`BudgetKey::subject`].
    pub subject: String,
    /// When the period began.
    pub since: codeflow_core::Timestamp,
    /// The number of the recall.
    pub number: i64,
}

/// Which sessions are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All whose lease has ended, by the clock of storage.
    Expired,
    /// This one, in good order.
    Closed(SessionId),
}

/// What became of what ended sessions held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// How many sessions ended.
    pub sessions: u32,
    /// What their calls in flight were charged.
    pub charged: Usd,
}

/// Where budgets are kept. Its clock, not ours, decides when a session is over.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Opens a session. An id opens once.
    ///
    /// # Errors
    /// When storage is away.
    async fn open(&self, session: SessionId, lease: Duration) -> Result<(), StoreError>;

    /// Writes a batch as a whole, or nothing of it, and extends the session. See [`decide`](crate::decide) for what
    /// becomes of an entry.
    ///
    /// # Errors
    /// When storage is away, or fell silent: then the same batch is to be sent again.
    async fn commit(&self, batch: Arc<Batch>) -> Result<Committed, StoreError>;

    /// The recalls that a session has not answered.
    ///
    /// # Errors
    /// When storage is away.
    async fn recalls(&self, session: SessionId) -> Result<Vec<Recall>, StoreError>;

    /// Ends sessions: what their calls in flight hold is charged, as far as their slices go; the rest of the slices
    /// goes back.
    ///
    /// # Errors
    /// When storage is away.
    async fn end(&self, which: Ending) -> Result<Recovered, StoreError>;

    /// What is known of a budget.
    ///
    /// # Errors
    /// When storage is away.
    async fn balance(&self, key: &BudgetKey) -> Result<Balance, StoreError>;
}

/// Where calls are looked up.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// The calls of a tenant, or of all, newest first: those before the row `before`, at most `limit`.
    ///
    /// # Errors
    /// When storage is away, or holds what cannot be read.
    async fn list(
        &self,
        tenant: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<UsageRow>, StoreError>;
}
