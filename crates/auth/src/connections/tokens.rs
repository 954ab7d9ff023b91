//! The tokens of a connection, as they are handed in, kept and shown.

use codeflow_core::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Connection, Error, ErrorKind, Vault};

const LONGEST: usize = 16 * 1024;
const MOST_SCOPES: usize = 100;

/// Tokens that another service gave out.
#[derive(Clone, Debug)]
pub struct ConnectionTokens {
    /// With what it is called.
    pub access_token: SecretString,
    /// What gets the next one; without it, somebody has to connect again one day.
    pub refresh_token: Option<SecretString>,
    /// When the access token is over; `None`: never.
    pub expires_at: Option<Timestamp>,
    /// What may be done with it.
    pub scopes: Vec<String>,
}

/// A connection without what is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedConnection {
    /// The service.
    pub service: String,
    /// What people call it.
    pub name: String,
    /// What may be done with it.
    pub scopes: Vec<String>,
    /// When its access token is over.
    pub expires_at: Option<Timestamp>,
}

impl From<Connection> for ListedConnection {
    fn from(kept: Connection) -> Self {
        Self { service: kept.service, name: kept.name, scopes: kept.scopes, expires_at: kept.expires_at }
    }
}

impl ConnectionTokens {
    pub(super) fn check(&self) -> Result<(), Error> {
        let sendable = |token: &SecretString| {
            let token = token.expose_secret();
            (1..=LONGEST).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !sendable(&self.access_token) {
            return Err(Error::field("access_token", "this is no token"));
        }
        if self.refresh_token.as_ref().is_some_and(|token| !sendable(token)) {
            return Err(Error::field("refresh_token", "this is no token"));
        }
        if self.scopes.len() > MOST_SCOPES || self.scopes.iter().any(|scope| scope.len() > 255) {
            return Err(Error::field("scopes", "there are too many scopes, or one is too long"));
        }
        Ok(())
    }
}

/// What is sealed of a connection.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Sealed {
    access_token: String,
    pub(super) refresh_token: Option<String>,
    expires_at: Option<Timestamp>,
    pub(super) scopes: Vec<String>,
    lease: Lease,
}

/// Who refreshes. Services that give out each refresh token once take two who use it for thieves.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) enum Lease {
    /// Nobody.
    None,
    /// Somebody, but for no longer.
    Until(Timestamp),
    /// Nobody ever again: the service does not take the token.
    Refused,
}

impl From<&ConnectionTokens> for Sealed {
    fn from(tokens: &ConnectionTokens) -> Self {
        let plain = |token: &SecretString| token.expose_secret().to_owned();
        Self {
            access_token: plain(&tokens.access_token),
            refresh_token: tokens.refresh_token.as_ref().map(plain),
            expires_at: tokens.expires_at,
            scopes: tokens.scopes.clone(),
            lease: Lease::None,
        }
    }
}

impl Sealed {
    pub(super) fn open(sealed: &[u8], purpose: &str, vault: &Vault) -> Result<Self, Error> {
        let plain = vault.open(purpose, sealed)?;
        // The cause would hold what was sealed.
        let read = serde_json::from_slice(&plain).ok();
        read.ok_or_else(|| Error::new(ErrorKind::Internal, "a connection that was kept cannot be read"))
    }

    pub(super) fn seal(&self, purpose: &str, vault: &Vault) -> Result<Vec<u8>, Error> {
        let plain = serde_json::to_vec(self).map_err(|source| {
            Error::with_source(ErrorKind::Internal, "a connection cannot be written", source)
        })?;
        vault.seal(purpose, &plain)
    }

    /// The same tokens under another lease.
    pub(super) fn with(&self, lease: Lease) -> Self {
        Self { lease, ..self.clone() }
    }

    pub(super) fn token(&self) -> SecretString {
        self.access_token.clone().into()
    }

    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    pub(super) fn good_at(&self, time: Timestamp) -> bool {
        self.expires_at.is_none_or(|at| time < at)
    }

    pub(super) fn leased(&self, now: Timestamp) -> bool {
        match self.lease {
            Lease::Until(until) => now < until,
            Lease::None | Lease::Refused => false,
        }
    }

    pub(super) fn is_refused(&self) -> bool {
        match self.lease {
            Lease::Refused => true,
            Lease::None | Lease::Until(_) => false,
        }
    }

    pub(super) fn can_be_refreshed(&self) -> bool {
        !self.is_refused() && self.refresh_token.is_some()
    }
}
