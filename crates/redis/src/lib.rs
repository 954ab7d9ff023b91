//! Wake-ups across processes over Redis, where the database cannot carry them. Nothing is kept there: without Redis every
//! worker finds its work by looking at the queue.
//!
//! ```
//! use codeflow_redis::RedisWire;
//!
//! let wire = RedisWire::new(&"redis://localhost:6379/".into())?;
//! # let _ = wire;
//! # Ok::<(), codeflow_engine::Error>(())
//! ```

mod wakeups;

pub use wakeups::RedisWire;
