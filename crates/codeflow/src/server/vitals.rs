//! How the server is, for those who watch it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use codeflow_api::Vitals;
use codeflow_auth::Identity;
use codeflow_gateway::Accounts;
use codeflow_persistence::Database;
use codeflow_providers::{Availability, CircuitState, ModelAvailability, Setup};
use codeflow_telemetry::{CircuitLevel, FaultMetrics, GatewayMetrics};
use serde_json::{Value, json};

use super::manage::RequestLimits;

/// Rows that wait to be written: more than this means that the database does not keep up.
const BEHIND: usize = 32_768;

/// For how long revocations may not be read before the process says that it is not ready.
const STALE: Duration = Duration::from_secs(30);

/// How the process is.
pub(super) struct Process {
    pub(super) draining: Arc<AtomicBool>,
    pub(super) metrics: Arc<GatewayMetrics>,
    pub(super) availability: Arc<Availability>,
    pub(super) accounts: Accounts,
    pub(super) database: Database,
    /// How many lost rows have been counted.
    pub(super) lost: AtomicU64,
    pub(super) limits: RequestLimits,
    pub(super) identity: Arc<Identity>,
    pub(super) faults: FaultMetrics,
}

impl Vitals for Process {
    fn ready(&self) -> Result<(), &'static str> {
        if self.draining.load(Ordering::Relaxed) {
            return Err("draining");
        }
        if self.accounts.backlog() > BEHIND {
            return Err("the database does not keep up");
        }
        // Who was let in must not stay in because nobody hears of it.
        if self.identity.revocations().stale_for().is_some_and(|stale| stale > STALE) {
            return Err("revocations cannot be read");
        }
        Ok(())
    }

    fn metrics(&self) -> String {
        for model in self.availability.snapshot() {
            if let Some(name) = &model.model {
                let metrics = self.metrics.model(&model.provider, name);
                metrics.set_circuit(level(model.state));
                metrics.set_cooling(model.cooling_until.is_some());
            }
        }
        let lost = self.accounts.lost_rows();
        let counted = self.lost.fetch_max(lost, Ordering::Relaxed);
        self.metrics.usage_rows_dropped(lost.saturating_sub(counted));
        let is_degraded = self.limits.shared.as_ref().is_some_and(|shared| shared.is_degraded());
        self.faults.render(&self.limits.metrics.render(&self.metrics.render(), is_degraded))
    }

    fn panicked(&self) {
        self.faults.panicked();
    }

    fn failed(&self, code: &'static str) {
        self.faults.failed(code);
    }

    fn providers(&self) -> Value {
        let info = self.database.connection_info();
        let models: Vec<Value> = self.availability.snapshot().iter().map(view).collect();
        json!({ "models": models, "database": { "backend": info.backend, "open": info.writers.open, "waiting": info.writers.waiting } })
    }
}

fn level(state: CircuitState) -> CircuitLevel {
    match state {
        CircuitState::Closed => CircuitLevel::Closed,
        CircuitState::Closing => CircuitLevel::Closing,
        CircuitState::HalfOpen => CircuitLevel::HalfOpen,
        CircuitState::Open => CircuitLevel::Open,
    }
}

/// Never changes once released.
fn name(state: CircuitState) -> &'static str {
    match state {
        CircuitState::Closed => "closed",
        CircuitState::Closing => "closing",
        CircuitState::HalfOpen => "half_open",
        CircuitState::Open => "open",
    }
}

fn view(model: &ModelAvailability) -> Value {
    let missing = match &model.setup {
        Setup::Configured => None,
        Setup::Missing(what) => Some(what.clone()),
    };
    json!({
        "provider": model.provider,
        "model": model.model,
        "configured": missing.is_none(),
        "missing": missing,
        "circuit": name(model.state),
        "cooling_until": model.cooling_until,
        "next_probe": model.next_probe,
        "last_error": model.last_error.as_ref().map(|error| json!({ "code": error.kind.code(), "at": error.at })),
        "first_token_ms": model.first_token.as_ref().map(|latency| latency.average.as_millis() as u64),
    })
}
