//! `core/run`: a command in a sandbox. A program that fails has failed the step, and what it wrote is kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::{
    ActionCall, ActionError, ActionErrorKind, ActionName, ActionOutcome, ActionSpec, ValueType,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::action::{invalid, optional, required, spec, take, take_required};
use crate::fault::Fault;
use crate::{Action, CommandEnd, CommandLimits, CommandRequest, Commands};

/// The action behind `run` steps. It is not among [`Catalog::builtin`](crate::Catalog::builtin): whoever allows
/// commands registers it.
pub struct RunAction {
    spec: ActionSpec,
    commands: Arc<dyn Commands>,
}

impl RunAction {
    /// The action, running commands there.
    pub fn new(commands: Arc<dyn Commands>) -> Self {
        use ValueType::{Any, Boolean, List, Object, String};

        let spec = ActionSpec {
            name: ActionName::run(),
            inputs: [
                ("command", required(List, "The program and its arguments; no shell reads them.")),
                ("stdin", optional(Any, "What it reads from standard input; what is no text, as JSON.")),
                ("files", optional(Object, "Files in its working folder, by plain names.")),
                ("env", optional(Object, "Its variables, by name.")),
                ("network", optional(Boolean, "Whether it may reach the network.")),
                ("accept", optional(List, "The exit codes that are no failure; 0 if it is not given.")),
                ("limits", optional(Object, "What it may use.")),
            ]
            .into(),
            outputs: [
                ("exit_code", Any),
                ("signal", Any),
                ("stdout", String),
                ("stderr", String),
                ("truncated", Boolean),
                ("usage", Object),
                ("isolation", List),
            ]
            .into(),
            ..spec("core/run", "Runs a command in a sandbox.")
        };
        Self { spec, commands }
    }
}

#[async_trait]
impl Action for RunAction {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    async fn run(&self, call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        let mut inputs = call.inputs;
        let accept = take(&mut inputs, "accept", "a list of exit codes")?.unwrap_or_else(|| vec![0]);
        let request = request(inputs, call.timeout)?;
        let end = self.commands.run(request, stop).await?;
        judge(&accept, end)
    }
}

/// Limits as a step says them.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Limits {
    memory: Option<u64>,
    cpu_ms: Option<u64>,
    processes: Option<u32>,
    open_files: Option<u32>,
    file_size: Option<u64>,
    output: Option<u64>,
}

fn request(mut inputs: Map<String, Value>, timeout: Duration) -> Result<CommandRequest, ActionError> {
    let words: Vec<Value> = take_required(&mut inputs, "command", "a list of texts")?;
    let mut words = words.into_iter().map(word).collect::<Result<Vec<String>, _>>()?.into_iter();
    let program = words.next().ok_or_else(|| invalid("input `command` names no program"))?;
    let limits: Limits = take(&mut inputs, "limits", "a mapping of limits")?.unwrap_or_default();
    let texts = |inputs: &mut Map<String, Value>, name| -> Result<BTreeMap<String, String>, ActionError> {
        let values: Map<String, Value> = take(inputs, name, "a mapping of texts")?.unwrap_or_default();
        Ok(values.into_iter().map(|(name, value)| (name, text(value))).collect())
    };
    Ok(CommandRequest {
        program,
        arguments: words.collect(),
        stdin: inputs.remove("stdin").map(text).unwrap_or_default(),
        files: texts(&mut inputs, "files")?,
        environment: texts(&mut inputs, "env")?,
        network: take(&mut inputs, "network", "true or false")?.unwrap_or_default(),
        limits: CommandLimits {
            memory: limits.memory,
            cpu: limits.cpu_ms.map(Duration::from_millis),
            processes: limits.processes,
            open_files: limits.open_files,
            file_size: limits.file_size,
            output: limits.output,
        },
        timeout,
    })
}

/// One argument. A list or an object is none: it would have to be split or written down somehow.
fn word(value: Value) -> Result<String, ActionError> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => Err(invalid(
            "a word of `command` is neither a text nor a number; give lists and objects as `stdin` or `files`",
        )),
    }
}

/// A value as it is written into a file.
fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        Value::Null => String::new(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn judge(accept: &[i32], end: CommandEnd) -> Result<ActionOutcome, ActionError> {
    let outputs = json!({
        "exit_code": end.exit_code,
        "signal": end.signal,
        "stdout": end.stdout.text,
        "stderr": end.stderr.text,
        "truncated": end.stdout.cut + end.stderr.cut > 0,
        "usage": {
            "cpu_ms": u64::try_from(end.cpu.as_millis()).unwrap_or(u64::MAX),
            "max_memory_bytes": end.max_memory,
        },
        "isolation": end.in_force,
    });
    if let Some(what) = end.exceeded {
        let message = format!("the command was ended: its processes together used more than `{what}` allows");
        return Err(Fault::CommandKilled.error(message).with_outputs(outputs));
    }
    let (fault, message) = match (end.exit_code, end.signal) {
        (Some(code), _) if accept.contains(&code) => return Ok(ActionOutcome::Done(outputs)),
        (Some(code), _) => (Fault::CommandFailed, format!("the command ended with exit code {code}")),
        (None, signal) => {
            let signal = signal.map_or_else(|| "a signal".to_owned(), |signal| format!("signal {signal}"));
            (Fault::CommandKilled, format!("the command was ended by {signal}"))
        }
    };
    let error = fault.error(message).with_outputs(outputs);
    debug_assert_eq!(error.kind, ActionErrorKind::Failed);
    Err(error)
}
