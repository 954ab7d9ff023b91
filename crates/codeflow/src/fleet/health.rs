//! How a worker of a fleet is, for those who watch it.

use std::sync::Arc;

use codeflow_api::Health;
use codeflow_engine::{self as engine, Hearing, NotReady, Wakeups, WorkerVitals};
use codeflow_telemetry::{GatewayMetrics, InvariantSample, WorkerSample};

pub(super) struct FleetHealth {
    pub(super) vitals: WorkerVitals,
    pub(super) wakeups: Wakeups,
    pub(super) metrics: Arc<GatewayMetrics>,
    pub(super) concurrency: usize,
    pub(super) doctor: engine::Health,
}

impl Health for FleetHealth {
    fn ready(&self) -> Result<(), &'static str> {
        self.vitals.ready().map_err(NotReady::code)
    }

    fn wakeups(&self) -> &'static str {
        self.wakeups.hearing().name()
    }

    fn metrics(&self) -> String {
        let hears = match self.wakeups.hearing() {
            Hearing::Polling => None,
            Hearing::Listening => Some(true),
            Hearing::Degraded => Some(false),
        };
        let sample = WorkerSample {
            is_ready: self.vitals.ready().is_ok(),
            running: self.vitals.running(),
            concurrency: self.concurrency,
            renewed: self.vitals.renewed(),
            hears,
            rings: self.wakeups.sent(),
        };
        let text = sample.render(&self.metrics.render());
        // Another worker makes the rounds, and tells it.
        let Some(counts) = self.doctor.counts() else { return text };
        let violations = counts.into_iter().map(|(disorder, count)| (disorder.name(), count)).collect();
        InvariantSample { violations }.render(&text)
    }
}
