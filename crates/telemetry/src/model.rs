//! What is told of one model. Its series appear when they are first needed, and are found without a search after that.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use codeflow_core::Usd;
use codeflow_model::{ErrorKind, Usage};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::families::{Families, Labels};

/// The kinds of token, in the order of [`Series::tokens`].
const TOKENS: [&str; 5] = ["input", "cache_read", "cache_write", "output", "reasoning"];

/// A call that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSample {
    /// How it ended.
    pub outcome: Result<(), ErrorKind>,
    /// The time to the first token of a streamed answer.
    pub first_token: Option<Duration>,
    /// What was used; what is unknown is not counted.
    pub usage: Usage,
    /// What it cost, if its price is known.
    pub cost: Option<Usd>,
}

/// What a circuit does with calls, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CircuitLevel {
    /// Lets them through.
    Closed,
    /// Lets a growing share through.
    Closing,
    /// Lets a few through to find out.
    HalfOpen,
    /// Lets none through.
    Open,
}

/// The metrics of one model. Keep it, and counting costs an addition.
pub struct ModelMetrics {
    families: Arc<Families>,
    labels: Labels,
    series: OnceLock<Series>,
    failed: [OnceLock<Counter>; ErrorKind::ALL.len()],
    first_token: OnceLock<Histogram>,
    cooling: OnceLock<Gauge>,
    circuit: OnceLock<Gauge>,
}

/// What every model that is asked has.
struct Series {
    ok: Counter,
    retries: Counter,
    fallbacks: Counter,
    tokens: [Counter; TOKENS.len()],
    cost: Counter,
}

impl ModelMetrics {
    pub(crate) fn new(families: Arc<Families>, provider: &str, model: &str) -> Self {
        Self {
            families,
            labels: vec![("provider", provider.to_owned()), ("model", model.to_owned())],
            series: OnceLock::new(),
            failed: [const { OnceLock::new() }; ErrorKind::ALL.len()],
            first_token: OnceLock::new(),
            cooling: OnceLock::new(),
            circuit: OnceLock::new(),
        }
    }

    /// Counts a call that is over.
    pub fn finished(&self, call: &CallSample) {
        let series = self.series();
        match call.outcome {
            Ok(()) => series.ok.inc(),
            Err(kind) => self.failed(kind).inc(),
        };
        if let Some(time) = call.first_token {
            let make = || self.families.first_token.get_or_create_owned(&self.labels);
            self.first_token.get_or_init(make).observe(time.as_secs_f64());
        }
        let Usage { input, cache_read, cache_write, cache_write_1h: _, output, reasoning } = call.usage;
        for (counter, count) in series.tokens.iter().zip([input, cache_read, cache_write, output, reasoning])
        {
            counter.inc_by(count.unwrap_or_default());
        }
        if let Some(cost) = call.cost {
            series.cost.inc_by(cost.micros());
        }
    }

    /// An attempt is repeated on this model.
    pub fn retried(&self) {
        self.series().retries.inc();
    }

    /// Another model is asked because this one failed.
    pub fn fell_back(&self) {
        self.series().fallbacks.inc();
    }

    /// Says how its circuit stands; with several keys, the worst of them.
    pub fn set_circuit(&self, level: CircuitLevel) {
        let value = match level {
            CircuitLevel::Closed => 0,
            CircuitLevel::Closing => 1,
            CircuitLevel::HalfOpen => 2,
            CircuitLevel::Open => 3,
        };
        self.circuit.get_or_init(|| self.families.circuit.get_or_create_owned(&self.labels)).set(value);
    }

    /// Says whether it is left alone because the provider asked for it.
    pub fn set_cooling(&self, is_cooling: bool) {
        let make = || self.families.cooling.get_or_create_owned(&self.labels);
        self.cooling.get_or_init(make).set(i64::from(is_cooling));
    }

    fn series(&self) -> &Series {
        self.series.get_or_init(|| {
            let families = &self.families;
            Series {
                ok: families.calls.get_or_create_owned(&self.with("outcome", "ok")),
                retries: families.retries.get_or_create_owned(&self.labels),
                fallbacks: families.fallbacks.get_or_create_owned(&self.labels),
                tokens: TOKENS.map(|kind| families.tokens.get_or_create_owned(&self.with("kind", kind))),
                cost: families.cost.get_or_create_owned(&self.labels),
            }
        })
    }

    fn failed(&self, kind: ErrorKind) -> &Counter {
        let place = ErrorKind::ALL.iter().position(|other| *other == kind);
        let place = place.expect("the list of every kind holds this one");
        self.failed[place].get_or_init(|| {
            let outcome = kind.code();
            self.families.calls.get_or_create_owned(&self.with("outcome", outcome))
        })
    }

    fn with(&self, label: &'static str, value: &str) -> Labels {
        let mut labels = self.labels.clone();
        labels.push((label, value.to_owned()));
        labels
    }
}
