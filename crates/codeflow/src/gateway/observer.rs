//! Joins what the gateway tells to the metrics.

use std::sync::Arc;
use std::time::Duration;

use codeflow_gateway::{CallStatus, GatewayObserver, UsageRow};
use codeflow_model::{ApiClientError, ErrorKind};
use codeflow_telemetry::{CacheResult, CallSample, GatewayMetrics, LimitScope};

/// Counts what happens.
pub(crate) struct Metrics(Arc<GatewayMetrics>);

impl Metrics {
    pub(crate) fn new(metrics: Arc<GatewayMetrics>) -> Self {
        Self(metrics)
    }
}

impl GatewayObserver for Metrics {
    fn repeated(&self, provider: &str, model: &str, _error: &ApiClientError) {
        self.0.model(provider, model).retried();
    }

    fn fell_back(&self, provider: &str, model: &str, _error: &ApiClientError) {
        self.0.model(provider, model).fell_back();
    }

    fn refused(&self, kind: ErrorKind) {
        match kind {
            ErrorKind::RateLimited => self.0.limit_refused(LimitScope::Caller),
            ErrorKind::BudgetExceeded => self.0.budget_refused(),
            _ => {}
        }
    }

    fn finished(&self, row: &UsageRow, outcome: Result<(), ErrorKind>) {
        if outcome == Err(ErrorKind::BudgetExceeded) {
            self.0.budget_refused();
        }
        let (Some(provider), Some(model)) = (&row.provider, &row.model) else { return };
        if row.status == CallStatus::Cached {
            return;
        }
        let first_token = row.latency.first_token_us.filter(|_| row.stream).map(Duration::from_micros);
        let sample = CallSample { outcome, first_token, usage: row.usage, cost: row.cost };
        self.0.model(provider, model).finished(&sample);
        let until = row.latency.first_token_us.unwrap_or(row.latency.total_us);
        if let Some(upstream) = row.latency.upstream_us {
            self.0.overhead(Duration::from_micros(until.saturating_sub(upstream)));
        }
    }

    fn looked_up(&self, hit: bool) {
        self.0.cache(if hit { CacheResult::Hit } else { CacheResult::Miss });
    }
}
