//! The project's own checks and tasks, behind `cargo xtask`.
//!
//! Rules about the source tree live in [`violations_in`]; everything else drives other programs (cargo and its
//! plugins, PostgreSQL, Redis) and judges what they say. Nothing here is part of the product.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "xtask talks to a terminal; that is its purpose"
)]

mod chaos;
mod check;
mod ci;
mod cli;
mod coverage;
mod dependencies;
mod environment;
mod fuzzing;
mod hooks;
mod mutation;
mod process;
mod programs;
mod rules;
mod sdks;
mod services;
mod simulation;
mod summary;
mod sweep;
mod testing;
mod tokens;
mod tools;
mod tree;
mod violation;
mod workspace;

pub use cli::{Cli, run};
pub use coverage::{Coverage, judge_coverage};
pub use hooks::install_hooks;
pub use mutation::{Mutation, MutationOutcome, MutationTable, judge_mutations};
pub use rules::violations_in;
pub use sweep::sweep;
pub use testing::{examples_run, tests_run};
pub use violation::Violation;
