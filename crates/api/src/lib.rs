//! HTTP in: the routes of OpenAI's and Anthropic's SDKs over the gateway. It decides nothing about models or money.
//!
//! What is here so far is pure: the two public wire formats as clients speak them, from bytes to our requests and
//! from our replies to bytes.
//!
//! ```
//! use codeflow_api::{Decoded, Sketch, decode_chat};
//! use codeflow_model::WireFormat;
//!
//! let body = br#"{"model":"fast","messages":[{"role":"user","content":"Hello"}],"stream":true}"#;
//!
//! assert_eq!(Sketch::of(body)?.model.as_deref(), Some("fast"));
//! let Decoded { request, stream, .. } = decode_chat(WireFormat::ChatCompletions, body)?;
//! assert_eq!((request.messages.len(), stream), (1, true));
//! # Ok::<(), codeflow_api::Error>(())
//! ```

mod chat_completions;
mod decoded;
mod embeddings;
mod error;
mod failure;
mod fields;
mod messages;
mod reply;
mod sketch;
mod sse;

pub use chat_completions::{ChatCompletions, ChatCompletionsStream};
pub use decoded::Decoded;
pub use embeddings::{DecodedEmbed, Embeddings, VectorFormat};
pub use error::{Error, ErrorKind};
pub use failure::Failure;
pub use messages::{Messages, MessagesStream};
pub use reply::{ReplyStream, Stamp, decode_chat, encode_chat};
pub use sketch::Sketch;
