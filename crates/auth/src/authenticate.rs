//! Who calls, asked by whoever took a request in.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Error, Principal};

/// Tells who calls.
#[async_trait]
pub trait Authenticate: Send + Sync {
    /// Whose credential this is: an access token or an API key, as the request brought it, without the word `Bearer`.
    ///
    /// # Errors
    /// Those of [`Tokens::verify`](crate::Tokens::verify), [`Revoked`](crate::ErrorKind::Revoked),
    /// [`UnknownKey`](crate::ErrorKind::UnknownKey), [`ExpiredKey`](crate::ErrorKind::ExpiredKey),
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn authenticate(&self, credential: &str) -> Result<Arc<Principal>, Error>;
}
