//! `codeflow run`: any workflow, with its inputs, to its end or until it waits for somebody.

use clap::Args;
use codeflow::core::ValueType;
use codeflow::core::workflow::Workflow;
use codeflow::engine::Started;
use serde_json::{Map, Value};

use crate::Exit;
use crate::cli::Format;
use crate::commands::source::Source;
use crate::commands::{called, finish, others};
use crate::context::Context;
use crate::drive;
use crate::failure::{Misuse, MisuseKind};
use crate::progress::Progress;

/// Flags of `codeflow run`.
#[derive(Args)]
#[command(after_help = "Examples:
  codeflow run deploy.yaml --input env=staging --input replicas=3
  codeflow run secret-scan --input range=main..HEAD       a built-in workflow
  codeflow run import.yaml --input-json '{\"files\": [\"a.csv\", \"b.csv\"]}'
  codeflow run nightly.yaml --idempotency-key 2026-11-20  at most once a day

Exit codes: 0 succeeded, 1 a gate is closed, 2 wrong use, 3 failed, 4 waits for somebody, 130 interrupted.")]
pub(crate) struct RunOptions {
    /// A workflow file, `-` for standard input, or a built-in workflow: pr-review, secret-scan
    #[arg(value_name = "FILE")]
    workflow: String,
    /// An input; the workflow says of which type it is
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    input: Vec<(String, String)>,
    /// Inputs as one JSON object; `--input` wins over it
    #[arg(long, value_name = "JSON", value_parser = object)]
    input_json: Option<Map<String, Value>>,
    /// With the same key again, no second execution is started: the first one is shown
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// How to show the result on standard output
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(crate) fn object(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("expected a JSON object: {error}"))
}

/// Runs a workflow.
pub(crate) async fn run(context: &Context, options: RunOptions) -> anyhow::Result<Exit> {
    let source = Source::find(&options.workflow)?;
    let (workflow, document) = match source.parse() {
        Ok(found) => found,
        Err(problems) => return source.refuse(problems, options.format),
    };
    let mut inputs = options.input_json.unwrap_or_default();
    inputs.extend(options.input.iter().map(|(name, text)| (name.clone(), typed(&workflow, name, text))));
    if let Some(key) = options.idempotency_key.as_ref().filter(|key| key.is_empty()) {
        return Err(Misuse::new(MisuseKind::BadValue, format!("an idempotency key cannot be `{key}`")).into());
    }
    let local = context.open().await?;
    let reservation = local.reserve()?;
    called::register(&local, &workflow, &options.workflow).await?;
    let (id, started) = local.start(document, inputs, options.idempotency_key).await?;
    let progress = Progress::new(context.is_lively());
    progress.line(&match started {
        Started::Created => format!("running {} as {id}", workflow.name),
        Started::Existing(_) => format!("an earlier start had the same key: {id}"),
        Started::Skipped(_) => format!("not started, because this one is running: {id}"),
    });
    others::mention(&local, id, &progress).await?;
    let ended = drive::run(&local, reservation, id, progress).await?;
    Ok(finish::conclude(id, &ended, options.format)?)
}

/// A text as the type that the workflow wants. What cannot be that stays a text, and the engine says so
/// together with everything else that is wrong with the inputs.
pub(crate) fn typed(workflow: &Workflow, name: &str, text: &str) -> Value {
    let as_text = || Value::from(text);
    match workflow.inputs.get(name).map(|input| input.value_type) {
        None | Some(ValueType::String) => as_text(),
        Some(
            ValueType::Any
            | ValueType::Number
            | ValueType::Integer
            | ValueType::Boolean
            | ValueType::List
            | ValueType::Object,
        ) => serde_json::from_str(text).unwrap_or_else(|_| as_text()),
    }
}
