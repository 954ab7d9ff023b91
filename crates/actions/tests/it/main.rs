//! Behaviour of this crate, through its public API and over a repository that is made up.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot do its work ends its test")]

mod catalog;
mod diff;
mod policy;
mod policy_condition;
mod report;
mod scan;
mod support;
