//! Identity through its facade, over storage in memory, with a clock and tokens that the tests own.

mod audit;
mod bootstrap;
mod credentials;
mod errors;
mod escalation;
mod keys;
mod lockout;
mod logins;
mod passwords;
mod refreshing;
mod revocations;
mod roles;
mod second_factor;
mod support;
mod users;
mod vault;
