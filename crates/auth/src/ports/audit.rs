//! The audit log: who did what, on what, from where, and how it ended. Nothing in it is ever changed: each entry holds
//! the hash of the one before it.

use async_trait::async_trait;
use codeflow_core::{Tenant, Timestamp};
use serde_json::{Map, Value};

use super::Page;
use crate::Error;

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// It went wrong.
    Failed,
}

impl Outcome {
    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Something that somebody did.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// In whose data; `None` when that is not known.
    pub tenant: Option<Tenant>,
    /// Who: a user or a key, by id or name.
    pub actor: String,
    /// What, such as `user.create`.
    pub action: String,
    /// On what.
    pub target: String,
    /// From where.
    pub address: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// What else there is to say, never a secret.
    pub details: Map<String, Value>,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    /// Its place, counted from one without gaps.
    pub position: i64,
    /// What happened.
    pub event: AuditEvent,
    /// The hash of the entry before it; zeros for the first.
    pub previous: [u8; 32],
    /// The hash of this one, which covers the position, the event and `previous`.
    pub hash: [u8; 32],
}

/// Which entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditFilter {
    /// Of this tenant; `None`: all.
    pub tenant: Option<Tenant>,
    /// Of this actor.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// Not before.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// Keeps the audit log.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds entries at the end, all or none. `chain` is given the place of an entry, the hash of the one before it, and what
    /// happened, as it is kept: without zero characters, and with no more than 256 characters of the actor and the action.
    /// The end of the log is locked meanwhile.
    ///
    /// # Errors
    /// [`Internal`](crate::ErrorKind::Internal) when `chain` puts an entry elsewhere;
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn append_audit(
        &self,
        events: Vec<AuditEvent>,
        chain: fn(i64, [u8; 32], AuditEvent) -> AuditEntry,
    ) -> Result<(), Error>;

    /// Entries after a position, in their order.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn audit(&self, filter: &AuditFilter, page: Page<i64>) -> Result<Vec<AuditEntry>, Error>;
}
