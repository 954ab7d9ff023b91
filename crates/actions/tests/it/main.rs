//! Behaviour of this crate, through its public API and over a repository that is made up.

mod catalog;
mod diff;
mod policy;
mod policy_condition;
mod report;
mod scan;
mod support;
