//! How access tokens are made.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretReference;
use crate::checks::Checks;
use crate::secrets::RawSecret;
use crate::values::Amount;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How access tokens are made.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// Who issues them.
    pub issuer: String,
    /// For whom they are.
    pub audience: String,
    /// With what they are signed.
    pub signing: SigningAlgorithm,
    /// The secret of HS256.
    pub secret: Option<SecretReference>,
    /// How long one lives.
    pub lifetime: Duration,
    /// How far clocks may differ.
    pub leeway: Duration,
    /// How long one key signs.
    pub rotate_every: Duration,
    /// How long a key is published before it signs.
    pub publish_ahead: Duration,
}

/// With what access tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum SigningAlgorithm {
    /// Keys for Ed25519 that are made and replaced by themselves.
    EdDSA,
    /// The same on the curve P-256.
    ES256,
    /// One secret that settings name.
    HS256,
}

/// See [`TokenSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawTokens {
    /// Who issues them: the address of the installation, or any name.
    issuer: String,
    /// For whom they are.
    audience: String,
    /// With what they are signed: `EdDSA` or `ES256`, whose keys are made and replaced by themselves, or `HS256` with
    /// `secret`.
    signing: SigningAlgorithm,
    /// The secret for `signing = "HS256"`, at least 32 characters; others do without.
    #[schemars(extend("x-example" = { "file": "/run/secrets/jwt" }))]
    secret: Option<RawSecret>,
    /// How long one lives: up to 1h, in whole seconds.
    lifetime: Amount,
    /// How far clocks may differ: up to 5m, in whole seconds.
    leeway: Amount,
    /// How long one key signs, before the next one does.
    rotate_every: Amount,
    /// How long a key is published before it signs. Who caches the published keys does so for less than that.
    publish_ahead: Amount,
}

impl Default for RawTokens {
    fn default() -> Self {
        Self {
            issuer: "codeflow".to_owned(),
            audience: "codeflow".to_owned(),
            signing: SigningAlgorithm::EdDSA,
            secret: None,
            lifetime: Amount::text("15m"),
            leeway: Amount::text("30s"),
            rotate_every: Amount::text("30d"),
            publish_ahead: Amount::text("1h"),
        }
    }
}

impl RawTokens {
    pub(super) fn settle(self, checks: &mut Checks) -> TokenSettings {
        if self.signing == SigningAlgorithm::HS256 && self.secret.is_none() {
            checks.refuse("auth.tokens.secret", "is missing, and `signing` is `HS256`");
        }
        let settings = TokenSettings {
            issuer: checks.text("auth.tokens.issuer", self.issuer),
            audience: checks.text("auth.tokens.audience", self.audience),
            signing: self.signing,
            secret: checks.optional_secret("auth.tokens.secret", self.secret),
            lifetime: checks.within("auth.tokens.lifetime", &self.lifetime, SECOND..=HOUR),
            leeway: checks.within("auth.tokens.leeway", &self.leeway, SECOND..=5 * 60 * SECOND),
            rotate_every: checks.within("auth.tokens.rotate_every", &self.rotate_every, HOUR..=3_650 * DAY),
            publish_ahead: checks.within("auth.tokens.publish_ahead", &self.publish_ahead, SECOND..=DAY),
        };
        for (key, time) in [("lifetime", settings.lifetime), ("leeway", settings.leeway)] {
            if time.subsec_nanos() > 0 {
                checks.refuse(format!("auth.tokens.{key}"), "must be in whole seconds");
            }
        }
        if settings.rotate_every < settings.publish_ahead + settings.lifetime {
            let problem = "must be longer than `publish_ahead` and `lifetime` together";
            checks.refuse("auth.tokens.rotate_every", problem);
        }
        settings
    }
}
