//! Runs commands of workflows where they can do no harm: [`Sandbox`] is the port `Commands` of `codeflow-actions`.
//! What steps may ask for is decided by settings, which are handed in; what a step is, elsewhere.
//!
//! A command is started by a small program with one thread: usually this very program again, which [`enter`]
//! recognises at the beginning of `main`.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! fn main() -> ExitCode {
//!     if let Some(code) = codeflow_sandbox::enter() {
//!         return code;
//!     }
//!     // What the program does otherwise.
//!     ExitCode::SUCCESS
//! }
//! ```

mod bounds;
mod capture;
#[cfg(target_os = "linux")]
mod cgroup;
#[cfg(target_os = "linux")]
mod running;
mod sandbox;
#[cfg(target_os = "linux")]
mod stage;
#[cfg(target_os = "linux")]
mod talk;

pub use bounds::Bounds;
pub use sandbox::{Options, Sandbox, Stage, enter};
