//! What the engine promises, tested through its public interface on storage in memory and scripted actions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail it")]

mod attempts;
mod cancels;
mod commands;
mod endings;
mod order;
mod poison;
mod random;
mod repeats;
mod restarts;
mod script;
mod starts;
mod storage;
mod waits;
mod workers;
mod world;
