//! What processes share over Redis: wake-ups, where the database cannot carry them, and the count of limits. Nothing is
//! kept there that anybody depends on: without Redis every worker finds its work by looking at the queue, and every process
//! counts a part of each limit alone.
//!
//! Several installations may share a Redis: everything carries the name of the installation whose it is.
//!
//! ```
//! use codeflow_redis::{RedisAddress, RedisLimits, RedisWire};
//!
//! let address = RedisAddress::parse(&"rediss://codeflow:secret@redis.example:6380/2".into(), None)?;
//! let wire = RedisWire::new(&address, "staging");
//! let limits = RedisLimits::new(&address, "staging", "requests");
//! # let _ = (wire, limits);
//! # Ok::<(), codeflow_redis::InvalidAddress>(())
//! ```

mod address;
mod limits;
mod wakeups;

pub use address::{InvalidAddress, RedisAddress};
pub use limits::RedisLimits;
pub use wakeups::RedisWire;
