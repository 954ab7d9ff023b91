//! Failed attempts under a name, whether or not anybody has it.

use async_trait::async_trait;
use codeflow_core::Timestamp;

use crate::Error;

/// What is known of the attempts that failed under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// A keyed hash of the name.
    pub name: Vec<u8>,
    /// How many attempts failed since it was cleared or forgotten.
    pub failures: u32,
    /// When one failed last, or it was cleared.
    pub changed_at: Timestamp,
    /// How often it was cleared: failures that were counted before that are void.
    pub clears: i64,
}

/// Keeps failed attempts.
#[async_trait]
pub trait LockoutStore: Send + Sync {
    /// What is known of a name, by its keyed hash.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn find_lockout(&self, name: &[u8]) -> Result<Option<Lockout>, Error>;

    /// What is known of these names, at most 1,000, by hash. Of the others nothing is known.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn find_lockouts(&self, names: &[Vec<u8>]) -> Result<Vec<Lockout>, Error>;

    /// Adds failures to those that are known, for each name once in a call; what changed last before `forgotten` counts no
    /// more. Failures that were counted when their name had been cleared less often than by now are void. Made again, it
    /// counts twice.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn add_failures(&self, new: &[Lockout], forgotten: Timestamp) -> Result<(), Error>;

    /// Forgets the failures under a name, and voids those that others counted and did not add yet.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn clear_lockout(&self, name: &[u8], at: Timestamp) -> Result<(), Error>;

    /// Removes what changed last before this time, and of the rest what changed longest ago beyond the latest `keep`; at
    /// most so many. Says how many it removed.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn sweep_lockouts(&self, before: Timestamp, keep: u32, most: u32) -> Result<u32, Error>;
}
