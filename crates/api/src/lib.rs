//! HTTP in: the routes of OpenAI's and Anthropic's SDKs over the gateway, and the guarded paths under `/api`. It decides
//! nothing about models, money or executions.
//!
//! The two public wire formats as clients speak them are pure, from bytes to our requests and from our replies to
//! bytes; [`Api`] answers HTTP with them, and [`serve`] runs it.
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

mod admission;
mod body;
mod chat_completions;
mod decoded;
mod embeddings;
mod error;
mod evidence;
mod exchange;
mod failure;
mod fields;
mod front;
mod health;
mod keys;
mod ledger;
mod manage;
mod messages;
mod reading;
mod refusal;
mod reply;
mod routes;
mod server;
mod sketch;
mod sse;
mod stage;
mod strangers;

pub use body::Outgoing;
pub use chat_completions::{ChatCompletions, ChatCompletionsStream};
pub use decoded::Decoded;
pub use embeddings::{DecodedEmbed, Embeddings, VectorFormat};
pub use error::{Error, ErrorKind};
pub use failure::Failure;
pub use front::{Api, ApiParts};
pub use health::{Health, serve_health};
pub use keys::{Key, KeyRing};
pub use manage::{
    About, Audit, ClientAddress, Control, EnginePorts, Executions, ManageParts, ManageSettings, NewRerun,
    NewStart, PutError, RerunVersion, Sight, Workflows,
};
pub use messages::{Messages, MessagesStream};
pub use reading::BodyLimits;
pub use reply::{ReplyStream, Stamp, decode_chat, encode_chat};
pub use routes::vitals::Vitals;
pub use server::{ServerLimits, Serving, serve};
pub use sketch::Sketch;
