//! What the engine promises, tested through its public interface on storage in memory and scripted actions.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what helps a test may fail it")]

mod attempts;
mod calls;
mod cancels;
mod commands;
mod compensation;
mod concurrency;
mod doubts;
mod dry;
mod endings;
mod jobs;
mod letters;
mod order;
mod pauses;
mod poison;
mod random;
mod repeats;
mod replays;
mod reruns;
mod restarts;
mod retention;
mod schedules;
mod script;
mod simulation;
mod starts;
mod storage;
mod tenants;
mod waits;
mod wakeups;
mod wire;
mod workers;
mod world;
