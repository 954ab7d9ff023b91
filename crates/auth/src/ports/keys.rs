//! API keys.

use std::num::NonZeroU32;

use async_trait::async_trait;
use codeflow_core::{KeyId, Tenant, Timestamp, UserId};

use super::Page;
use crate::{Error, Permission};

/// A key with which programs call.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKey {
    /// Its id, which is a part of the key.
    pub id: KeyId,
    /// Whose data it sees.
    pub tenant: Tenant,
    /// The user that it acts for; `None`: it is a service's.
    pub owner: Option<UserId>,
    /// What people call it.
    pub name: String,
    /// A keyed hash of its secret.
    pub digest: Vec<u8>,
    /// What may be done with it. With an owner, no more than the owner may do.
    pub scopes: Vec<Permission>,
    /// The names of models and routes that it may ask for; `None` allows all. A `*` at the end stands for any rest.
    pub models: Option<Vec<String>>,
    /// The tier of its limits; `None`: the usual one.
    pub tier: Option<String>,
    /// Requests to models that it may make in a minute.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens of models that it may use in a minute.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to within a minute.
    pub last_used_at: Option<Timestamp>,
    /// The key that takes its place.
    pub replaced_by: Option<KeyId>,
}

/// Which keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFilter {
    /// Of this tenant; `None`: of all.
    pub tenant: Option<Tenant>,
    /// Of this owner; `None`: of all and of none.
    pub owner: Option<UserId>,
}

/// Keeps API keys.
#[async_trait]
pub trait KeyStore: Send + Sync {
    /// Adds a key. With `replaces`, that key of the same tenant, unless it is revoked or replaced already, names it as its
    /// successor and expires at the given time at the latest; both happen, or neither.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) when the key to replace cannot be, the owner is gone, or there is a key with
    /// this id; [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn add_key(&self, key: &ApiKey, replaces: Option<(KeyId, Timestamp)>) -> Result<(), Error>;

    /// Finds a key.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn find_key(&self, id: KeyId) -> Result<Option<ApiKey>, Error>;

    /// Lists keys.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn list_keys(&self, filter: &KeyFilter, page: Page<KeyId>) -> Result<Vec<ApiKey>, Error>;

    /// Revokes a key. False when there is none, or it was revoked before.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn revoke_key(&self, id: KeyId, at: Timestamp) -> Result<bool, Error>;

    /// Revokes all keys of an owner that are not revoked yet, and says which they were.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn revoke_keys_of(&self, owner: UserId, at: Timestamp) -> Result<Vec<KeyId>, Error>;

    /// How many keys of a tenant that belong to this owner, or to none, are neither revoked nor over at `now`, up to `most`.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn count_keys(
        &self,
        of: (&Tenant, Option<UserId>),
        now: Timestamp,
        most: u32,
    ) -> Result<u32, Error>;

    /// Notes when keys were used last, in one statement; an earlier time than the one known changes nothing.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn touch_keys(&self, used: &[(KeyId, Timestamp)]) -> Result<(), Error>;
}
