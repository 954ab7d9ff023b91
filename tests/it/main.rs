//! Tests across processes. They run outside coverage: a killed process writes no profile.

#[expect(clippy::panic, reason = "a test fails by panicking")]
mod chaos;
mod crashes;
#[expect(clippy::panic, reason = "a test fails by panicking")]
mod definitions;
mod frozen;
mod gateway_kills;
mod large_history;
mod poison;
mod programs;
mod schedules;
mod sdks;
#[expect(clippy::panic, reason = "a test fails by panicking")]
mod takeovers;
