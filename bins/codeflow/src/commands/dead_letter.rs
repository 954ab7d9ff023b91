//! `codeflow dead-letter`: lists what was given up, shows it, tries it again or drops it.

use clap::{Args, Subcommand};
use codeflow::Local;
use codeflow::core::TaskId;
use serde_json::{Value, json};

use crate::Exit;
use crate::cli::Format;
use crate::context::Context;
use crate::{show, terminal};

/// What to do with dead letters.
#[derive(Subcommand)]
pub(crate) enum DeadLetterCommand {
    /// List tasks that workers died of, and jobs that were given up
    #[command(after_help = "Examples:
  codeflow dead-letter list
  codeflow dead-letter list --limit 100 --format json")]
    List(ListOptions),
    /// Show one: whose it is, what it was to do, and why it was given up
    Show(OneOptions),
    /// Put some back into the queue
    Retry(SomeOptions),
    /// Give some up for good: a job is removed, a step fails with `step.abandoned`
    Drop(SomeOptions),
}

/// Flags of `codeflow dead-letter list`.
#[derive(Args)]
pub(crate) struct ListOptions {
    /// How many
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Only those after this one: the last of the page before
    #[arg(long, value_name = "ID")]
    after: Option<TaskId>,
    /// How to show them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow dead-letter show`.
#[derive(Args)]
pub(crate) struct OneOptions {
    /// The task
    #[arg(value_name = "ID")]
    id: TaskId,
    /// How to show it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow dead-letter retry` and `drop`.
#[derive(Args)]
pub(crate) struct SomeOptions {
    /// The tasks
    #[arg(value_name = "ID", required = true)]
    ids: Vec<TaskId>,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

impl DeadLetterCommand {
    /// How the result is shown.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::List(options) => options.format,
            Self::Show(options) => options.format,
            Self::Retry(options) | Self::Drop(options) => options.format,
        }
    }
}

/// Does it.
pub(crate) async fn run(context: &Context, command: DeadLetterCommand) -> anyhow::Result<Exit> {
    let local = context.open().await?;
    match command {
        DeadLetterCommand::List(options) => list(&local, &options).await?,
        DeadLetterCommand::Show(options) => {
            let letter = local.engine().dead_letter(options.id).await?;
            terminal::print(&match options.format {
                Format::Json => format!("{:#}\n", show::dead_letter::json(&letter)),
                Format::Text => show::dead_letter::text(&letter),
            })?;
        }
        DeadLetterCommand::Retry(options) => {
            for id in &options.ids {
                local.engine().release(*id).await?;
            }
            told(&options, "put back")?;
        }
        DeadLetterCommand::Drop(options) => {
            for id in &options.ids {
                local.engine().drop_dead_letter(*id, &context.user()).await?;
            }
            told(&options, "dropped")?;
        }
    }
    Ok(Exit::Success)
}

async fn list(local: &Local, options: &ListOptions) -> anyhow::Result<()> {
    let letters = local.engine().quarantined(options.after, options.limit).await?;
    match options.format {
        Format::Json => {
            let documents: Value = letters.iter().map(show::dead_letter::task_json).collect();
            terminal::print(&format!("{documents:#}\n"))?;
        }
        Format::Text if letters.is_empty() => terminal::tell("no dead letters"),
        Format::Text => terminal::print(&show::dead_letter::table(&letters))?,
    }
    Ok(())
}

fn told(options: &SomeOptions, what: &str) -> anyhow::Result<()> {
    let ids: Vec<String> = options.ids.iter().map(ToString::to_string).collect();
    match options.format {
        Format::Json => terminal::print(&format!("{:#}\n", json!({ "tasks": ids, "result": what })))?,
        Format::Text => ids.iter().for_each(|id| terminal::tell(&format!("{what} {id}"))),
    }
    Ok(())
}
