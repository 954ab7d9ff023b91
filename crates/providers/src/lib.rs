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
mod credentials;
mod dialect;
mod failure;
mod frames;
mod http_model;
mod openai;
mod splice;
mod stream;

pub use anthropic::{Anthropic, AnthropicStream};
pub use credentials::{AwsCredentials, CredentialSource, Credentials};
pub use dialect::{Dialect, FrameTap, Framing, Mode, Signing, WireFailure, WireRequest};
pub use frames::{Frame, FrameError, Keep, Limits, NdjsonDecoder, RawFrame, RawFrames, SseDecoder};
pub use http_model::{Bounds, Endpoint, HttpModel};
pub use openai::{Compatibility, KeyHeader, LimitField, OpenAi, OpenAiStream};
pub use stream::StreamDecoder;
