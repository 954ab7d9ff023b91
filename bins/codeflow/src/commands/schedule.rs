//! `codeflow schedule`: keeps, lists, pauses and resumes schedules, and tells when they fire next.

use clap::{Args, Subcommand};
use codeflow::core::Clock as _;
use codeflow::{Local, ScheduleTarget, SystemClock};
use serde_json::Value;

use crate::Exit;
use crate::cli::Format;
use crate::commands::source::Source;
use crate::context::Context;
use crate::{show, terminal};

/// What to do with schedules.
#[derive(Subcommand)]
pub(crate) enum ScheduleCommand {
    /// Keep a workflow, so that its schedules fire while an engine runs
    #[command(after_help = "Examples:
  codeflow schedule add nightly.yaml")]
    Add(AddOptions),
    /// List schedules: when each fires next, and what became of the last time
    #[command(after_help = "Examples:
  codeflow schedule list
  codeflow schedule list nightly --format json")]
    List(SomeOptions),
    /// Stop schedules from firing; what they started goes on
    #[command(after_help = "Examples:
  codeflow schedule pause nightly")]
    Pause(OneOptions),
    /// Let schedules fire again, from their next time on
    #[command(after_help = "Examples:
  codeflow schedule resume nightly")]
    Resume(OneOptions),
    /// Show the next times of schedules
    #[command(after_help = "Examples:
  codeflow schedule next
  codeflow schedule next nightly --count 10")]
    Next(NextOptions),
}

/// Flags of `codeflow schedule add`.
#[derive(Args)]
pub(crate) struct AddOptions {
    /// A workflow file, or the name of a built-in workflow
    #[arg(value_name = "FILE")]
    file: String,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow schedule list`.
#[derive(Args)]
pub(crate) struct SomeOptions {
    /// A workflow, or the id of a schedule; all if it is not given
    #[arg(value_name = "NAME")]
    target: Option<ScheduleTarget>,
    /// How to show them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow schedule pause` and `resume`.
#[derive(Args)]
pub(crate) struct OneOptions {
    /// A workflow, or the id of a schedule
    #[arg(value_name = "NAME")]
    target: ScheduleTarget,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow schedule next`.
#[derive(Args)]
pub(crate) struct NextOptions {
    #[command(flatten)]
    some: SomeOptions,
    /// How many times of each
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    count: u32,
}

impl ScheduleCommand {
    /// How the result is shown.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::Add(options) => options.format,
            Self::List(options) => options.format,
            Self::Pause(options) | Self::Resume(options) => options.format,
            Self::Next(options) => options.some.format,
        }
    }
}

/// Does it.
pub(crate) async fn run(context: &Context, command: ScheduleCommand) -> anyhow::Result<Exit> {
    let format = command.format();
    let records = match command {
        ScheduleCommand::Add(options) => return add(context, &options).await,
        ScheduleCommand::Next(options) => return next(&context.open().await?, &options).await,
        ScheduleCommand::List(options) => context.open().await?.schedules(options.target.as_ref()).await?,
        ScheduleCommand::Pause(options) => context.open().await?.pause_schedules(&options.target).await?,
        ScheduleCommand::Resume(options) => context.open().await?.resume_schedules(&options.target).await?,
    };
    print(&records, format)
}

fn print(records: &[codeflow::engine::ScheduleRecord], format: Format) -> anyhow::Result<Exit> {
    match format {
        Format::Json => {
            let documents: Value = records.iter().map(show::schedule::json).collect();
            terminal::print(&format!("{documents:#}\n"))?;
        }
        Format::Text if records.is_empty() => terminal::tell("no schedules"),
        Format::Text => terminal::print(&show::schedule::table(records))?,
    }
    Ok(Exit::Success)
}

async fn add(context: &Context, options: &AddOptions) -> anyhow::Result<Exit> {
    let source = Source::find(&options.file)?;
    let document = match source.parse() {
        Ok((_, document)) => document,
        Err(problems) => return source.refuse(problems, options.format),
    };
    let local = context.open().await?;
    let workflow = local.register(document).await?;
    if workflow.schedules.is_empty() {
        return print(&[], options.format);
    }
    let target = ScheduleTarget::Workflow(workflow.name);
    print(&local.schedules(Some(&target)).await?, options.format)
}

async fn next(local: &Local, options: &NextOptions) -> anyhow::Result<Exit> {
    let records = local.schedules(options.some.target.as_ref()).await?;
    let (now, count) = (SystemClock.now(), options.count as usize);
    match options.some.format {
        Format::Json => {
            let documents: Value =
                records.iter().map(|record| show::schedule::next_json(record, now, count)).collect();
            terminal::print(&format!("{documents:#}\n"))?;
        }
        Format::Text if records.is_empty() => terminal::tell("no schedules"),
        Format::Text => terminal::print(&show::schedule::next(&records, now, count))?,
    }
    Ok(Exit::Success)
}
