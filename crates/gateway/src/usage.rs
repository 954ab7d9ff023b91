//! The account of every call: what it was, what it used, what it cost. It never holds what was said.

mod accounts;
mod books;
mod committer;
mod store;

use std::sync::Arc;

use codeflow_core::{ExecutionId, Timestamp, Usd};
use codeflow_model::{Usage, WireFormat};
use uuid::Uuid;

pub use accounts::{AccountSettings, Accounts};
pub use committer::Committer;
pub use store::{AccountStore, Batch, Committed, Ending, Recall, Recovered, StoreError, UsageStore};

pub(crate) use books::Books;

/// One call, as it is accounted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// Names the row; sorts by time.
    pub id: Uuid,
    /// When the call began.
    pub at: Timestamp,
    /// The request's id, as the caller was told.
    pub request: Arc<str>,
    /// Whose data and money it is.
    pub tenant: Arc<str>,
    /// The person or service, if the key belongs to one.
    pub user: Option<Arc<str>>,
    /// The name of the key.
    pub key: Arc<str>,
    /// The execution whose step called, if one did.
    pub execution: Option<ExecutionId>,
    /// The step that called, if one did.
    pub step: Option<Arc<str>>,
    /// What the caller asked for.
    pub route: Arc<str>,
    /// Who answered, or was asked last; nobody when the call came to no provider.
    pub provider: Option<Arc<str>>,
    /// Which model that was.
    pub model: Option<Arc<str>>,
    /// The format the caller spoke; a workflow's step speaks none.
    pub format: Option<WireFormat>,
    /// Whether the reply was wanted piece by piece.
    pub stream: bool,
    /// How it ended.
    pub status: CallStatus,
    /// How often a provider was asked.
    pub attempts: u32,
    /// The tokens, as far as they are known.
    pub usage: Usage,
    /// What it cost; unknown is not nothing.
    pub cost: Option<Usd>,
    /// Whether the cost, or a part of it, is an estimate.
    pub estimated: bool,
    /// How long it took.
    pub latency: Latency,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallStatus {
    /// The caller has the whole answer.
    Succeeded,
    /// The answer came from the cache.
    Cached,
    /// The caller gave up.
    Cancelled,
    /// It failed, with this code.
    Failed(Arc<str>),
}

impl CallStatus {
    /// The name that storage and people see. Never changes once released.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Cached => "cached",
            Self::Cancelled => "cancelled",
            Self::Failed(_) => "failed",
        }
    }

    /// The code of a failure.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Failed(code) => Some(code),
            Self::Succeeded | Self::Cached | Self::Cancelled => None,
        }
    }
}

/// How long a call took, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// From the request to the end of the answer.
    pub total_us: u64,
    /// The part of it that providers took.
    pub upstream_us: Option<u64>,
    /// From the request to the first token.
    pub first_token_us: Option<u64>,
}
