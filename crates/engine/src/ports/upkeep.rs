//! The port to what keeps storage small: what ended long ago is found, archived and removed, in pieces.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;

use crate::Error;
use crate::ports::{LogLine, Snapshot};

/// An execution that ended long ago, as it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Old {
    /// Its id.
    pub id: ExecutionId,
    /// Its sequence number: with another one it has moved since.
    pub seq: i64,
}

/// A piece of the executions that ended long ago.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OldExecutions {
    /// Those that may be removed.
    pub found: Vec<Old>,
    /// Where the next piece begins; nothing when the others are too young.
    pub next: Option<ExecutionId>,
}

/// What is left over, besides executions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Litter {
    /// Large payloads that no row names any more, whatever their age.
    Payloads,
    /// Idempotency keys of executions that are not there any more.
    Keys,
    /// Keys of jobs that have ended.
    JobKeys,
    /// Sessions that ended.
    Sessions,
    /// Slots of schedules whose executions are over.
    Slots,
}

impl Litter {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Payloads, Self::Keys, Self::JobKeys, Self::Sessions, Self::Slots];
}

/// What was swept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How much of it was removed.
    pub removed: u32,
    /// Where the next piece begins; nothing after the last one.
    pub next: Option<String>,
}

/// Removes what nobody needs any more. Nothing of it needs a lease: several may do it at once, and whatever moves in
/// the meantime stays.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Looks at up to `limit` executions with a final status, after `after`, for those that ended longer than
    /// `keep` ago and have nothing left to do.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn outlived(
        &self,
        status: ExecutionStatus,
        keep: Duration,
        after: Option<ExecutionId>,
        limit: u32,
    ) -> Result<OldExecutions, Error>;

    /// The logs of executions, whole.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn logs_of(&self, ids: &[ExecutionId]) -> Result<BTreeMap<ExecutionId, Vec<LogLine>>, Error>;

    /// Removes executions with all that belongs to them, in one commit. One that has moved since it was found, or
    /// has something to do, stays. Returns how many were removed.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn remove(&self, old: Vec<Old>) -> Result<u32, Error>;

    /// Removes what is older than `keep` from the piece after `after`, of up to `limit` rows.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn sweep(
        &self,
        litter: Litter,
        keep: Duration,
        after: Option<String>,
        limit: u32,
    ) -> Result<Swept, Error>;
}

/// An execution as it was at its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Finished {
    /// It and its journal.
    pub snapshot: Snapshot,
    /// Its log.
    pub logs: Vec<LogLine>,
}

/// Where finished executions go before they are removed.
#[async_trait]
pub trait Archive: Send + Sync {
    /// Keeps executions. When this returns, they outlive the end of the machine. One may come twice.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn keep(&self, executions: Vec<Finished>) -> Result<(), Error>;
}
