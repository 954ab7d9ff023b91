//! The `cargo xtask` command: hands its arguments to the library and turns the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;
use xtask::Cli;

fn main() -> ExitCode {
    xtask::run(&Cli::parse())
}
