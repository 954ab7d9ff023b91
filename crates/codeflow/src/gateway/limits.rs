//! Limits on requests and tokens per minute, counted in this process or together with others.

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
    /// For keys without limits of their own, each for itself.
    each: config::MinuteLimits,
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
        Self {
            limiter: Limiter::new(clock),
            shared,
            each: settings.limits.each_key,
            models: settings
                .limits
                .models
                .iter()
                .map(|(name, limits)| (name.clone(), Pair::of(limits)))
                .collect(),
        }
    }

    fn of_caller(&self, caller: &Caller) -> Pair {
        let quota = &caller.quota;
        Pair::new(quota.requests.or(self.each.requests), quota.tokens.or(self.each.tokens))
    }

    /// What holds for a call.
    fn of(&self, caller: &Caller, model: &str) -> Held<'_> {
        let of_model = self.of_model(model);
        Held { key: self.of_caller(caller), model: of_model, subject: of_model.map(|_| subject(model)) }
    }

    fn of_model(&self, model: &str) -> Option<&Pair> {
        self.models
            .iter()
            .find(|(name, _)| name == model)
            .map(|(_, pair)| pair)
            .filter(|pair| !pair.is_none())
    }
}

/// The limits of a caller and of a model, for as long as they are asked.
struct Held<'a> {
    key: Pair,
    model: Option<&'a Pair>,
    subject: Option<String>,
}

impl Held<'_> {
    fn asks<'a>(&'a self, caller: &'a Caller, tokens: u32) -> Vec<Ask<'a>> {
        let mut asks = Vec::with_capacity(4);
        asks.extend(self.key.asks(&caller.key, tokens));
        let subject = self.subject.as_deref().unwrap_or_default();
        asks.extend(self.model.into_iter().flat_map(|pair| pair.asks(subject, tokens)));
        asks
    }
}

impl CallLimits for MinuteLimits {
    fn admit(&self, caller: &Caller, model: &str, tokens: u64) -> Result<(), Limited> {
        let held = self.of(caller, model);
        said(self.limiter.check_all(&held.asks(caller, whole(tokens))))
    }

    fn admit_together<'a>(
        &'a self,
        caller: &'a Caller,
        model: &'a str,
        tokens: u64,
    ) -> Option<BoxFuture<'a, Result<(), Limited>>> {
        let shared = self.shared.as_ref()?;
        let asking = async move {
            let held = self.of(caller, model);
            said(shared.check_all(&held.asks(caller, whole(tokens))).await)
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
        settle(&caller.key, &self.of_caller(caller));
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
