//! Identity through its facade, over storage in memory, with a clock and tokens that the tests own.

#[expect(clippy::unwrap_used, reason = "what helps a test may fail it")]
mod audit;
mod bootstrap;
mod credentials;
mod errors;
mod escalation;
#[expect(clippy::unwrap_used, reason = "what helps a test may fail it")]
mod keys;
#[expect(clippy::unwrap_used, reason = "what helps a test may fail it")]
mod lockout;
mod logins;
mod passwords;
mod refreshing;
mod revocations;
mod roles;
#[expect(clippy::unwrap_used, reason = "what helps a test may fail it")]
mod second_factor;
#[expect(clippy::panic, clippy::unwrap_used, reason = "what helps a test may fail it")]
mod support;
mod users;
mod vault;
