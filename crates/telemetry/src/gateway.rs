//! Everything that is told of the gateway, and the page that tells it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::ModelMetrics;
use crate::buckets;
use crate::families::{Families, labelled};

/// The media type of [`GatewayMetrics::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Stands for every model that was not named beforehand.
const OTHER: &str = "other";

/// A model that may be told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelName {
    /// The provider's name.
    pub provider: String,
    /// The model, by the provider's own name for it.
    pub model: String,
}

impl ModelName {
    /// The model of a provider.
    pub fn new(provider: impl Into<String>, model: impl Into<String>) -> Self {
        Self { provider: provider.into(), model: model.into() }
    }
}

/// What the response cache had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheResult {
    /// The answer.
    Hit,
    /// Nothing.
    Miss,
}

/// Whose limit a call was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitScope {
    /// Everybody's together.
    Global,
    /// That of the address it came from.
    Address,
    /// The caller's.
    Caller,
    /// The model's.
    Model,
}

/// The metrics of the gateway. Which models there are is known when it is made, so that no caller can add a series.
pub struct GatewayMetrics {
    registry: Registry,
    models: HashMap<String, HashMap<String, Arc<ModelMetrics>>>,
    other: Arc<ModelMetrics>,
    overhead: Histogram,
    cache: [Counter; 2],
    limits: [Counter; 4],
    budget_refusals: Counter,
    dropped_rows: Counter,
}

impl GatewayMetrics {
    /// Metrics in which these models are told apart; all others are one.
    pub fn new(models: impl IntoIterator<Item = ModelName>) -> Self {
        let mut registry = Registry::with_prefix("codeflow");
        let families = Families::register(&mut registry);
        let made =
            |provider: &str, model: &str| Arc::new(ModelMetrics::new(Arc::clone(&families), provider, model));
        let mut by_name: HashMap<String, HashMap<String, Arc<ModelMetrics>>> = HashMap::new();
        for ModelName { provider, model } in models {
            let metrics = made(&provider, &model);
            by_name.entry(provider).or_default().entry(model).or_insert(metrics);
        }
        let help = "Calls for which the response cache was asked, by what it had";
        let cache = labelled(&mut registry, "gateway_cache", help, "result", ["hit", "miss"]);
        let help = "Calls refused because of a rate limit, by whose it was";
        let scopes = ["global", "address", "caller", "model"];
        let limits = labelled(&mut registry, "gateway_limit_refusals", help, "scope", scopes);
        let (overhead, budget_refusals, dropped_rows) =
            (buckets::overhead(), Counter::default(), Counter::default());
        let help = "Time of a call that was not spent waiting for a provider";
        registry.register_with_unit("gateway_overhead", help, Unit::Seconds, overhead.clone());
        let help = "Calls refused because a budget is used up";
        registry.register("gateway_budget_refusals", help, budget_refusals.clone());
        let help = "Rows of the account that could not be written";
        registry.register("gateway_usage_rows_dropped", help, dropped_rows.clone());
        let other = made(OTHER, OTHER);
        Self { registry, models: by_name, other, overhead, cache, limits, budget_refusals, dropped_rows }
    }

    /// The metrics of a model. Whoever calls it often keeps what it returns.
    pub fn model(&self, provider: &str, model: &str) -> &Arc<ModelMetrics> {
        self.models.get(provider).and_then(|models| models.get(model)).unwrap_or(&self.other)
    }

    /// Counts the time of a call that was not spent waiting for a provider.
    pub fn overhead(&self, time: Duration) {
        self.overhead.observe(time.as_secs_f64());
    }

    /// Counts a question to the response cache.
    pub fn cache(&self, result: CacheResult) {
        let [hit, miss] = &self.cache;
        match result {
            CacheResult::Hit => hit.inc(),
            CacheResult::Miss => miss.inc(),
        };
    }

    /// Counts a call that was over a limit.
    pub fn limit_refused(&self, scope: LimitScope) {
        let [global, address, caller, model] = &self.limits;
        match scope {
            LimitScope::Global => global.inc(),
            LimitScope::Address => address.inc(),
            LimitScope::Caller => caller.inc(),
            LimitScope::Model => model.inc(),
        };
    }

    /// Counts a call that was over a budget.
    pub fn budget_refused(&self) {
        self.budget_refusals.inc();
    }

    /// Counts rows of the account that could not be written.
    pub fn usage_rows_dropped(&self, count: u64) {
        self.dropped_rows.inc_by(count);
    }

    /// Everything, as text in the format of [`CONTENT_TYPE`].
    ///
    /// # Panics
    ///
    /// Never, because a string takes whatever is written to it.
    pub fn render(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes whatever is written to it");
        text
    }
}
