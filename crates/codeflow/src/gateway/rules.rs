//! Routes and budgets, from the words of the settings into those of the gateway.

use std::sync::Arc;

use codeflow_config::{BudgetPeriod, BudgetScope, RouteSettings, Settings};
use codeflow_gateway::{BudgetRule, Needs, Period, RouteRule, Scope, Weights};
use codeflow_model::Overrides;
use serde_json::{Map, Value};

pub(crate) fn routes(settings: &Settings) -> Vec<RouteRule> {
    settings.routes.iter().map(route).collect()
}

fn route(route: &RouteSettings) -> RouteRule {
    let weights = route.weights.map(|weights| Weights {
        cost: weights.cost,
        latency: weights.latency,
        quality: weights.quality,
    });
    RouteRule {
        name: route.alias.clone(),
        models: route.models.clone(),
        require: Needs {
            features: route.require.iter().copied().collect(),
            max_input_price: route.max_input_price,
            region: route.region.clone(),
            ..Needs::default()
        },
        weights,
    }
}

pub(crate) fn budgets(settings: &Settings) -> Vec<BudgetRule> {
    let rules = settings.budgets.iter().map(|budget| BudgetRule {
        name: budget.name.as_str().into(),
        scope: match budget.scope {
            BudgetScope::Key => Scope::Key,
            BudgetScope::User => Scope::User,
            BudgetScope::Tenant => Scope::Tenant,
            BudgetScope::Execution => Scope::Execution,
        },
        subject: budget.subject.as_deref().map(Into::into),
        period: match budget.period {
            BudgetPeriod::Day => Period::Day,
            BudgetPeriod::Month => Period::Month,
            BudgetPeriod::Total => Period::Total,
        },
        limit: budget.limit,
    });
    rules.collect()
}

/// The routes that are there without settings, each with the models that it asks of whichever providers are configured.
const USUAL: [(&str, &[&str]); 3] = [
    (
        "fast",
        &[
            "anthropic/claude-haiku-5-5",
            "openai/gpt-5.6-luna",
            "gemini/gemini-3.5-flash-lite",
            "mistral/mistral-small-2603",
            "deepseek/deepseek-v4-flash",
            "groq/openai/gpt-oss-20b",
            "xai/grok-4.3",
            "cohere/command-r7b-12-2024",
            "ollama/llama3.1",
        ],
    ),
    ("review", STRONG),
    ("strong", STRONG),
];

const STRONG: &[&str] = &[
    "anthropic/claude-sonnet-5-5",
    "openai/gpt-6.1-sol",
    "gemini/gemini-4-argon",
    "mistral/mistral-large-4",
    "xai/grok-4.7",
    "deepseek/deepseek-v4-pro",
    "groq/openai/gpt-oss-120b",
    "cohere/command-a-03-2025",
    "ollama/llama3.1",
];

/// The usual routes that the settings do not define, with the models of these providers.
pub(crate) fn usual_routes(settings: &Settings, providers: &[Arc<str>]) -> Vec<RouteRule> {
    let is_configured = |model: &&&str| {
        model.split_once('/').is_some_and(|(name, _)| providers.iter().any(|provider| **provider == *name))
    };
    let missing = USUAL.iter().filter(|(name, _)| settings.routes.iter().all(|route| route.alias != *name));
    let rules = missing.map(|(name, models)| RouteRule {
        name: (*name).to_owned(),
        models: models.iter().filter(is_configured).map(|model| (*model).to_owned()).collect(),
        require: Needs::default(),
        weights: None,
    });
    rules.filter(|rule| !rule.models.is_empty()).collect()
}

/// The models that settings say a provider serves, of which nothing else is known.
pub(crate) fn served(settings: &Settings) -> Overrides {
    let named = settings.providers.iter().flat_map(|provider| {
        let models = provider.models.iter().flatten();
        models.map(|model| (format!("{}/{model}", provider.name), Value::Object(Map::new())))
    });
    Overrides::from(named.collect::<Map<_, _>>())
}
