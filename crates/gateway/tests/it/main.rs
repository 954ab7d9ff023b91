//! The promises of the gateway.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, and so do its helpers")]

mod budgets;
mod in_memory;
mod model;
mod rows;
