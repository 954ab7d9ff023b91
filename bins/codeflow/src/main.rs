//! The `codeflow` command line: flags in, an exit code out. What happens in between is in the modules.

mod cli;
mod commands;
mod context;
mod drive;
mod exit;
mod failure;
mod progress;
mod show;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    if let Some(code) = codeflow::enter_sandbox() {
        return code;
    }
    let cli = Cli::parse();
    let wants_json = cli.command.wants_json();
    let exit = run(cli).unwrap_or_else(|error| failure::report(&error, wants_json));
    exit.into()
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let exit = runtime.block_on(commands::run(cli));
    // Nobody waits for what is left over after an orderly end, or after a second interrupt.
    runtime.shutdown_background();
    exit
}
