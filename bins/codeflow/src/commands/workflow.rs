//! `codeflow workflow`: checks documents and looks into them. Needs no database.

use clap::{Args, Subcommand, ValueEnum};
use codeflow::SystemClock;
use codeflow::core::Clock as _;
use codeflow::core::workflow::Workflow;
use serde_json::{Value, json};

use crate::Exit;
use crate::cli::Format;
use crate::commands::source::Source;
use crate::{show, terminal};

/// How many of the next times of a schedule are shown.
const TIMES: usize = 3;

/// What to do with workflow files.
#[derive(Subcommand)]
pub(crate) enum WorkflowCommand {
    /// Check files, and show everything that is wrong with them at once
    #[command(after_help = "Examples:
  codeflow workflow validate deploy.yaml
  codeflow workflow validate workflows/*.yaml --format json")]
    Validate(ValidateOptions),
    /// Show what a workflow takes, does and gives
    #[command(after_help = "Examples:
  codeflow workflow show pr-review
  codeflow workflow show deploy.yaml --format json")]
    Show(ShowOptions),
    /// Draw the steps and what each one needs
    #[command(after_help = "Examples:
  codeflow workflow graph deploy.yaml
  codeflow workflow graph pr-review --format mermaid
  codeflow workflow graph deploy.yaml --format dot | dot -Tsvg > deploy.svg")]
    Graph(GraphOptions),
    /// Print the JSON Schema of workflow files, with which editors complete them
    #[command(after_help = "Examples:
  codeflow workflow schema > workflow.schema.json")]
    Schema,
}

/// Flags of `codeflow workflow validate`.
#[derive(Args)]
pub(crate) struct ValidateOptions {
    /// Workflow files; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<String>,
    /// How to show the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow workflow show`.
#[derive(Args)]
pub(crate) struct ShowOptions {
    /// A workflow file, or the name of a built-in workflow
    #[arg(value_name = "FILE")]
    file: String,
    /// How to show it
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Flags of `codeflow workflow graph`.
#[derive(Args)]
pub(crate) struct GraphOptions {
    /// A workflow file, or the name of a built-in workflow
    #[arg(value_name = "FILE")]
    file: String,
    /// How to draw it
    #[arg(long, value_enum, default_value = "text")]
    format: Drawing,
}

/// The languages of graphs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Drawing {
    /// For people
    Text,
    /// For Markdown and its viewers
    Mermaid,
    /// For Graphviz
    Dot,
}

impl WorkflowCommand {
    /// Whether a program reads the result.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Validate(options) => options.format == Format::Json,
            Self::Show(options) => options.format == Format::Json,
            Self::Graph(_) | Self::Schema => false,
        }
    }
}

/// Does it.
pub(crate) fn run(command: WorkflowCommand) -> anyhow::Result<Exit> {
    match command {
        WorkflowCommand::Validate(options) => validate(&options),
        WorkflowCommand::Show(options) => {
            with(&options.file, options.format, |workflow| match options.format {
                Format::Text => show::workflow::text(workflow),
                Format::Json => format!("{:#}\n", show::workflow::json(workflow)),
            })
        }
        WorkflowCommand::Graph(options) => {
            with(&options.file, Format::Text, |workflow| match options.format {
                Drawing::Text => show::graph::text(workflow),
                Drawing::Mermaid => show::graph::mermaid(workflow),
                Drawing::Dot => show::graph::dot(workflow),
            })
        }
        WorkflowCommand::Schema => {
            terminal::print(&format!("{:#}\n", codeflow::core::workflow::json_schema()))?;
            Ok(Exit::Success)
        }
    }
}

fn with(file: &str, format: Format, render: impl FnOnce(&Workflow) -> String) -> anyhow::Result<Exit> {
    let source = Source::find(file)?;
    match source.parse() {
        Ok((workflow, _)) => {
            terminal::print(&render(&workflow))?;
            Ok(Exit::Success)
        }
        Err(problems) => source.refuse(problems, format),
    }
}

fn validate(options: &ValidateOptions) -> anyhow::Result<Exit> {
    let mut documents: Vec<Value> = Vec::new();
    let mut invalid = 0;
    for file in &options.files {
        let source = Source::find(file)?;
        let parsed = source.parse();
        match (&parsed, options.format) {
            (Ok((workflow, _)), Format::Text) => {
                let steps = workflow.steps.len();
                terminal::print(&format!("{}: {} is valid, {steps} steps\n", source.name, workflow.name))?;
                terminal::print(&show::schedule::upcoming(&workflow.schedules, SystemClock.now(), TIMES))?;
            }
            (Err(problems), Format::Text) => terminal::tell(&source.render(problems)),
            (Ok((workflow, _)), Format::Json) => documents.push(json!({
                "file": source.name, "valid": true, "name": workflow.name, "version": workflow.version, "problems": [],
            })),
            (Err(problems), Format::Json) => {
                documents.push(json!({ "file": source.name, "valid": false, "problems": problems }));
            }
        }
        invalid += usize::from(parsed.is_err());
    }
    if options.format == Format::Json {
        terminal::print(&format!("{:#}\n", Value::from(documents)))?;
    } else if invalid > 0 {
        terminal::tell(&format!("{invalid} of {} files cannot be used", options.files.len()));
    }
    Ok(if invalid == 0 { Exit::Success } else { Exit::WrongUse })
}
