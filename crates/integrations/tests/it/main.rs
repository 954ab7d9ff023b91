//! Behaviour of this crate, through its public API and against real repositories.

mod chain;
mod contents;
mod hostile;
mod ranges;
mod repo;
mod stopping;
