//! What the calls of one step used and cost, as its outputs tell it.

use codeflow_core::{Usd, ValueType};
use codeflow_model::Usage;
use serde_json::{Map, Value, json};

use crate::ModelReply;

/// The outputs that every `llm/*` action has.
pub(crate) const OUTPUTS: [(&str, ValueType); 9] = [
    ("provider", ValueType::String),
    ("model", ValueType::String),
    ("route", ValueType::String),
    ("usage", ValueType::Object),
    ("cost", ValueType::Any),
    ("estimated", ValueType::Boolean),
    ("attempts", ValueType::Integer),
    ("cached", ValueType::Boolean),
    ("masked", ValueType::Integer),
];

/// What the calls of one step used until now.
#[derive(Default)]
pub(crate) struct Account {
    last: Option<Served>,
    usage: Usage,
    cost: Option<Usd>,
    estimated: bool,
    attempts: u32,
}

/// Who served the last call.
struct Served {
    provider: String,
    model: String,
    route: String,
    cached: bool,
}

impl Account {
    /// Adds one call. What one of them does not know, nobody knows of all.
    pub(crate) fn add(&mut self, reply: &ModelReply) {
        if self.last.is_none() {
            (self.usage, self.cost) = (reply.usage, reply.cost);
        } else {
            self.usage = sum(&self.usage, &reply.usage);
            self.cost = self.cost.zip(reply.cost).and_then(|(one, other)| one.checked_add(other));
        }
        self.estimated |= reply.estimated;
        self.attempts = self.attempts.saturating_add(reply.attempts);
        self.last = Some(Served {
            provider: reply.provider.clone(),
            model: reply.model.clone(),
            route: reply.route.clone(),
            cached: reply.cached,
        });
    }

    /// The outputs, but for `masked`; none before the first call.
    pub(crate) fn outputs(&self) -> Option<Map<String, Value>> {
        let served = self.last.as_ref()?;
        let outputs = json!({
            "provider": served.provider,
            "model": served.model,
            "route": served.route,
            "usage": self.usage,
            "cost": self.cost,
            "estimated": self.estimated,
            "attempts": self.attempts,
            "cached": served.cached,
        });
        match outputs {
            Value::Object(outputs) => Some(outputs),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
        }
    }
}

fn sum(one: &Usage, other: &Usage) -> Usage {
    let both = |part: fn(&Usage) -> Option<u64>| Some(part(one)?.saturating_add(part(other)?));
    Usage {
        input: both(|usage| usage.input),
        cache_read: both(|usage| usage.cache_read),
        cache_write: both(|usage| usage.cache_write),
        cache_write_1h: both(|usage| usage.cache_write_1h),
        output: both(|usage| usage.output),
        reasoning: both(|usage| usage.reasoning),
    }
}
