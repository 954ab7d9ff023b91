//! Rate limits: how much of a limit a caller may use now, and when more comes back; alone or together with other processes.
//!
//! - [`Limiter`] counts in process: exact, bounded, without waiting. [`SharedLimiter`] counts together with others over
//!   [`SharedLimits`], and alone with a part of each limit while those are away.
//! - A [`Gate`] decides about requests, by the [`Rules`] in a [`RuleBook`]: for everybody, by address, by tier and by class
//!   of route. [`LocalGate`] counts in process, [`SharedGate`] together with others. A [`RuleKeeper`] changes the rules while
//!   servers run.
//! - [`client_address`] finds out whose address it is behind proxies.
//!
//! Who calls, which tier that is and what a route does is decided elsewhere.
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

mod address;
mod book;
mod bucket;
mod decision;
mod error;
mod gate;
mod keeper;
mod limit;
mod limiter;
mod local;
mod observer;
mod rules;
mod shard;
mod shared;

pub use address::{ForwardedHeaders, InvalidNetwork, Network, client_address};
pub use book::{RuleBook, network_of};
pub use decision::{Decision, Header, Verdict};
pub use error::{BoxError, Error, ErrorKind};
pub use gate::{EndpointClass, Gate, Visitor};
pub use keeper::{RuleKeeper, RuleStore, StoredRules};
pub use limit::Limit;
pub use limiter::{Ask, Limiter};
pub use local::LocalGate;
pub use observer::{GateObserver, NoGateObserver, Outcome, Scope};
pub use rules::{ClassRates, Rate, RuleProblem, Rules};
pub use shared::{LeaseReply, LeaseRequest, Report, SharedGate, SharedLimiter, SharedLimits, Sharing};
