//! Limits that several processes count together: the port to whoever keeps the count, and what is said through it.

mod account;
mod errand;
mod gate;
mod limiter;

use async_trait::async_trait;

use crate::{Error, Limit};

pub use gate::SharedGate;
pub use limiter::{SharedLimiter, Sharing};

/// Keeps the count of limits for several processes. A process takes a little more than it needs, its lease, and uses
/// that without asking. What is leased is nobody else's, and is paid back by no time until it is said to be used; so
/// however it is used, no more is admitted than the limit allows.
#[async_trait]
pub trait SharedLimits: Send + Sync {
    /// Asks for several limits, each for itself, in one round trip. The answers have the order of the requests.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable) when nobody answers; at once when it is known that nobody will.
    async fn lease(&self, requests: &[LeaseRequest]) -> Result<Vec<LeaseReply>, Error>;

    /// Whether somebody answers. Connects anew if need be.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn reach(&self) -> Result<(), Error>;
}

/// What a process says and wants of one limit of one subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRequest {
    /// Whose limit it is.
    pub subject: String,
    /// The limit. It is counted by subject and name.
    pub limit: Limit,
    /// What was used since the last request.
    pub report: Report,
    /// How much is needed now, all of it or nothing; 0 when this is only a report.
    pub cost: u32,
    /// How much is wanted beyond that, or less.
    pub surplus: u32,
}

/// What became of a lease, which ends with this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The lease; 0 when there is none.
    pub lease: u64,
    /// How much it was.
    pub held: u32,
    /// How much was used, of the lease and otherwise; less than nothing when more was given back. If the lease is over
    /// already, all of it was taken to be used, and only what goes beyond it counts.
    pub used: i64,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseReply {
    /// Whether the cost was taken. Nothing was, otherwise.
    pub is_taken: bool,
    /// How much there is beyond the cost.
    pub surplus: u32,
    /// The lease that holds the surplus; 0 when that is nothing.
    pub lease: u64,
    /// What the subject owes now, leases of other processes included and this surplus not: whole units, and parts of one
    /// of which a unit has as many as the limit's window has microseconds.
    pub owed: (u64, u64),
    /// When this was decided, in microseconds since 1970, by the clock of whoever decides.
    pub at: u64,
}
