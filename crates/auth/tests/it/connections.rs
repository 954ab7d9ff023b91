//! Tokens for other services.

mod keeping;
mod refreshing;
mod refusals;
mod service;
mod world;
