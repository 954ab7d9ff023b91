//! The first stage of a sandboxed command, as a program of its own. Everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    codeflow_sandbox::enter().unwrap_or(ExitCode::from(2))
}
