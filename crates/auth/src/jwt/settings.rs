//! How access tokens are made: what settings say, and what of it is refused.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::Clock;
use secrecy::{ExposeSecret, SecretString};

use crate::{Error, SigningKeyStore, Vault};

const LONGEST_LIFETIME: Duration = Duration::from_secs(60 * 60);
const LONGEST_LEEWAY: Duration = Duration::from_secs(5 * 60);
const SHORTEST_SECRET: usize = 32;

/// How access tokens are made and judged.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// Who issues them, `iss`: the address of the installation, or any name.
    pub issuer: String,
    /// For whom they are, `aud`.
    pub audience: String,
    /// With what they are signed.
    pub signing: Signing,
    /// How long they live; whole seconds, at most an hour.
    pub lifetime: Duration,
    /// How far clocks may differ; whole seconds, at most five minutes.
    pub leeway: Duration,
    /// How long a key signs.
    pub rotate_every: Duration,
    /// How long a key is published before it signs. Who caches the published keys does so for less than that.
    pub publish_ahead: Duration,
}

/// With what access tokens are signed. A change holds for keys that are made from then on; [`Signing::Hs256`] holds at
/// once.
#[derive(Clone, Debug)]
pub enum Signing {
    /// Keys for Ed25519 that are made, kept and replaced by themselves.
    EdDsa,
    /// The same, with keys on the curve P-256, for those who verify and do not know Ed25519.
    Es256,
    /// One secret that whoever verifies has to have, too. It is replaced by changing the setting.
    Hs256(SecretString),
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self {
            issuer: "codeflow".to_owned(),
            audience: "codeflow".to_owned(),
            signing: Signing::EdDsa,
            lifetime: Duration::from_secs(15 * 60),
            leeway: Duration::from_secs(30),
            rotate_every: Duration::from_secs(30 * 24 * 60 * 60),
            publish_ahead: Duration::from_secs(60 * 60),
        }
    }
}

impl TokenSettings {
    pub(super) fn check(&self) -> Result<(), Error> {
        let whole = |time: Duration| time.subsec_nanos() == 0;
        let named = |name: &str| (1..=255).contains(&name.len());
        if !named(&self.issuer) {
            return Err(Error::field("issuer", "the issuer has 1 to 255 bytes"));
        }
        if !named(&self.audience) {
            return Err(Error::field("audience", "the audience has 1 to 255 bytes"));
        }
        if !whole(self.lifetime) || self.lifetime.is_zero() || self.lifetime > LONGEST_LIFETIME {
            return Err(Error::field("lifetime", "tokens live for whole seconds, at most an hour"));
        }
        if !whole(self.leeway) || self.leeway > LONGEST_LEEWAY {
            return Err(Error::field("leeway", "the leeway is in whole seconds, at most five minutes"));
        }
        if self.rotate_every < self.publish_ahead.saturating_add(self.lifetime) {
            let text = "a key signs for longer than it is published before, and than its tokens live";
            return Err(Error::field("rotate_every", text));
        }
        if let Signing::Hs256(secret) = &self.signing
            && secret.expose_secret().len() < SHORTEST_SECRET
        {
            return Err(Error::field("secret", "the secret for HS256 has at least 32 bytes"));
        }
        Ok(())
    }
}

/// What access tokens are made from.
#[derive(Clone)]
pub struct TokenSources {
    /// Where keys are kept.
    pub store: Arc<dyn SigningKeyStore>,
    /// What seals them.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}
