//! Metrics of the model gateway and of workers, as Prometheus reads them. What is counted is decided by whoever counts.
//!
//! ```
//! use codeflow_model::Usage;
//! use codeflow_telemetry::{CallSample, GatewayMetrics, ModelName};
//!
//! let metrics = GatewayMetrics::new([ModelName::new("openai", "gpt-4o")]);
//! let model = metrics.model("openai", "gpt-4o");
//! model.finished(&CallSample { outcome: Ok(()), first_token: None, usage: Usage::default(), cost: None });
//!
//! assert!(metrics.render().contains(r#"codeflow_model_calls_total{provider="openai",model="gpt-4o",outcome="ok"} 1"#));
//! ```

mod buckets;
mod families;
mod faults;
mod gate;
mod gateway;
mod invariants;
mod model;
mod worker;

pub use faults::FaultMetrics;
pub use gate::GateMetrics;
pub use gateway::{CONTENT_TYPE, CacheResult, GatewayMetrics, LimitScope, ModelName};
pub use invariants::InvariantSample;
pub use model::{CallSample, CircuitLevel, ModelMetrics};
pub use worker::WorkerSample;
