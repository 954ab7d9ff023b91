//! What processes share over Redis: wake-ups, where the database cannot carry them, and the count of limits. Nothing is
//! kept there that anybody depends on: without Redis every worker finds its work by looking at the queue, and every process
//! counts a part of each limit alone.
//!
//! ```
//! use codeflow_redis::RedisWire;
//!
//! let wire = RedisWire::new(&"redis://localhost:6379/".into())?;
//! # let _ = wire;
//! # Ok::<(), codeflow_engine::Error>(())
//! ```

mod limits;
mod wakeups;

pub use limits::RedisLimits;
pub use wakeups::RedisWire;
