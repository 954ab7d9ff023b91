//! Tokens for other services.

mod connecting;
mod keeping;
mod refreshing;
mod refusals;
mod service;
mod world;
