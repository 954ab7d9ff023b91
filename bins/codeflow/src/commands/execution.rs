//! `codeflow execution`: looks at executions and talks to them, from any process.

mod look;
mod replay;
mod rerun;
mod talk;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use codeflow::core::Usd;
use codeflow::core::execution::ExecutionStatus;
use codeflow::core::workflow::{StepName, WorkflowName};
use serde_json::{Map, Value};

use crate::Exit;
use crate::cli::Format;
use crate::commands::run::{object, pair};
use crate::commands::target::Target;
use crate::context::Context;

/// What to do with executions.
#[derive(Subcommand)]
pub(crate) enum ExecutionCommand {
    /// List executions, newest first
    #[command(after_help = "Examples:
  codeflow execution list
  codeflow execution list --status failed --workflow pr-review --limit 5")]
    List(ListOptions),
    /// Show an execution: its steps, outputs and error
    #[command(after_help = "Examples:
  codeflow execution show latest
  codeflow execution show latest --format json")]
    Show(One),
    /// Follow an execution until it ends or waits for somebody
    #[command(after_help = "Examples:
  codeflow execution watch latest")]
    Watch(One),
    /// Let nothing more of an execution begin until it is resumed; what runs goes on to its end
    #[command(after_help = "Examples:
  codeflow execution pause latest --reason 'the provider is down'")]
    Pause(WhyOptions),
    /// Carry on with an execution that was paused or interrupted
    #[command(after_help = "Examples:
  codeflow execution resume latest
  codeflow execution resume latest --budget 2.50")]
    Resume(ResumeOptions),
    /// Stop an execution
    #[command(after_help = "Examples:
  codeflow execution cancel latest --reason 'wrong branch'")]
    Cancel(WhyOptions),
    /// Take up an execution that has ended: its steps that did not succeed, or from one step on
    #[command(after_help = "Examples:
  codeflow execution retry latest
  codeflow execution retry latest --from gate")]
    Retry(RetryOptions),
    /// Start an execution like another one, with other inputs or the latest version of its workflow
    #[command(after_help = "Examples:
  codeflow execution rerun latest
  codeflow execution rerun latest --input env=production --latest")]
    Rerun(RerunOptions),
    /// Decide about an execution again from its journal, without changing anything, and show what differs
    #[command(after_help = "Examples:
  codeflow execution replay latest
  codeflow execution replay latest --document changed.yaml
  codeflow execution replay latest --model anthropic/claude-haiku-4-5
  codeflow execution replay latest --from gate")]
    Replay(ReplayOptions),
    /// Say yes to a step that waits for an approval
    #[command(after_help = "Examples:
  codeflow execution approve latest signoff --comment 'checked with the team'")]
    Approve(DecideOptions),
    /// Say no to a step that waits for an approval
    #[command(after_help = "Examples:
  codeflow execution reject latest signoff --comment 'not on a Friday'")]
    Reject(DecideOptions),
    /// Send a signal to an execution
    #[command(after_help = "Examples:
  codeflow execution signal latest deployed --payload '{\"version\": 7}'")]
    Signal(SignalOptions),
    /// Show the log of an execution
    #[command(after_help = "Examples:
  codeflow execution logs latest")]
    Logs(One),
}

