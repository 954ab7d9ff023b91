//! What is void before its time. Every process reads what is new within seconds.

use async_trait::async_trait;
use codeflow_core::{KeyId, LoginId, Timestamp, UserId};

use crate::Error;

/// What is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// All tokens of a sign-in.
    Login(LoginId),
    /// All tokens of a user that were issued up to the time of the revocation, and what is remembered of the user: its
    /// roles, its password, whether it is disabled.
    User(UserId),
    /// What is remembered of a key.
    Key(KeyId),
    /// What is remembered of all roles.
    Roles,
}

/// A revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// What is void.
    pub target: Target,
    /// Since when.
    pub at: Timestamp,
    /// When nothing of it could be valid any more anyway.
    pub until: Timestamp,
}

/// Keeps revocations.
#[async_trait]
pub trait RevocationStore: Send + Sync {
    /// Adds revocations.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn revoke(&self, revocations: &[Revocation]) -> Result<(), Error>;

    /// Revocations after a position, in their order, at most so many and no more than 1,000, each with its position. One
    /// that is committed late may have a position before others that were seen: readers begin some way before the last one.
    /// A call of `revoke` is one statement, so what is late comes within its time limit; a position is never given twice.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn revocations(&self, after: i64, limit: u32) -> Result<Vec<(i64, Revocation)>, Error>;

    /// Removes revocations whose `until` is before this time, at most so many; says how many it removed.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn sweep_revocations(&self, before: Timestamp, most: u32) -> Result<u32, Error>;
}
