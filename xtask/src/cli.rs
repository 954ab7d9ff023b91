//! The commands and what each one runs.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use crate::{
    chaos, check, ci,
    coverage::Measurement,
    dependencies, fuzzing, hooks, mutation, process,
    services::Services,
    simulation,
    testing::{self, Packages},
    workspace::Workspace,
};

/// The project's own checks and tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_version_flag = true)]
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
    /// Run all tests, or those that the arguments for `cargo nextest run` choose.
    Test {
        /// For `cargo nextest run`, for example `-p codeflow-core`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Run the tests and hold the lines they reach against `coverage.toml`.
    Coverage,
    /// Check dependencies: bans, licences, sources, advisories, and that each is used.
    Deny,
    /// Build the documentation; a broken link fails.
    Doc,
    /// Run the benchmarks.
    Bench {
        /// For `cargo bench`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Feed every decoder what nobody would send, under cargo-fuzz on a nightly toolchain.
    Fuzz {
        /// Only this target.
        #[arg(long)]
        target: Option<String>,
        /// How long each target runs.
        #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
    /// Let workers and their database go through storms of faults, with a new seed each.
    Chaos {
        /// Begin no storm any more after so many minutes.
        #[arg(long, default_value_t = 10)]
        minutes: u32,
        /// The seed of the first storm; by default it is the time.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Simulate the engine from seeds, each with other things that go wrong.
    Simulate {
        /// How many seeds.
        #[arg(long, default_value_t = 10_000)]
        seeds: u64,
        /// The first one.
        #[arg(long, default_value_t = 0)]
        from: u64,
    },
    /// Remove each fence of the engine and its storage in turn, and expect a test to go red.
    Mutate {
        /// Only show which fences there are.
        #[arg(long)]
        list: bool,
        /// Only those whose names hold this; may be given several times.
        #[arg(long)]
        only: Vec<String>,
    },
    /// Run everything, as continuous integration does.
    Ci,
    /// Install a pre-commit hook that runs `check --fast`.
    Hooks,
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
        Task::Check { fast } => check::all(&root, *fast),
        Task::Test { arguments } => {
            let services = Services::start(&Workspace::read(&root)?)?;
            testing::run_chosen(&services, arguments)?;
            if arguments.is_empty() { testing::documentation(&mut 0) } else { Ok(()) }
        }
        Task::Coverage => {
            let workspace = Workspace::read(&root)?;
            let services = Services::start(&workspace)?;
            let measurement = Measurement::begin(&root)?;
            testing::run(&workspace, Packages::InProcess, &services, Some(&measurement), &mut 0)?;
            ci::judge(&workspace, &measurement).map(drop)
        }
        Task::Deny => dependencies::all(&root),
        Task::Doc => check::documentation(),
        Task::Bench { arguments } => {
            let services = Services::start(&Workspace::read(&root)?)?;
            process::run(services.announce(process::cargo().arg("bench").args(arguments)))
        }
        Task::Fuzz { target, seconds } => fuzzing::run(&root, target.as_deref(), *seconds),
        Task::Chaos { minutes, seed } => chaos::run(*minutes, *seed),
        Task::Simulate { seeds, from } => simulation::run(*seeds, *from),
        Task::Mutate { list: true, .. } => mutation::list(&root),
        Task::Mutate { list: false, only } => mutation::run(&root, only),
        Task::Ci => ci::run(&root),
        Task::Hooks => hooks::install_hooks(&root),
    }
}

/// The top of the workspace that the command was called in.
fn root() -> Result<PathBuf> {
    let arguments = ["locate-project", "--workspace", "--message-format", "plain"];
    let manifest = process::output(process::cargo().args(arguments))?;
    let root = Path::new(manifest.trim()).parent();
    root.map(PathBuf::from).context("cargo found a manifest without a folder")
}
