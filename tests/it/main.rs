//! Tests across processes. They run outside coverage: a killed process writes no profile.

mod chaos;
mod crashes;
mod definitions;
mod frozen;
mod gateway_kills;
mod large_history;
mod poison;
mod programs;
mod schedules;
mod sdks;
mod takeovers;
