//! Clients for model providers. Each wire format is a [`Dialect`]: pure translations between our requests and replies
//! and their bytes. [`HttpModel`] is the only code that sends, in the same sequence for every dialect. Money is not
//! counted here.
//!
//! Everything else is a model around a model. From the inside out: [`Timeout`], whose time-outs the [`Breaker`] counts,
//! then [`Retry`] for one model or [`Fallback`] for several, never both. [`Metered`] goes wherever something is to be
//! measured. What is known of all models is one [`Availability`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use codeflow_model::{ApiClientError, ChatModel, ChatRequest, Message, Part, Repeat, Role};
//! use codeflow_net::{Guard, NetPolicy, Pool, PoolSettings};
//! use codeflow_providers::{
//!     Availability, Breaker, CircuitSettings, Credentials, Deadlines, Endpoint, Fallback, Hop, ProviderSpec,
//!     Timeout, Vendor, provider,
//! };
//! use codeflow_runtime::SystemClock;
//!
//! type Failure = Box<dyn std::error::Error>;
//!
//! /// A model of a vendor, with deadlines and a circuit.
//! fn hop(vendor: &str, key: &str, name: &str, known: &Arc<Availability>) -> Result<Hop, Failure> {
//!     let spec = ProviderSpec::of(Vendor::find(vendor).ok_or("there is no such vendor")?);
//!     let guard = Guard::new(NetPolicy::default());
//!     let pool = Pool::new(&guard, PoolSettings::default())?;
//!     let endpoint = Endpoint::new(spec.address()?, Credentials::Key(key.to_owned().into()));
//!     let model = provider(&spec, endpoint, &guard, pool, Arc::new(SystemClock))?;
//!     let timed = Timeout::new(model, Deadlines::default());
//!     let model = Breaker::new(Arc::new(timed), Arc::clone(known), "default");
//!     Ok(Hop { model: Arc::new(model), name: name.to_owned() })
//! }
//!
//! /// Asks whoever answers first.
//! async fn greet(models: &dyn ChatModel) -> Result<Vec<Part>, ApiClientError> {
//!     // Each hop puts its own model's name into the request.
//!     let request = ChatRequest::new("any", vec![Message::text(Role::User, "Hello")]);
//!     Ok(models.complete(&request).await?.parts)
//! }
//!
//! # fn main() -> Result<(), Failure> {
//! let known = Availability::new(CircuitSettings::default(), Arc::new(SystemClock));
//! let hops = vec![
//!     hop("anthropic", "sk-ant-…", "claude-haiku-4-5", &known)?,
//!     hop("openai", "sk-…", "gpt-5.1", &known)?,
//! ];
//! let models = Fallback::new(hops, Repeat::default())?;
//!
//! let greeting = greet(&models);
//! # drop(greeting);
//! # Ok(()) }
//! ```

mod anthropic;
mod availability;
mod bedrock;
mod breaker;
mod bulkhead;
mod circuit;
mod cohere;
mod content;
mod credentials;
mod dialect;
mod failure;
mod fallback;
mod frames;
mod gemini;
mod http_model;
mod metered;
mod observer;
mod ollama;
mod openai;
mod pacing;
mod parts;
mod retry;
mod splice;
mod stream;
mod timeout;
mod vendors;
mod watch;

pub use anthropic::{Anthropic, AnthropicStream};
pub use availability::{Availability, ModelAvailability, Outlook, Setup};
pub use bedrock::{Bedrock, BedrockStream};
pub use breaker::Breaker;
pub use bulkhead::Bulkhead;
pub use circuit::{
    Circuit, CircuitSettings, CircuitState, CircuitView, LastError, Latency, Permit, Refusal, RefusalReason,
};
pub use cohere::{Cohere, CohereStream};
pub use credentials::{AwsCredentials, CredentialSource, Credentials};
pub use dialect::{Dialect, FrameTap, Framing, Mode, Signing, WireFailure, WireRequest};
pub use fallback::{Fallback, Hop, HopAttempt, HopGuard, Unguarded};
pub use frames::{
    EventStreamDecoder, Frame, FrameError, Keep, Limits, NdjsonDecoder, RawFrame, RawFrames, SseDecoder,
};
pub use gemini::{Gemini, GeminiStream};
pub use http_model::{Bounds, Endpoint, HttpModel};
pub use metered::Metered;
pub use observer::{CallObserver, CallReport, MissReport};
pub use ollama::{Ollama, OllamaStream};
pub use openai::{Compatibility, KeyHeader, LimitField, OpenAi, OpenAiStream};
pub use retry::Retry;
pub use stream::StreamDecoder;
pub use timeout::{Deadlines, Timeout};
pub use vendors::{
    Ability, CompatibilityOverrides, DialectName, IdentityVariables, ProviderSpec, Vendor, provider,
};
