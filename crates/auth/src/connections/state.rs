//! How a connection is, without what is secret of it.

use codeflow_core::Tenant;

use super::tokens::Sealed;
use super::{Connections, Place, Seen};
use crate::{Error, ErrorKind, ListedConnection};

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionStatus {
    /// Its token is good for a minute at least.
    Ready,
    /// Its token is refreshed when it is needed next.
    Due,
    /// Its token is over, and nothing gets another one: somebody has to connect again.
    Over,
    /// The service takes it no more: somebody has to connect again.
    Refused,
}

impl ConnectionStatus {
    /// What people and programs call it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Due => "due",
            Self::Over => "over",
            Self::Refused => "refused",
        }
    }
}

impl Connections {
    /// A connection, and how it is.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Unavailable`](ErrorKind::Unavailable).
    pub async fn get(
        &self,
        tenant: &Tenant,
        service: &str,
        name: &str,
    ) -> Result<(ListedConnection, ConnectionStatus), Error> {
        let place = Place::new(tenant, service, name)?;
        let none = || Error::new(ErrorKind::NotFound, "there is no such connection");
        let kept = self.all.find(&place).await?.ok_or_else(none)?;
        let sealed = Sealed::open(&kept.secret, &place.purpose(), &self.all.sources.vault)?;
        let seen = Seen { sealed, version: kept.version, now: self.all.now() };
        Ok((kept.into(), seen.status()))
    }
}

impl Seen {
    fn status(&self) -> ConnectionStatus {
        match (self.usable(), self.sealed.can_be_refreshed(), self.sealed.is_refused()) {
            // What the service refused to refresh may be good for a while still.
            (_, _, true) => ConnectionStatus::Refused,
            (Some(_), _, false) => ConnectionStatus::Ready,
            (None, true, false) => ConnectionStatus::Due,
            (None, false, false) => ConnectionStatus::Over,
        }
    }
}
