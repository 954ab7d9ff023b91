//! Tests across processes. They run outside coverage: a killed process writes no profile.

mod crashes;
mod gateway_kills;
mod large_history;
mod programs;
mod schedules;
mod sdks;
