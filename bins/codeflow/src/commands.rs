//! What each command does, one module each.

pub(crate) mod admin;
pub(crate) mod backup;
mod called;
pub(crate) mod dead_letter;
pub(crate) mod doctor;
pub(crate) mod execution;
mod finish;
pub(crate) mod models;
mod others;
pub(crate) mod review;
pub(crate) mod run;
pub(crate) mod schedule;
mod source;
mod target;
pub(crate) mod workflow;

use crate::Exit;
use crate::cli::{Cli, Command};
use crate::context::Context;

/// Does what was asked.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let context = Context::new(cli.global)?;
    match cli.command {
        Command::Review(options) => review::run(&context, options).await,
        Command::Run(options) => run::run(&context, options).await,
        Command::Workflow(command) => workflow::run(command),
        Command::Execution(command) => execution::run(&context, command).await,
        Command::Schedule(command) => schedule::run(&context, command).await,
        Command::Backup(options) => backup::backup(&context, options).await,
        Command::Restore(options) => backup::restore(&context, options).await,
        Command::DeadLetter(command) => dead_letter::run(&context, command).await,
        Command::Doctor(options) => doctor::run(&context, options).await,
        Command::Models(command) => models::run(command),
        Command::Admin(command) => admin::run(&context, command).await,
    }
}
