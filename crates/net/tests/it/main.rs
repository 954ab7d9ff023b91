//! What the way out promises, tested through its public interface against local servers that misbehave.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail it")]

mod addresses;
mod bounds;
mod connections;
mod guard;
mod pool;
mod redirects;
mod secure;
mod world;
