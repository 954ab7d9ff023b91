//! Who may call the server: keys that settings name. In memory they are digests only.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU32;

use codeflow_ratelimit::Rules;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::checks::Checks;
use crate::error::Problem;
use crate::secrets::RawSecret;
use crate::values::Names;
use crate::{Environment, Error, ErrorKind, SecretReference, SecretSource};

const MASTER_VARIABLE: &str = "CODEFLOW_MASTER_KEY";
const MASTER: &str = "master";
const DEFAULT_TENANT: &str = "default";
const SHORTEST: usize = 16;

/// One key, as settings describe it.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// What logs, limits and budgets call it.
    pub name: String,
    /// Where the key itself is.
    pub secret: SecretReference,
    /// Whose data and money it is.
    pub tenant: String,
    /// The person or service that has it.
    pub user: Option<String>,
    /// The models and routes that it may use, `*` at the end for anything; `None`: all of them.
    pub models: Option<Vec<String>>,
    /// The tier of its limits on requests of every kind.
    pub tier: String,
    /// Calls to models that it may make in a minute; `None`: what `[limits]` says.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Tokens that it may use in a minute; `None`: what `[limits]` says.
    pub tokens_per_minute: Option<NonZeroU32>,
}

/// One key, as the server recognises it.
#[derive(Clone, Debug)]
pub struct Key {
    /// The [`key_digest`] of what callers send.
    pub digest: [u8; 32],
    /// What it stands for.
    pub settings: KeySettings,
}

/// SHA-256 of a key. Keys are long and random, so that their digests need no salt to be safe.
pub fn key_digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Fetches keys and keeps their digests.
pub(crate) async fn resolve(keys: &[KeySettings], secrets: &dyn SecretSource) -> Result<Vec<Key>, Error> {
    let (mut resolved, mut names, mut problems) = (Vec::new(), HashMap::new(), Vec::new());
    for settings in keys {
        let secret = match secrets.resolve(&settings.secret).await {
            Ok(secret) => secret,
            Err(error) => {
                problems.push(Problem { kind: error.kind(), context: named(settings, &error.to_string()) });
                continue;
            }
        };
        let digest = key_digest(secret.expose_secret());
        if let Some(problem) = weakness(&secret) {
            problems.push(Problem { kind: ErrorKind::InvalidValue, context: named(settings, problem) });
        } else if let Some(other) = names.insert(digest, &settings.name) {
            let problem = format!("it is the same as that of `keys.{other}`; give each its own");
            problems.push(Problem { kind: ErrorKind::InvalidValue, context: named(settings, &problem) });
        }
        resolved.push(Key { digest, settings: settings.clone() });
    }
    if problems.is_empty() { Ok(resolved) } else { Err(Error::several(problems)) }
}

fn named(settings: &KeySettings, problem: &str) -> String {
    format!("the secret of `keys.{}` in {} cannot be used: {problem}", settings.name, settings.secret)
}

fn weakness(secret: &SecretString) -> Option<&'static str> {
    let secret = secret.expose_secret();
    if secret.chars().count() < SHORTEST {
        Some("it is shorter than 16 characters; `openssl rand -hex 32` makes a good one")
    } else if !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        Some(
            "it holds characters that no header can carry; use letters, digits and punctuation, without spaces",
        )
    } else {
        None
    }
}

/// A key of [`crate::KeySettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawKey {
    /// The key itself, at least 16 characters: `{ env = "NAME" }`, `{ file = "/path" }`, or text, which profile
    /// `prod` refuses.
    #[schemars(extend("x-example" = { "env": "TEAM_A_KEY" }))]
    secret: RawSecret,
    /// Whose data and money it is.
    #[serde(default = "default_tenant")]
    tenant: String,
    /// The person or service that has it.
    #[serde(default)]
    #[schemars(extend("x-example" = "ada"))]
    user: Option<String>,
    /// The models and routes that it may use; a `*` at the end stands for anything. Left out: all of them.
    #[serde(default)]
    #[schemars(extend("x-example" = ["fast", "openai/*"]))]
    models: Option<Names>,
    /// Which limits of `[limits.requests]` it has.
    #[serde(default = "default_tier")]
    tier: String,
    /// Calls to models that it may make in a minute, instead of what `[limits]` says.
    #[serde(default)]
    #[schemars(extend("x-example" = 600))]
    requests_per_minute: Option<u32>,
    /// Tokens that it may use in a minute, instead of what `[limits]` says.
    #[serde(default)]
    #[schemars(extend("x-example" = 200_000))]
    tokens_per_minute: Option<u32>,
}

fn default_tier() -> String {
    Rules::SERVICE.to_owned()
}

fn default_tenant() -> String {
    DEFAULT_TENANT.to_owned()
}

/// All keys of the settings, and the one of the environment.
pub(crate) fn settle(
    raw: BTreeMap<String, RawKey>,
    environment: &Environment,
    rules: &Rules,
    checks: &mut Checks,
) -> Vec<KeySettings> {
    let mut keys: Vec<_> = raw.into_iter().map(|(name, raw)| raw.settle(name, checks)).collect();
    for key in keys.iter().filter(|key| !rules.tiers.contains_key(&key.tier)) {
        checks.refuse(format!("keys.{}.tier", key.name), "is the name of no tier of `[limits.requests]`");
    }
    if environment.find(MASTER_VARIABLE).is_some() {
        if keys.iter().any(|key| key.name == MASTER) {
            checks.refuse("keys.master", "is the name of the key in CODEFLOW_MASTER_KEY; use one of the two");
        }
        keys.push(KeySettings {
            name: MASTER.to_owned(),
            secret: SecretReference::Env(MASTER_VARIABLE.to_owned()),
            tenant: default_tenant(),
            user: None,
            models: None,
            tier: default_tier(),
            requests_per_minute: None,
            tokens_per_minute: None,
        });
    }
    keys
}

impl RawKey {
    fn settle(self, name: String, checks: &mut Checks) -> KeySettings {
        let at = format!("keys.{name}");
        KeySettings {
            name: checks.name(&at, name),
            secret: checks.secret(&format!("{at}.secret"), self.secret),
            tenant: checks.name(format!("{at}.tenant"), self.tenant),
            user: checks.optional(format!("{at}.user"), self.user),
            models: self.models.map(|names| checks.models(format!("{at}.models"), names)),
            tier: checks.name(format!("{at}.tier"), self.tier),
            requests_per_minute: checks.limit(format!("{at}.requests_per_minute"), self.requests_per_minute),
            tokens_per_minute: checks.limit(format!("{at}.tokens_per_minute"), self.tokens_per_minute),
        }
    }
}
