//! Governed model calls: every call is routed, limited, paid for from a budget and accounted for, whoever makes it. What
//! a vendor's wire format is, and where accounts are kept, is not known here.

mod budget;
mod caller;
mod usage;

pub use budget::{
    Answer, Balance, BudgetError, BudgetKey, BudgetRule, Charge, Entry, Hold, Others, Outcome, Period, Scope,
    Verdict, decide,
};
pub use caller::{Caller, Subjects};
pub use usage::{
    AccountSettings, AccountStore, Accounts, Batch, CallStatus, Committed, Committer, Ending, Latency,
    Recall, Recovered, StoreError, UsageRow, UsageStore,
};
