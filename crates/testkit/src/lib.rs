//! What tests are made of: clocks and identifiers that a test owns, and storage in memory.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use codeflow_core::Clock;
//! use codeflow_testkit::{ManualClock, MemoryStore};
//!
//! let clock = Arc::new(ManualClock::default());
//! let store = MemoryStore::new(clock.clone());
//! let before = clock.now();
//! clock.advance(Duration::from_secs(15));
//! assert_eq!(clock.now().since(before), Duration::from_secs(15));
//! # drop(store);
//! ```

mod clock;
mod ids;
mod memory;

pub use clock::{ManualClock, TokioClock};
pub use ids::SequentialIds;
pub use memory::MemoryStore;
