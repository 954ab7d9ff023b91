//! Rate limits in process: how much of a limit a caller may use now, and when more comes back. Who calls and which limit
//! holds is decided elsewhere.
//!
//! ```
//! use std::num::NonZeroU32;
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use codeflow_core::{Clock, Timestamp};
//! use codeflow_ratelimit::{Ask, Limit, Limiter, Verdict};
//!
//! /// A clock that stands still.
//! struct Stopped;
//!
//! impl Clock for Stopped {
//!     fn now(&self) -> Timestamp {
//!         Timestamp::EPOCH
//!     }
//! }
//!
//! let limiter = Limiter::new(Arc::new(Stopped));
//! let tokens = Limit::per_minute("tokens", NonZeroU32::new(600).ok_or("zero")?);
//!
//! // 500 tokens are expected, so 500 are taken before the call.
//! let ask = Ask { subject: "team-a", limit: &tokens, cost: 500 };
//! assert_eq!(limiter.check(&ask).remaining, 100);
//! assert_eq!(limiter.check(&ask).verdict, Verdict::Later(Duration::from_secs(40)));
//!
//! // It came to 20, so 480 are given back.
//! limiter.settle(&ask, 20);
//! assert!(limiter.check(&ask).is_allowed());
//! # Ok::<(), &str>(())
//! ```

mod bucket;
mod decision;
mod gate;
mod limit;
mod limiter;
mod shard;

pub use decision::{Decision, Header, Verdict};
pub use gate::{EndpointClass, Gate, Visitor};
pub use limit::Limit;
pub use limiter::{Ask, Limiter};
