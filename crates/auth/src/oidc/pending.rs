//! A sign-in that has begun: what is needed to finish it, sealed until then.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use codeflow_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::web::bad;
use crate::jwt::compact::encode;
use crate::{Attempt, AttemptStore, Error, ErrorKind, Vault};

const LIFETIME: Duration = Duration::from_secs(10 * 60);
const PURPOSE: &str = "sign-in";
const STATE_PURPOSE: &str = "sign-in-state";
/// 32 bytes in base64.
const STATE_LENGTH: usize = 43;

/// What is needed to finish a sign-in.
#[derive(Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) provider: String,
    pub(super) issuer: String,
    pub(super) nonce: String,
    pub(super) verifier: String,
    pub(super) browser: String,
    pub(super) redirect_after: Option<String>,
}

impl Pending {
    pub(super) fn new(provider: &str, issuer: &str, redirect_after: Option<&str>) -> Result<Self, Error> {
        Ok(Self {
            provider: provider.to_owned(),
            issuer: issuer.to_owned(),
            nonce: random()?,
            verifier: random()?,
            browser: random()?,
            redirect_after: redirect_after.map(str::to_owned),
        })
    }

    /// What PKCE calls the challenge.
    pub(super) fn challenge(&self) -> String {
        encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    /// Keeps it, and says under which state and until when.
    pub(super) async fn keep(
        &self,
        store: &dyn AttemptStore,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<(String, Timestamp), Error> {
        let state = random()?;
        let plain = serde_json::to_vec(self).map_err(|source| {
            Error::with_source(ErrorKind::Internal, "a sign-in cannot be written", source)
        })?;
        let expires_at = now.after(LIFETIME);
        let attempt = Attempt {
            state: vault.digest(STATE_PURPOSE, state.as_bytes())?.to_vec(),
            secret: vault.seal(PURPOSE, &plain)?,
            expires_at,
        };
        store.add_attempt(&attempt, now).await?;
        Ok((state, expires_at))
    }

    /// Takes it out; it is there once.
    pub(super) async fn take(
        state: &str,
        store: &dyn AttemptStore,
        (vault, now): (&Vault, Timestamp),
    ) -> Result<Self, Error> {
        let gone = || bad("this sign-in is over, or was never begun here");
        if state.len() != STATE_LENGTH {
            return Err(gone());
        }
        let digest = vault.digest(STATE_PURPOSE, state.as_bytes())?;
        let attempt = store.take_attempt(&digest, now).await?.ok_or_else(gone)?;
        let plain = vault.open(PURPOSE, &attempt.secret)?;
        // The cause would hold what was sealed.
        let read = serde_json::from_slice(&plain).ok();
        read.ok_or_else(|| Error::new(ErrorKind::Internal, "a sign-in that was begun cannot be read"))
    }
}

fn random() -> Result<String, Error> {
    Vault::random::<32>().map(encode)
}
