//! Sign-ins, each a family of refresh tokens, and sign-ins with other services that have begun.

use async_trait::async_trait;
use codeflow_core::{LoginId, Tenant, Timestamp, UserId};

use super::Page;
use crate::Error;

/// A sign-in, from the password to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// Its id, which every token of it names.
    pub id: LoginId,
    /// Whose it is.
    pub user: UserId,
    /// The user's tenant.
    pub tenant: Tenant,
    /// How often its refresh token was exchanged.
    pub generation: i64,
    /// A keyed hash of the refresh token that is valid now.
    pub digest: Vec<u8>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its refresh token was exchanged last.
    pub used_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
    /// From where it was made.
    pub address: Option<String>,
    /// With what program, as it said.
    pub agent: Option<String>,
}

/// The exchange of a refresh token for the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The sign-in.
    pub id: LoginId,
    /// How often it was exchanged before.
    pub generation: i64,
    /// The hash of the token that is handed in.
    pub from: Vec<u8>,
    /// The hash of the one that is handed out.
    pub to: Vec<u8>,
    /// When.
    pub at: Timestamp,
    /// When the sign-in ends at the latest, from here on.
    pub expires_at: Timestamp,
}

/// Keeps sign-ins.
#[async_trait]
pub trait LoginStore: Send + Sync {
    /// Adds a sign-in.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when the user is gone, or there is a sign-in with this id;
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn add_login(&self, login: &Login) -> Result<(), Error>;

    /// Finds a sign-in.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn find_login(&self, id: LoginId) -> Result<Option<Login>, Error>;

    /// Exchanges a refresh token; of several at once with the same token one is true. False when the sign-in has ended, is
    /// over, or has another generation or hash.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn rotate(&self, rotation: &Rotation) -> Result<bool, Error>;

    /// The sign-ins of a user, or of all users of a tenant, or all, that have not ended and are not over at `now`.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn list_logins(
        &self,
        of: (Option<&Tenant>, Option<UserId>),
        now: Timestamp,
        page: Page<LoginId>,
    ) -> Result<Vec<Login>, Error>;

    /// Ends a sign-in. False when there is none, or it ended before.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn end_login(&self, id: LoginId, at: Timestamp) -> Result<bool, Error>;

    /// Ends all sign-ins of a user but one, and says which they were.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn end_logins(
        &self,
        user: UserId,
        but: Option<LoginId>,
        at: Timestamp,
    ) -> Result<Vec<LoginId>, Error>;

    /// Removes sign-ins that ended or were over before this time, the oldest first, at most so many; says how many it
    /// removed.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn sweep_logins(&self, before: Timestamp, most: u32) -> Result<u32, Error>;
}

/// A sign-in with another service that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// A keyed hash of the `state` that comes back.
    pub state: Vec<u8>,
    /// What is needed to finish it, sealed.
    pub secret: Vec<u8>,
    /// From when on it is void.
    pub expires_at: Timestamp,
}

/// Keeps sign-ins that have begun.
#[async_trait]
pub trait AttemptStore: Send + Sync {
    /// Keeps one, and removes those that are void by `now`, at most 1,000.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when there is one with this state;
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn add_attempt(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Error>;

    /// Takes one out, if it is not void at `now`; of several at once one gets it.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn take_attempt(&self, state: &[u8], now: Timestamp) -> Result<Option<Attempt>, Error>;
}
