//! What identity promises, through its public interface.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail it")]

mod connections;
mod jwt;
mod kept;
mod oidc;
