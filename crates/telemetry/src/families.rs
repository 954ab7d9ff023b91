//! The metrics that have labels. Every label is from a closed set.

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::buckets;

/// Names and values.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// Everything that is told for each model.
#[derive(Clone)]
pub(crate) struct Families {
    pub(crate) calls: Family<Labels, Counter>,
    pub(crate) retries: Family<Labels, Counter>,
    pub(crate) fallbacks: Family<Labels, Counter>,
    pub(crate) circuit: Family<Labels, Gauge>,
    pub(crate) cooling: Family<Labels, Gauge>,
    pub(crate) tokens: Family<Labels, Counter>,
    pub(crate) cost: Family<Labels, Counter>,
    pub(crate) first_token: Family<Labels, Histogram>,
}

impl Families {
    pub(crate) fn register(registry: &mut Registry) -> Arc<Self> {
        let families = Self {
            calls: Family::default(),
            retries: Family::default(),
            fallbacks: Family::default(),
            circuit: Family::default(),
            cooling: Family::default(),
            tokens: Family::default(),
            cost: Family::default(),
            first_token: Family::new_with_constructor(buckets::first_token),
        };
        let all = families.clone();
        registry.register("model_calls", "Calls to a model by how they ended", all.calls);
        registry.register("model_retries", "Attempts that were repeated on the same model", all.retries);
        registry.register("model_fallbacks", "Attempts after which another model was asked", all.fallbacks);
        let help = "What the circuit does with calls: 0 closed, 1 closing, 2 half open, 3 open";
        registry.register("model_circuit_state", help, all.circuit);
        let help = "Whether the provider asked to be left alone and is";
        registry.register("model_cooling_down", help, all.cooling);
        let help = "Tokens used; input includes what was read from and written to a cache, output includes reasoning";
        registry.register("model_tokens", help, all.tokens);
        registry.register("model_cost_micro_usd", "What calls cost, in millionths of a US dollar", all.cost);
        let help = "Time to the first token of streamed answers";
        registry.register_with_unit("model_first_token", help, Unit::Seconds, all.first_token);
        Arc::new(families)
    }
}

/// One metric of a family, or several, told apart by one label.
pub(crate) fn labelled<const N: usize>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: [&'static str; N],
) -> [Counter; N] {
    let family = Family::<Labels, Counter>::default();
    registry.register(name, help, family.clone());
    values.map(|value| family.get_or_create_owned(&vec![(label, value.to_owned())]))
}
