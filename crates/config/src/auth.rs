//! Who may sign in, and how they prove who they are.

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
const KIB: usize = 1024;

/// Who may sign in, and how they prove who they are.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// What keys are hashed under and stored secrets are sealed with; `None`: one that is made at the first start and
    /// kept in the database.
    pub secret: Option<SecretReference>,
    /// Who issues access tokens.
    pub issuer: String,
    /// For whom access tokens are.
    pub audience: String,
    /// With what access tokens are signed.
    pub signing: SigningAlgorithm,
    /// The secret of HS256.
    pub signing_secret: Option<SecretReference>,
    /// How long an access token lives.
    pub access_token: Duration,
    /// How long one key signs.
    pub rotate_every: Duration,
    /// How long a sign-in lasts without use.
    pub login_idle: Duration,
    /// How long a sign-in lasts at most.
    pub login_longest: Duration,
    /// What new API keys name as their environment.
    pub key_environment: String,
    /// What apps that show codes of the second factor call this installation.
    pub service: String,
    /// The memory of one hash of a password, in KiB.
    pub password_memory_kib: u32,
    /// How often that memory is filled.
    pub password_passes: u32,
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

/// See [`AuthSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawAuth {
    /// What keys are hashed under and stored secrets are sealed with, at least 32 characters from chance
    /// (`openssl rand -hex 32`). Left out: one is made at the first start and kept in the database, so whoever reads the
    /// database reads it, too. A change makes all keys and sign-ins void.
    #[schemars(extend("x-example" = { "env": "CODEFLOW_SECRET" }))]
    secret: Option<RawSecret>,
    /// Who issues access tokens: the address of the installation, or any name.
    issuer: String,
    /// For whom access tokens are.
    audience: String,
    /// With what access tokens are signed: `EdDSA` or `ES256`, whose keys are made and replaced by themselves, or `HS256`
    /// with `signing_secret`.
    signing: SigningAlgorithm,
    /// The secret for `signing = "HS256"`, at least 32 characters.
    #[schemars(extend("x-example" = { "file": "/run/secrets/jwt" }))]
    signing_secret: Option<RawSecret>,
    /// How long an access token lives: up to 1h, in whole seconds.
    access_token: Amount,
    /// How long one key signs access tokens, before the next one does.
    rotate_every: Amount,
    /// How long a sign-in lasts without use.
    login_idle: Amount,
    /// How long a sign-in lasts at most.
    login_longest: Amount,
    /// What new API keys name as their environment: `live` makes `cf_live_…`.
    key_environment: String,
    /// What apps that show codes of the second factor call this installation.
    service: String,
    /// The memory of one hash of a password (Argon2id): 8 MiB to 1 GiB. More is harder to guess and takes longer.
    password_memory: Amount,
    /// How often that memory is filled: 1 to 100.
    password_passes: u32,
}

impl Default for RawAuth {
    fn default() -> Self {
        Self {
            secret: None,
            issuer: "codeflow".to_owned(),
            audience: "codeflow".to_owned(),
            signing: SigningAlgorithm::EdDSA,
            signing_secret: None,
            access_token: Amount::text("15m"),
            rotate_every: Amount::text("30d"),
            login_idle: Amount::text("30d"),
            login_longest: Amount::text("90d"),
            key_environment: "live".to_owned(),
            service: "CodeFlow".to_owned(),
            password_memory: Amount::text("19 MiB"),
            password_passes: 2,
        }
    }
}

impl RawAuth {
    pub(crate) fn settle(self, checks: &mut Checks) -> AuthSettings {
        if (self.signing == SigningAlgorithm::HS256) != self.signing_secret.is_some() {
            checks
                .refuse("auth.signing_secret", "belongs to `auth.signing = \"HS256\"`: say both, or neither");
        }
        let memory = checks.bytes("auth.password_memory", &self.password_memory);
        if !(8 * KIB * KIB..=KIB * KIB * KIB).contains(&memory) {
            checks.refuse("auth.password_memory", "must be from 8 MiB to 1 GiB");
        }
        if !(1..=100).contains(&self.password_passes) {
            checks.refuse("auth.password_passes", "must be from 1 to 100");
        }
        let lower = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !(1..=16).contains(&self.key_environment.len()) || !lower(&self.key_environment) {
            checks.refuse("auth.key_environment", "must be 1 to 16 lower-case letters and digits");
        }
        let access_token = checks.within("auth.access_token", &self.access_token, SECOND..=HOUR);
        if access_token.subsec_nanos() > 0 {
            checks.refuse("auth.access_token", "must be in whole seconds");
        }
        AuthSettings {
            secret: checks.optional_secret("auth.secret", self.secret),
            issuer: checks.text("auth.issuer", self.issuer),
            audience: checks.text("auth.audience", self.audience),
            signing: self.signing,
            signing_secret: checks.optional_secret("auth.signing_secret", self.signing_secret),
            access_token,
            rotate_every: checks.within("auth.rotate_every", &self.rotate_every, 3 * HOUR..=3_650 * DAY),
            login_idle: checks.within("auth.login_idle", &self.login_idle, SECOND..=3_650 * DAY),
            login_longest: checks.within("auth.login_longest", &self.login_longest, SECOND..=3_650 * DAY),
            key_environment: self.key_environment,
            service: checks.text("auth.service", self.service),
            password_memory_kib: u32::try_from(memory / KIB).unwrap_or(u32::MAX),
            password_passes: self.password_passes,
        }
    }
}
