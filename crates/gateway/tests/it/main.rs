//! The promises of the gateway.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod budgets;
mod endings;
mod in_memory;
mod model;
mod routing;
mod rows;
mod rules;
mod stage;
mod walks;