/// Flags of `codeflow execution list`.
#[derive(Args)]
pub(crate) struct ListOptions {
    /// Only those with this status
    #[arg(long, value_parser = statuses())]
    status: Option<ExecutionStatus>,
    /// Only those of this workflow
    #[arg(long, value_name = "NAME")]
    workflow: Option<WorkflowName>,
    /// How many at most
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// How to show them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// One execution, and how to show it.
#[derive(Args)]
pub(crate) struct One {
    /// The id of an execution, or `latest`
    #[arg(value_name = "ID")]
    id: Target,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow execution cancel` and `pause`.
#[derive(Args)]
pub(crate) struct WhyOptions {
    #[command(flatten)]
    one: One,
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Flags of `codeflow execution resume`.
#[derive(Args)]
pub(crate) struct ResumeOptions {
    #[command(flatten)]
    one: One,
    /// What all of it may spend from now on, whatever its document says
    #[arg(long, value_name = "DOLLARS")]
    budget: Option<Usd>,
}

/// Flags of `codeflow execution retry`.
#[derive(Args)]
pub(crate) struct RetryOptions {
    #[command(flatten)]
    one: One,
    /// Run this step and all that follow it again
    #[arg(long, value_name = "STEP")]
    from: Option<StepName>,
}

/// Flags of `codeflow execution rerun`.
#[derive(Args)]
pub(crate) struct RerunOptions {
    #[command(flatten)]
    one: One,
    /// An input that differs; the workflow says of which type it is
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    input: Vec<(String, String)>,
    /// Inputs that differ, as one JSON object; `--input` wins over it
    #[arg(long, value_name = "JSON", value_parser = object)]
    input_json: Option<Map<String, Value>>,
    /// Run the latest version of the workflow that was kept, not that of the other execution
    #[arg(long)]
    latest: bool,
}

/// Flags of `codeflow execution replay`.
#[derive(Args)]
pub(crate) struct ReplayOptions {
    #[command(flatten)]
    one: One,
    /// Ask this model, or route, in the `llm/*` steps; what follows from the answers is computed anew
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Run the actions of this step and of all that follow it again
    #[arg(long, value_name = "STEP")]
    from: Option<StepName>,
    /// Follow this workflow document, not the version that the execution keeps
    #[arg(long, value_name = "FILE", conflicts_with = "latest")]
    document: Option<String>,
    /// Follow the latest version of the workflow that was kept
    #[arg(long)]
    latest: bool,
    /// The same as `--format json`
    #[arg(long)]
    json: bool,
}

impl ReplayOptions {
    fn format(&self) -> Format {
        if self.json { Format::Json } else { self.one.format }
    }
}

/// Flags of `codeflow execution approve` and `reject`.
#[derive(Args)]
pub(crate) struct DecideOptions {
    #[command(flatten)]
    one: One,
    /// The step that waits
    #[arg(value_name = "STEP")]
    step: StepName,
    /// Why, for whoever looks at it later
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Flags of `codeflow execution signal`.
#[derive(Args)]
pub(crate) struct SignalOptions {
    #[command(flatten)]
    one: One,
    /// The name of the signal
    #[arg(value_name = "EVENT")]
    event: String,
    /// What it carries
    #[arg(long, value_name = "JSON", default_value = "null", value_parser = json)]
    payload: Value,
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| format!("expected JSON: {error}"))
}

impl ExecutionCommand {
    /// How the result is shown.
    pub(crate) fn format(&self) -> Format {
        match self {
            Self::List(options) => options.format,
            Self::Show(one) | Self::Watch(one) | Self::Logs(one) => one.format,
            Self::Resume(options) => options.one.format,
            Self::Cancel(options) | Self::Pause(options) => options.one.format,
            Self::Rerun(options) => options.one.format,
            Self::Retry(options) => options.one.format,
            Self::Replay(options) => options.format(),
            Self::Approve(options) | Self::Reject(options) => options.one.format,
            Self::Signal(options) => options.one.format,
        }
    }
}

/// Does it.
pub(crate) async fn run(context: &Context, command: ExecutionCommand) -> anyhow::Result<Exit> {
    let local = context.open().await?;
    match command {
        ExecutionCommand::List(options) => look::list(&local, options).await,
        ExecutionCommand::Show(one) => look::show(&local, &one).await,
        ExecutionCommand::Logs(one) => look::logs(&local, &one).await,
        ExecutionCommand::Watch(one) => look::watch(context, &local, &one).await,
        ExecutionCommand::Resume(options) => talk::resume(context, &local, &options).await,
        ExecutionCommand::Pause(options) => talk::pause(context, &local, options).await,
        ExecutionCommand::Cancel(options) => talk::cancel(context, &local, options).await,
        ExecutionCommand::Retry(options) => talk::retry(context, &local, options).await,
        ExecutionCommand::Rerun(options) => rerun::rerun(context, &local, options).await,
        ExecutionCommand::Replay(options) => replay::replay(&local, options).await,
        ExecutionCommand::Approve(options) => talk::decide(context, &local, options, true).await,
        ExecutionCommand::Reject(options) => talk::decide(context, &local, options, false).await,
        ExecutionCommand::Signal(options) => talk::signal(context, &local, options).await,
    }
}

/// Reads a status; the help and a complaint name all there are.
fn statuses() -> impl TypedValueParser<Value = ExecutionStatus> {
    let names = ExecutionStatus::ALL.iter().map(|status| status.as_str());
    PossibleValuesParser::new(names).try_map(|name| name.parse::<ExecutionStatus>())
}
