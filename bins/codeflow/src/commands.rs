//! What each command does, one module each.

pub(crate) mod review;

use crate::Exit;
use crate::cli::{Cli, Command};
use crate::context::Context;

/// Does what was asked.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<Exit> {
    let context = Context::new(cli.global)?;
    match cli.command {
        Command::Review(options) => review::run(&context, options).await,
    }
}
