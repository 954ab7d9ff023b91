//! Clients for model providers. Each wire format is a [`Dialect`]: pure translations between our requests and replies
//! and their bytes. [`HttpModel`] is the only code that sends, in the same sequence for every dialect. Money is not
//! counted here.
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
mod bedrock;
mod cohere;
mod content;
mod credentials;
mod dialect;
mod failure;
mod frames;
mod gemini;
mod http_model;
mod ollama;
mod openai;
mod parts;
mod splice;
mod stream;
mod vendors;

pub use anthropic::{Anthropic, AnthropicStream};
pub use bedrock::{Bedrock, BedrockStream};
pub use cohere::{Cohere, CohereStream};
pub use credentials::{AwsCredentials, CredentialSource, Credentials};
pub use dialect::{Dialect, FrameTap, Framing, Mode, Signing, WireFailure, WireRequest};
pub use frames::{
    EventStreamDecoder, Frame, FrameError, Keep, Limits, NdjsonDecoder, RawFrame, RawFrames, SseDecoder,
};
pub use gemini::{Gemini, GeminiStream};
pub use http_model::{Bounds, Endpoint, HttpModel};
pub use ollama::{Ollama, OllamaStream};
pub use openai::{Compatibility, KeyHeader, LimitField, OpenAi, OpenAiStream};
pub use stream::StreamDecoder;
pub use vendors::{
    Ability, CompatibilityOverrides, DialectName, IdentityVariables, ProviderSpec, Vendor, provider,
};
