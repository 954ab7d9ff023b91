//! The wire formats of model providers: pure translations between our requests and replies and their bytes. Nothing
//! here opens a connection, reads a clock, retries, or counts money.
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
mod dialect;
mod failure;
mod frames;
mod openai;
mod stream;

pub use anthropic::{Anthropic, AnthropicStream};
pub use dialect::{Dialect, Framing, Mode, WireFailure, WireRequest};
pub use frames::{Frame, FrameError, Limits, NdjsonDecoder, SseDecoder};
pub use openai::{Compatibility, KeyHeader, LimitField, OpenAi, OpenAiStream};
pub use stream::StreamDecoder;
