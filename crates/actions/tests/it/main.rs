//! Behaviour of this crate, through its public API and over a repository that is made up.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot do its work ends its test")]

mod answering;
mod catalog;
mod command;
mod diff;
mod llm_chat;
mod llm_errors;
mod llm_extract;
mod llm_fold;
mod llm_hostile;
mod llm_review;
mod policy;
mod policy_condition;
mod report;
mod scan;
mod support;
