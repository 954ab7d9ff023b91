//! What tests of several crates share: storage in memory, a clock and identifiers that a test owns, the
//! conformance suite of the storage ports, databases of a test's own, and a provider of models on this machine.
//!
//! ```
//! use std::sync::Arc;
//! use codeflow_testkit::{ManualClock, MemoryStore};
//!
//! let clock = Arc::new(ManualClock::default());
//! let store: Arc<dyn codeflow_engine::Store> = Arc::new(MemoryStore::new(clock));
//! # let _ = store;
//! ```

#[expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a case is a test: it fails by panicking"
)]
pub mod conformance;
#[cfg(feature = "databases")]
#[expect(clippy::panic, reason = "a test without its database fails")]
mod databases;
mod faults;
mod memory;
mod memory_accounts;
mod memory_identity;
mod memory_limits;
mod memory_rules;
#[cfg(feature = "providers")]
#[expect(clippy::panic, reason = "a test whose server does not come to what it awaits fails")]
pub mod providers;
mod proxy;
#[cfg(feature = "databases")]
mod redis_server;
#[cfg(feature = "sim")]
pub mod sim;
mod sources;
mod tokio_clock;

#[cfg(feature = "databases")]
pub use databases::TestDb;
pub use faults::FaultyStore;
pub use memory::{MemoryStore, Seat, TaskPlace};
pub use memory_accounts::MemoryAccounts;
pub use memory_identity::MemoryIdentity;
pub use memory_limits::MemoryLimits;
pub use memory_rules::MemoryRules;
pub use proxy::Proxy;
#[cfg(feature = "databases")]
pub use redis_server::RedisServer;
pub use sources::{ManualClock, SequentialIds};
pub use tokio_clock::TokioClock;
