//! Routes and budgets, from the words of the settings into those of the gateway.

use std::sync::Arc;

use codeflow_config::{BudgetPeriod, BudgetScope, RouteSettings, Settings};
use codeflow_gateway::{BudgetRule, Needs, Period, RouteRule, Scope, Weights};

pub(crate) fn routes(settings: &Settings) -> Vec<RouteRule> {
    settings.routes.iter().map(route).collect()
}

fn route(route: &RouteSettings) -> RouteRule {
    let weights =
        Weights { cost: route.weights.cost, latency: route.weights.latency, quality: route.weights.quality };
    let counts = weights.cost + weights.latency + weights.quality > 0.0;
    RouteRule {
        name: route.alias.clone(),
        models: route.models.clone(),
        require: Needs {
            features: route.require.iter().copied().collect(),
            max_input_price: route.max_input_price,
            max_output_price: route.max_output_price,
            region: route.region.clone(),
            ..Needs::default()
        },
        weights: counts.then_some(weights),
        fallback: route.fallback,
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
        fallback: true,
    });
    rules.filter(|rule| !rule.models.is_empty()).collect()
}
