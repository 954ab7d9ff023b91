//! Who may sign in, and how they prove who they are.

mod connections;
mod sign_in;
mod tokens;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretReference;
use crate::auth::connections::RawConnections;
use crate::auth::sign_in::RawSignIn;
use crate::auth::tokens::RawTokens;
use crate::checks::Checks;
use crate::secrets::RawSecret;
use crate::values::Amount;

pub use connections::{ConnectionServiceSettings, ConnectionSettings, SecretPlace};
pub use sign_in::{NewUserSettings, SignInPaths, SignInProtocol, SignInProvider, SignInSettings};
pub use tokens::{SigningAlgorithm, TokenSettings};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const KIB: usize = 1024;

/// Who may sign in, and how they prove who they are.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// What keys are hashed under and stored secrets are sealed with; `None`: one that is made at the first start and
    /// kept in the database.
    pub secret: Option<SecretReference>,
    /// How access tokens are made.
    pub tokens: TokenSettings,
    /// With which other services people sign in.
    pub sign_in: SignInSettings,
    /// To which other services integrations connect.
    pub connections: ConnectionSettings,
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

/// See [`AuthSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawAuth {
    /// What keys are hashed under and stored secrets are sealed with, at least 32 characters from chance
    /// (`openssl rand -hex 32`). Left out: one is made at the first start and kept in the database, so whoever reads the
    /// database reads it, too. A change makes all keys and sign-ins void.
    #[schemars(extend("x-example" = { "env": "CODEFLOW_SECRET" }))]
    secret: Option<RawSecret>,
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
    /// Access tokens: what people and programs have for some minutes after a sign-in.
    tokens: RawTokens,
    /// Sign-ins with other services. See the guide to sign-in.
    sign_in: RawSignIn,
    /// Connections to other services, for integrations. See the guide to sign-in.
    connections: RawConnections,
}

impl Default for RawAuth {
    fn default() -> Self {
        Self {
            secret: None,
            login_idle: Amount::text("30d"),
            login_longest: Amount::text("90d"),
            key_environment: "live".to_owned(),
            service: "CodeFlow".to_owned(),
            password_memory: Amount::text("19 MiB"),
            password_passes: 2,
            tokens: RawTokens::default(),
            sign_in: RawSignIn::default(),
            connections: RawConnections::default(),
        }
    }
}

impl RawAuth {
    pub(crate) fn settle(self, checks: &mut Checks) -> AuthSettings {
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
        AuthSettings {
            secret: checks.optional_secret("auth.secret", self.secret),
            tokens: self.tokens.settle(checks),
            sign_in: self.sign_in.settle(checks),
            connections: self.connections.settle(checks),
            login_idle: checks.within("auth.login_idle", &self.login_idle, SECOND..=3_650 * DAY),
            login_longest: checks.within("auth.login_longest", &self.login_longest, SECOND..=3_650 * DAY),
            key_environment: self.key_environment,
            service: checks.text("auth.service", self.service),
            password_memory_kib: u32::try_from(memory / KIB).unwrap_or(u32::MAX),
            password_passes: self.password_passes,
        }
    }
}
