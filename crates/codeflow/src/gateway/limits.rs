//! Limits on requests and tokens per minute, counted in this process or together with others.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use codeflow_config as config;
use codeflow_config::Settings;
use codeflow_core::Clock;
use codeflow_gateway::{CallLimits, Caller, Limited};
use codeflow_ratelimit::{Ask, Decision, Limit, Limiter, SharedLimiter};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

/// The limits of the settings.
pub(crate) struct MinuteLimits {
    limiter: Limiter,
    /// Whoever counts instead, together with other processes.
    shared: Option<Arc<SharedLimiter>>,
    /// For keys that have limits of their own.
    keys: HashMap<String, Pair>,
    /// For all other keys, each for itself.
    each: Pair,
    /// For names of models, all keys together.
    models: Vec<(String, Pair)>,
}

/// Limits that hold together.
#[derive(Clone, Copy, Default)]
struct Pair {
    requests: Option<Limit>,
    tokens: Option<Limit>,
}

impl Pair {
    fn new(requests: Option<NonZeroU32>, tokens: Option<NonZeroU32>) -> Self {
        let limit = |name, quota: Option<NonZeroU32>| quota.map(|quota| Limit::per_minute(name, quota));
        Self { requests: limit("requests", requests), tokens: limit("tokens", tokens) }
    }

    fn of(limits: &config::MinuteLimits) -> Self {
        Self::new(limits.requests, limits.tokens)
    }

    fn is_none(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none()
    }

    fn asks<'a>(&'a self, subject: &'a str, tokens: u32) -> impl Iterator<Item = Ask<'a>> {
        let requests = self.requests.iter().map(move |limit| Ask { subject, limit, cost: 1 });
        requests.chain(self.tokens.iter().map(move |limit| Ask { subject, limit, cost: tokens }))
    }
}

impl MinuteLimits {
    /// Without `shared`, this process counts alone. Somebody else has to run `shared`.
    pub(crate) fn new(
        settings: &Settings,
        clock: Arc<dyn Clock>,
        shared: Option<Arc<SharedLimiter>>,
    ) -> Self {
        let each = &settings.limits.each_key;
        let own = settings.keys.iter().map(|key| {
            let requests = key.requests_per_minute.or(each.requests);
            (key.name.clone(), Pair::new(requests, key.tokens_per_minute.or(each.tokens)))
        });
        Self {
            limiter: Limiter::new(clock),
            shared,
            keys: own.collect(),
            each: Pair::of(each),
            models: settings
                .limits
                .models
                .iter()
                .map(|(name, limits)| (name.clone(), Pair::of(limits)))
                .collect(),
        }
    }

    fn of_key(&self, key: &str) -> &Pair {
        self.keys.get(key).unwrap_or(&self.each)
    }

    /// What is asked for, and the subject of the model's part, which has to live as long.
    fn asks<'a>(&'a self, caller: &'a Caller, model: &str, own: &'a mut String, tokens: u32) -> Vec<Ask<'a>> {
        let pair = self.of_model(model);
        *own = pair.map(|_| subject(model)).unwrap_or_default();
        let mut asks = Vec::with_capacity(4);
        asks.extend(self.of_key(&caller.key).asks(&caller.key, tokens));
        asks.extend(pair.into_iter().flat_map(|pair| pair.asks(own, tokens)));
        asks
    }

    fn of_model(&self, model: &str) -> Option<&Pair> {
        self.models
            .iter()
            .find(|(name, _)| name == model)
            .map(|(_, pair)| pair)
            .filter(|pair| !pair.is_none())
    }
}

impl CallLimits for MinuteLimits {
    fn admit(&self, caller: &Caller, model: &str, tokens: u64) -> Result<(), Limited> {
        let mut own = String::new();
        said(self.limiter.check_all(&self.asks(caller, model, &mut own, whole(tokens))))
    }

    fn admit_together<'a>(
        &'a self,
        caller: &'a Caller,
        model: &'a str,
        tokens: u64,
    ) -> Option<BoxFuture<'a, Result<(), Limited>>> {
        let shared = self.shared.as_ref()?;
        let asking = async move {
            let mut own = String::new();
            said(shared.check_all(&self.asks(caller, model, &mut own, whole(tokens))).await)
        };
        Some(asking.boxed())
    }

    fn settle(&self, caller: &Caller, model: &str, estimated: u64, used: u64) {
        let (estimated, used) = (whole(estimated), whole(used));
        let settle = |subject: &str, pair: &Pair| {
            if let Some(limit) = &pair.tokens {
                let ask = Ask { subject, limit, cost: estimated };
                match &self.shared {
                    None => self.limiter.settle(&ask, used),
                    Some(shared) => shared.settle(&ask, used),
                }
            }
        };
        settle(&caller.key, self.of_key(&caller.key));
        if let Some(pair) = self.of_model(model) {
            settle(&subject(model), pair);
        }
    }
}

fn said(decision: Option<Decision>) -> Result<(), Limited> {
    match decision.and_then(|decision| Some((decision.reason()?, decision))) {
        None => Ok(()),
        Some((reason, decision)) => Err(Limited { reason, retry_after: decision.retry_after() }),
    }
}

/// The use of one model. No key's name holds a slash.
fn subject(model: &str) -> String {
    format!("/{model}")
}

fn whole(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
