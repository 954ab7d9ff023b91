//! What has begun elsewhere and comes back with a `state`: kept sealed until then, and taken out once.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use codeflow_core::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::jwt::compact::encode;
use crate::{Attempt, AttemptStore, Error, ErrorKind, Vault};

const LIFETIME: Duration = Duration::from_secs(10 * 60);
/// 32 bytes in base64.
const STATE_LENGTH: usize = 43;

/// What is begun. What is begun as one thing cannot be finished as another.
#[derive(Clone, Copy)]
pub(crate) struct Purpose {
    pub(crate) sealed: &'static str,
    pub(crate) state: &'static str,
}

impl Purpose {
    /// Keeps what is needed to go on, and says under which state and until when.
    pub(crate) async fn keep(
        self,
        begun: &impl Serialize,
        store: &dyn AttemptStore,
        (vault, now): (&Vault, Timestamp),
    ) -> Result<(String, Timestamp), Error> {
        let state = random()?;
        let plain = serde_json::to_vec(begun).map_err(|source| {
            Error::with_source(ErrorKind::Internal, "what was begun cannot be written", source)
        })?;
        let expires_at = now.after(LIFETIME);
        let attempt = Attempt {
            state: vault.digest(self.state, state.as_bytes())?.to_vec(),
            secret: vault.seal(self.sealed, &plain)?,
            expires_at,
        };
        store.add_attempt(&attempt, now).await?;
        Ok((state, expires_at))
    }

    /// Takes it out; it is there once.
    pub(crate) async fn take<T: DeserializeOwned>(
        self,
        state: &str,
        store: &dyn AttemptStore,
        (vault, now): (&Vault, Timestamp),
    ) -> Result<Option<T>, Error> {
        if state.len() != STATE_LENGTH {
            return Ok(None);
        }
        let digest = vault.digest(self.state, state.as_bytes())?;
        let Some(attempt) = store.take_attempt(&digest, now).await? else { return Ok(None) };
        let plain = vault.open(self.sealed, &attempt.secret)?;
        // The cause would hold what was sealed.
        let read = serde_json::from_slice(&plain).ok();
        let unreadable = || Error::new(ErrorKind::Internal, "what was begun cannot be read");
        read.map(Some).ok_or_else(unreadable)
    }
}

/// What PKCE calls the challenge of a verifier.
pub(crate) fn challenge(verifier: &str) -> String {
    encode(digest(&SHA256, verifier.as_bytes()))
}

/// A text that nobody can guess.
pub(crate) fn random() -> Result<String, Error> {
    Vault::random::<32>().map(encode)
}
