//! Behaviour of this crate, through its public API and against real repositories.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot do its work ends its test")]

mod chain;
mod contents;
mod hostile;
mod ranges;
mod repo;
mod stopping;
