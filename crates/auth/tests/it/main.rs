//! What identity promises, through its public interface, over storage in memory, with a clock that the tests own.

#![expect(clippy::unwrap_used, reason = "what helps a test may fail it")]

mod audit;
mod bootstrap;
mod caps;
mod connections;
mod credentials;
mod errors;
mod escalation;
mod jwt;
mod kept;
mod key_fates;
mod keys;
mod lockout;
mod logins;
mod oidc;
mod outside;
mod passwords;
mod refreshing;
mod revocations;
mod roles;
mod second_factor;
#[expect(clippy::panic, reason = "what helps a test may fail it")]
mod support;
mod tampered;
mod users;
mod vault;
mod waits;
