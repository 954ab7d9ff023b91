//! Governed model calls: every call is routed, limited, paid for from a budget and accounted for, whoever makes it. What
//! a vendor's wire format is, and where accounts are kept, is not known here.
//!
//! [`Gateway::ask`] is the way in, and [`Parts`] says what a gateway is made of. One of the parts is any number of rules
//! over requests and replies:
//!
//! ```
//! use codeflow_gateway::{Caller, MinuteQuota, ModelPolicy, Policy};
//!
//! let policy = ModelPolicy { deny: vec!["openai/o1*".to_owned()], ..ModelPolicy::default() };
//! let caller = Caller { tenant: "acme".into(), user: None, key: "ci".into(), quota: MinuteQuota::default() };
//!
//! assert!(policy.on_model(&caller, "openai/gpt-5.1").is_ok());
//! assert!(policy.on_model(&caller, "openai/o1-pro").is_err());
//! ```

mod account;
mod budget;
mod cache;
mod call;
mod caller;
mod gateway;
mod limits;
mod observer;
mod policy;
mod route;
mod source;
mod usage;

pub use budget::{
    Answer, Balance, BudgetError, BudgetKey, BudgetRule, Charge, Entry, Hold, Others, Outcome, Period, Scope,
    Verdict, decide,
};
pub use cache::{CacheBounds, CacheKey, CachedReply, LocalCache, ResponseCache};
pub use call::{Call, Decoded, Evidence, Facts, Failed, Inbound, RawInbound, Reply, ReplyBody, StepCall};
pub use caller::{Caller, MinuteQuota, Subjects};
pub use gateway::{Gateway, Parts};
pub use limits::{CallLimits, Limited, Unlimited};
pub use observer::{GatewayObserver, NoObserver};
pub use policy::{ModelPolicy, Policy, Reads, Refusal, ReplyView, RequestView};
pub use route::{Hop, Lack, Needs, Ranking, Route, RouteRule, Routes, RoutesError, Weights};
pub use source::{ModelSource, Seen};
pub use usage::{
    AccountSettings, AccountStore, Accounts, Batch, CallStatus, Committed, Committer, Ending, Latency,
    Recall, Recovered, StoreError, UsageRow, UsageStore,
};
