//! Who calls, asked by whoever took a request in.

use std::sync::Arc;

use async_trait::async_trait;

use crate::secret_text::{KeyText, RefreshText};
use crate::{Error, ErrorKind, Identity, Principal};

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

#[async_trait]
impl Authenticate for Identity {
    async fn authenticate(&self, credential: &str) -> Result<Arc<Principal>, Error> {
        if credential.is_empty() {
            return Err(Error::new(ErrorKind::MissingCredential, "there is no credential"));
        }
        if credential.starts_with(RefreshText::PREFIX) {
            let text = "a refresh token is exchanged for an access token, and is none";
            return Err(Error::new(ErrorKind::MalformedCredential, text));
        }
        if credential.starts_with(KeyText::PREFIX) {
            return self.key_principal(credential).await;
        }
        self.token_principal(credential).await
    }
}
