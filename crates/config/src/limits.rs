//! How much may be asked for in a minute.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use codeflow_ratelimit::Rules;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Checks;
use crate::requests::RawRequests;

/// How much may be asked for in a minute.
#[derive(Clone, Debug, PartialEq)]
pub struct LimitSettings {
    /// Whether processes count together, over the Redis of [`WorkerSettings::redis_url`](crate::WorkerSettings).
    pub shared: bool,
    /// The part of each limit that a process has for itself while that Redis is away.
    pub share_without_redis: f64,
    /// For requests, whatever they ask for, by address, tier and class.
    pub requests: Rules,
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
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLimits {
    /// Whether processes count together, over the Redis that `worker.redis_url` names. Else each counts alone.
    shared: bool,
    /// The part of each limit that a process has for itself while that Redis is away, more than 0 and up to 1.
    share_without_redis: f64,
    /// Requests to the server, whatever they ask for. All numbers are requests in a minute; 0: no limit.
    requests: RawRequests,
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

impl Default for RawLimits {
    fn default() -> Self {
        Self {
            shared: false,
            share_without_redis: 0.5,
            requests: RawRequests::default(),
            requests_per_minute: None,
            tokens_per_minute: None,
            models: BTreeMap::new(),
        }
    }
}

impl RawLimits {
    pub(crate) fn settle(self, redis: bool, checks: &mut Checks) -> LimitSettings {
        if self.shared && !redis {
            checks.refuse("limits.shared", "is set, so `worker.redis_url` has to say where Redis is");
        }
        let share_without_redis =
            checks.number("limits.share_without_redis", self.share_without_redis, 0.001, 1.0);
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
        let models = self.models.into_iter().map(model).collect();
        let requests = self.requests.settle(checks);
        LimitSettings { shared: self.shared, share_without_redis, requests, each_key, models }
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
