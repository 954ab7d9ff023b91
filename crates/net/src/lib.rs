//! The only way out: HTTP to other hosts, with a guard that refuses addresses inside the network,
//! connects to the very address it checked, and bounds time, size and redirects. No retries, no cache.
//!
//! ```
//! use codeflow_net::{ErrorKind, Guard, NetPolicy, Request};
//! use http::Method;
//!
//! let guard = Guard::new(NetPolicy { allowed_hosts: vec!["localhost:11434".parse()?], ..NetPolicy::default() });
//! let ollama = Request::new(Method::GET, "http://localhost:11434/api/tags")?;
//! let inside = Request::new(Method::GET, "https://169.254.169.254/latest/meta-data")?;
//!
//! assert!(guard.check(&ollama.url).is_ok());
//! assert_eq!(guard.check(&inside.url).unwrap_err().kind(), ErrorKind::RefusedAddress);
//! # Ok::<(), codeflow_net::Error>(())
//! ```

mod address;
mod client;
mod connector;
mod error;
mod guard;
mod pieces;
mod policy;
mod pool;
mod redirect;
mod request;
mod resolve;
mod response;
mod tls;

pub use address::{Refusal, refusal};
pub use client::Client;
pub use connector::Connector;
pub use error::{Error, ErrorKind, Phase};
pub use guard::Guard;
/// The body of an answer as a [`Pool`] gives it.
pub use pieces::Pieces;
pub use policy::{AllowedHost, NetPolicy};
pub use pool::{Incoming, Origin, Pool, PoolSettings};
pub use request::{Limits, Request};
pub use resolve::{Resolver, SystemResolver};
pub use response::Response;
pub use tls::install_crypto_provider;
