//! A sign-in that has begun: what is needed to finish it, sealed until then.

use codeflow_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::web::bad;
use crate::attempts::{self, Purpose, random};
use crate::{AttemptStore, Error, Vault};

const SIGN_IN: Purpose = Purpose { sealed: "sign-in", state: "sign-in-state" };

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
        attempts::challenge(&self.verifier)
    }

    /// Keeps it, and says under which state and until when.
    pub(super) async fn keep(
        &self,
        store: &dyn AttemptStore,
        vault: &Vault,
        now: Timestamp,
    ) -> Result<(String, Timestamp), Error> {
        SIGN_IN.keep(self, store, (vault, now)).await
    }

    /// Takes it out; it is there once.
    pub(super) async fn take(
        state: &str,
        store: &dyn AttemptStore,
        sealed: (&Vault, Timestamp),
    ) -> Result<Self, Error> {
        let gone = || bad("this sign-in is over, or was never begun here");
        SIGN_IN.take(state, store, sealed).await?.ok_or_else(gone)
    }
}
