//! Which model answers: routes that choose between several, and what the list of models is told.

use std::collections::BTreeMap;

use codeflow_model::{ModelFeature, OnRetired, Overrides, Price};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::checks::Checks;
use crate::values::{Amount, Names};

/// A name for a choice between models.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSettings {
    /// What callers ask for.
    pub alias: String,
    /// The models, in the order in which they are asked when nothing else decides.
    pub models: Vec<String>,
    /// What counts how much when they are compared; `None`: their order alone.
    pub weights: Option<RouteWeights>,
    /// What a model has to be able to do.
    pub require: Vec<ModelFeature>,
    /// The highest price of a million tokens of prompts.
    pub max_input_price: Option<Price>,
    /// The region in which a model has to answer.
    pub region: Option<String>,
}

/// What counts how much when models are compared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RouteWeights {
    /// What an answer costs.
    pub cost: f64,
    /// How long the first token took lately.
    pub latency: f64,
    /// The place in the list, the first being the best.
    pub quality: f64,
}

/// What the list of models is told.
#[derive(Clone, Debug)]
pub struct ModelSettings {
    /// What it does not know or gets wrong.
    pub overrides: Overrides,
    /// What to do with a name of a model that is not served any more.
    pub on_retired: OnRetired,
}

/// See [`RouteSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRoute {
    /// The models, as `provider/model` or `model`, in the order in which they are asked when nothing else decides.
    #[schemars(extend("x-example" = ["openai/gpt-5.1", "anthropic/claude-haiku-4-5"]))]
    models: Names,
    /// What a model has to be able to do: `tools`, `vision`, `json_schema`, … as in the list of models.
    #[serde(default)]
    #[schemars(extend("x-example" = ["tools"]))]
    require: Names,
    /// The highest price of a million tokens of prompts, in dollars.
    #[serde(default)]
    #[schemars(extend("x-example" = "3.00"))]
    max_input_price: Option<Amount>,
    /// The region in which a model has to answer.
    #[serde(default)]
    #[schemars(extend("x-example" = "eu"))]
    region: Option<String>,
    /// What counts how much when models are compared, from 0 to 1000. All 0: their order alone.
    #[serde(default)]
    weights: RawWeights,
}

/// See [`RouteWeights`].
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawWeights {
    /// What an answer costs.
    cost: f64,
    /// How long the first token took lately.
    latency: f64,
    /// The place in the list, the first being the best.
    quality: f64,
}

impl RawRoute {
    pub(crate) fn settle(self, alias: String, checks: &mut Checks) -> RouteSettings {
        let at = format!("routes.{alias}");
        let models = checks.models(format!("{at}.models"), self.models);
        if models.is_empty() || models.iter().any(|model| model.ends_with('*')) {
            checks.refuse(format!("{at}.models"), "must name at least one model, each in full");
        }
        let max_input_price = self.max_input_price.map(|amount| {
            Price::from_micros(checks.money(format!("{at}.max_input_price"), &amount).micros())
        });
        RouteSettings {
            alias: checks.name(&at, alias),
            models,
            weights: self.weights.settle(&at, checks),
            require: features(&at, &self.require, checks),
            max_input_price,
            region: checks.optional(format!("{at}.region"), self.region),
        }
    }
}

impl RawWeights {
    fn settle(self, at: &str, checks: &mut Checks) -> Option<RouteWeights> {
        let mut weight =
            |name: &str, number| checks.number(format!("{at}.weights.{name}"), number, 0.0, 1000.0);
        let weights = RouteWeights {
            cost: weight("cost", self.cost),
            latency: weight("latency", self.latency),
            quality: weight("quality", self.quality),
        };
        Some(weights).filter(|weights| *weights != RouteWeights::default())
    }
}

fn features(at: &str, names: &Names, checks: &mut Checks) -> Vec<ModelFeature> {
    let find = |name: &String| ModelFeature::ALL.into_iter().find(|feature| feature.name() == name);
    let found: Vec<ModelFeature> = names.0.iter().filter_map(find).collect();
    if found.len() != names.0.len() {
        let known = ModelFeature::ALL.map(ModelFeature::name).join("`, `");
        checks.refuse(format!("{at}.require"), format!("names something that is none of `{known}`"));
    }
    found
}

/// See [`ModelSettings`].
#[derive(Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawRouting {
    /// A model that is not served any more: `refuse` it and name its successor, or `follow` to the successor.
    retired: RawRetired,
}

#[derive(Clone, Copy, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RawRetired {
    #[default]
    Refuse,
    Follow,
}

impl RawRouting {
    pub(crate) fn settle(
        self,
        models: BTreeMap<String, Map<String, Value>>,
        checks: &mut Checks,
    ) -> ModelSettings {
        for name in models.keys() {
            let parts = name.split_once('/');
            if parts.is_none_or(|(provider, id)| provider.is_empty() || id.is_empty()) {
                checks.refuse(format!("models.{name}"), "must be named `provider/model`, in quotes");
            }
        }
        let models: Map<String, Value> =
            models.into_iter().map(|(name, fields)| (name, Value::Object(fields))).collect();
        ModelSettings {
            overrides: models.into(),
            on_retired: match self.retired {
                RawRetired::Refuse => OnRetired::Refuse,
                RawRetired::Follow => OnRetired::Follow,
            },
        }
    }
}
