//! Clients for model providers. Each wire format is a [`Dialect`]: pure translations between our requests and replies
//! and their bytes. [`HttpModel`] is the only code that sends, in the same sequence for every dialect. Money is not
//! counted here.
//!
//! Everything else is a model around a model. From the inside out: [`Timeout`], whose time-outs the [`Breaker`] counts,
//! then [`Retry`] for one model or [`Fallback`] for several, never both. [`Metered`] goes wherever something is to be
//! measured. What is known of all models is one [`Availability`].
//!
//! ```
//! use codeflow_model::{ChatRequest, Message, Role};
//! use codeflow_providers::{Anthropic, Dialect, Mode};
//!
//! let request = ChatRequest::new("some-model", vec![Message::text(Role::User, "Hello")]);
//! let wire = Anthropic::new("anthropic").encode(&request, Mode::Whole)?;
//!
//! assert_eq!(wire.path, "/v1/messages");
//! # Ok::<(), codeflow_model::ApiClientError>(())
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
