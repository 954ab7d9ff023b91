//! How much may be asked for in a minute.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Checks;

/// How much may be asked for in a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LimitSettings {
    /// For each key that has no limits of its own.
    pub each_key: MinuteLimits,
    /// For each of these models, whoever asks for it.
    pub models: Vec<(String, MinuteLimits)>,
}

/// How much may be asked for in a minute; `None`: as much as one likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteLimits {
    /// Requests.
    pub requests: Option<NonZeroU32>,
    /// Tokens of prompts and answers together.
    pub tokens: Option<NonZeroU32>,
}

/// See [`LimitSettings`].
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLimits {
    /// Requests in a minute. Left out: no limit.
    #[schemars(extend("x-example" = 600))]
    requests_per_minute: Option<u32>,
    /// Tokens of prompts and answers in a minute. Left out: no limit.
    #[schemars(extend("x-example" = 500_000))]
    tokens_per_minute: Option<u32>,
    /// How much all keys together may ask of one model in a minute.
    #[schemars(extend("x-name" = "\"openai/gpt-5.1\""))]
    models: BTreeMap<String, RawMinute>,
}

/// See [`MinuteLimits`].
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawMinute {
    /// Requests in a minute. Left out: no limit.
    #[schemars(extend("x-example" = 3000))]
    requests_per_minute: Option<u32>,
    /// Tokens of prompts and answers in a minute. Left out: no limit.
    #[schemars(extend("x-example" = 2_000_000))]
    tokens_per_minute: Option<u32>,
}

impl RawLimits {
    pub(crate) fn settle(self, checks: &mut Checks) -> LimitSettings {
        let each_key = RawMinute {
            requests_per_minute: self.requests_per_minute,
            tokens_per_minute: self.tokens_per_minute,
        };
        let each_key = each_key.settle("limits", checks);
        let model = |(name, raw): (String, RawMinute)| {
            let at = format!("limits.models.{name}");
            let limits = raw.settle(&at, checks);
            (checks.text(&at, name), limits)
        };
        LimitSettings { each_key, models: self.models.into_iter().map(model).collect() }
    }
}

impl RawMinute {
    fn settle(self, at: &str, checks: &mut Checks) -> MinuteLimits {
        MinuteLimits {
            requests: checks.limit(format!("{at}.requests_per_minute"), self.requests_per_minute),
            tokens: checks.limit(format!("{at}.tokens_per_minute"), self.tokens_per_minute),
        }
    }
}
