//! A provider on this machine: it speaks the wire formats of model vendors over HTTP/1.1, counts what happens on its
//! side, and misbehaves on request. It has no model: what it says is decided beforehand.
//!
//! ```
//! use codeflow_testkit::providers::{Misbehaviour, ProviderServer, Refusal, Reply};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! let server = ProviderServer::start().await?;
//! server.next(Misbehaviour::Refuses(Refusal::Unavailable));
//! server.next(Reply::tools());
//! // The first call to `server.url()` is refused, the second is answered with tool calls, and all later ones with a
//! // text.
//! assert_eq!(server.counters().requests, 0);
//! # Ok(()) }
//! ```

mod answer;
mod asked;
mod behaviour;
mod body;
mod counters;
mod format;
mod formats;
mod frames;
mod line;
mod misbehaviour;
mod plan;
mod reply;
mod script;
mod seen;
mod server;

pub use behaviour::Behaviour;
pub use counters::{Counters, HungUp};
pub use format::{Format, Shape};
pub use misbehaviour::{LineEnd, Manner, Misbehaviour, Moment, Rechunking, Refusal, UsagePlace, Wait, When};
pub use reply::{End, Reply, Said, Tokens};
pub use script::Recorded;
pub use server::{ProviderServer, ServerSettings};
