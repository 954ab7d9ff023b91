//! Where models come from: the port that the root fills with clients for the configured providers.

use std::sync::Arc;
use std::time::Duration;

use codeflow_model::ChatModel;

/// Opens models. Which providers there are never changes while a process runs; how they fare does.
pub trait ModelSource: Send + Sync {
    /// The providers that can be asked.
    fn providers(&self) -> Vec<Arc<str>>;

    /// Opens a model of a provider, by the provider's own name for it; `None` when the provider is not configured.
    /// The same model opened again shares its breaker and its connections.
    fn open(&self, provider: &str, model: &str) -> Option<Arc<dyn ChatModel>>;

    /// Why a provider that is known is not configured; `None` when it is, or when nobody knows it.
    fn missing(&self, provider: &str) -> Option<String>;

    /// How a model has fared lately.
    fn seen(&self, provider: &str, model: &str) -> Seen;
}

/// How a model has fared lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether it may be asked now: its breaker is not open, and it did not ask to be left alone.
    pub available: bool,
    /// The usual time to its first token; `None` until it has answered.
    pub latency: Option<Duration>,
}
