//! The commands and what each one runs.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::{check, process};

/// The project's own checks and tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", disable_version_flag = true)]
pub struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Check the project's rules, the formatting, and Clippy.
    Check {
        /// Leave Clippy out; what the pre-commit hook runs.
        #[arg(long)]
        fast: bool,
    },
}

/// Runs the chosen task and shows what went wrong.
#[must_use]
pub fn run(cli: &Cli) -> ExitCode {
    match dispatch(&cli.task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(task: &Task) -> Result<()> {
    let root = root()?;
    match task {
        Task::Check { fast } => {
            let mut outcome = check::rules(&root);
            outcome = outcome.and(check::format());
            if !fast {
                outcome = outcome.and(check::clippy(&root));
            }
            outcome
        }
    }
}

/// The top of the workspace that the command was called in.
fn root() -> Result<PathBuf> {
    let arguments = ["locate-project", "--workspace", "--message-format", "plain"];
    let manifest = process::output(process::cargo().args(arguments))?;
    let root = Path::new(manifest.trim()).parent();
    root.map(PathBuf::from).context("cargo found a manifest without a folder")
}
