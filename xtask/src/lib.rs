//! The project's own checks and tasks, behind `cargo xtask`.
//!
//! Rules about the source tree live in [`violations_in`]; everything else drives other programs (cargo and its
//! plugins, PostgreSQL, Redis) and judges what they say. Nothing here is part of the product.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "xtask talks to a terminal; that is its purpose"
)]

mod check;
mod cli;
mod process;
mod rules;
mod tokens;
mod tree;
mod violation;
mod workspace;

pub use cli::{Cli, run};
pub use rules::violations_in;
pub use violation::Violation;
