//! Signing keys, the installation's own secrets, and tokens for other services. All that is secret comes sealed.

use async_trait::async_trait;
use codeflow_core::{Tenant, Timestamp};

use crate::Error;

/// A key that signs access tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// What tokens call it, `kid`.
    pub id: String,
    /// `EdDSA`, `ES256` or `HS256`.
    pub algorithm: String,
    /// The public part, as JWKS has it, in JSON.
    pub public: String,
    /// The private part, sealed.
    pub secret: Vec<u8>,
    /// From when on it signs; it is published before.
    pub signs_from: Timestamp,
    /// When the next one takes over.
    pub signs_until: Timestamp,
    /// Until when its tokens are accepted.
    pub accepted_until: Timestamp,
}

/// Keeps signing keys.
#[async_trait]
pub trait SigningKeyStore: Send + Sync {
    /// Adds a key, unless there is already one that signs at its `signs_from` or has its id; then nothing is changed. Of
    /// several processes at once one adds. True when it was added.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn add_signing_key(&self, key: &SigningKey) -> Result<bool, Error>;

    /// The keys that are accepted after `now`, by the time from which they sign.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn signing_keys(&self, now: Timestamp) -> Result<Vec<SigningKey>, Error>;

    /// Takes a key back at once: it signs no more and is not accepted. False when there is none.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn withdraw_signing_key(&self, id: &str, at: Timestamp) -> Result<bool, Error>;
}

/// Keeps a few named secrets of the installation.
#[async_trait]
pub trait SecretStore: Send + Sync {
    /// The value under this name; if there is none, `value` is kept and is it. All processes get the same.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn secret(&self, name: &str, value: &[u8]) -> Result<Vec<u8>, Error>;

    /// Takes the value out, if it is this one. Of several at once one is true.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn take_secret(&self, name: &str, value: &[u8]) -> Result<bool, Error>;
}

/// A token with which integrations call another service in a tenant's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Whose it is.
    pub tenant: Tenant,
    /// The service, such as `github`.
    pub service: String,
    /// What people call it; unique in its tenant and service.
    pub name: String,
    /// The tokens, sealed.
    pub secret: Vec<u8>,
    /// What may be done with it, as the service says.
    pub scopes: Vec<String>,
    /// When the access token is over.
    pub expires_at: Option<Timestamp>,
    /// Counts changes from one.
    pub version: i64,
}

/// Keeps tokens for other services.
#[async_trait]
pub trait ConnectionStore: Send + Sync {
    /// Adds one, or replaces the one that has `version - 1`. False when it changed meanwhile.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn put_connection(&self, connection: &Connection) -> Result<bool, Error>;

    /// Finds one.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn find_connection(
        &self,
        tenant: &Tenant,
        service: &str,
        name: &str,
    ) -> Result<Option<Connection>, Error>;

    /// Those of a tenant, by service and name; they are at most 1,000.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn connections(&self, tenant: &Tenant) -> Result<Vec<Connection>, Error>;

    /// Removes one. False when there is none.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn remove_connection(&self, tenant: &Tenant, service: &str, name: &str) -> Result<bool, Error>;
}
