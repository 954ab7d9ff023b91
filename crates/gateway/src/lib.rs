//! Governed model calls: every call is routed, limited, paid for from a budget and accounted for, whoever makes it. What
//! a vendor's wire format is, and where accounts are kept, is not known here.

mod caller;

pub use caller::{Caller, Subjects};
