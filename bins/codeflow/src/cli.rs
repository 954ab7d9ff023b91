//! The command line as people type it. What each command does is in `commands`.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::admin::AdminCommand;
use crate::commands::backup::{BackupOptions, RestoreOptions};
use crate::commands::dead_letter::DeadLetterCommand;
use crate::commands::doctor::DoctorOptions;
use crate::commands::execution::ExecutionCommand;
use crate::commands::models::ModelsCommand;
use crate::commands::review::ReviewOptions;
use crate::commands::run::RunOptions;
use crate::commands::schedule::ScheduleCommand;
use crate::commands::workflow::WorkflowCommand;

/// Durable workflows for code, on your own machine.
#[derive(Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "Examples:
  codeflow review                        review the last commit
  codeflow review main..HEAD --fail-on critical
  codeflow run deploy.yaml --input env=staging
  codeflow execution list"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags that every command takes.
#[derive(Args)]
pub(crate) struct Global {
    /// The repository, or another folder, to work for
    #[arg(long, global = true, value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(crate) repo: PathBuf,
    /// Keep executions in this database: postgres://… or the path of an SQLite file
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// Read settings from this file instead of codeflow.toml
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Say more about what happens; twice or three times for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Show the log messages that match, such as `debug` or `codeflow_engine=trace`
    #[arg(long, global = true, value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// What to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Review a range of commits: secrets, risk, and a verdict
    Review(ReviewOptions),
    /// Run a workflow to its end, or until it waits for somebody
    Run(RunOptions),
    /// Check workflow files and look into them
    #[command(subcommand, visible_alias = "wf")]
    Workflow(WorkflowCommand),
    /// Look at executions, and talk to them
    #[command(subcommand, visible_alias = "exec")]
    Execution(ExecutionCommand),
    /// Look at schedules, pause and resume them
    #[command(subcommand)]
    Schedule(ScheduleCommand),
    /// Copy the database into a file while engines go on, and check the copy
    #[command(after_help = "Examples:
  codeflow backup codeflow-2026-11-26.backup
  codeflow backup nightly.dump --database-url postgres://…")]
    Backup(BackupOptions),
    /// Put a backup in the place of the database
    #[command(after_help = "Examples:
  codeflow restore codeflow-2026-11-26.backup
  codeflow restore nightly.dump --database-url postgres://… --force")]
    Restore(RestoreOptions),
    /// Look at work that was given up, try it again or drop it
    #[command(subcommand)]
    DeadLetter(DeadLetterCommand),
    /// Look whether everything that is not over will go on
    Doctor(DoctorOptions),
    /// Manage who may call the server: users, keys, roles
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Look at models: limits, prices and what they can do
    #[command(subcommand)]
    Models(ModelsCommand),
}

/// How a result is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

impl Command {
    /// Whether a program reads the result.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Review(options) => options.wants_json(),
            Self::Run(options) => options.format == Format::Json,
            Self::Workflow(command) => command.wants_json(),
            Self::Execution(command) => command.format() == Format::Json,
            Self::Schedule(command) => command.format() == Format::Json,
            Self::Backup(options) => options.format == Format::Json,
            Self::Restore(options) => options.format == Format::Json,
            Self::DeadLetter(command) => command.format() == Format::Json,
            Self::Doctor(options) => options.format() == Format::Json,
            Self::Admin(command) => command.format() == Format::Json,
            Self::Models(command) => command.wants_json(),
        }
    }
}
