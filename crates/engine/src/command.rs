//! The inputs of the action behind a `run` step: its words and values rendered, each on its own, and its limits as
//! numbers. How a command is run is not known here.

use codeflow_core::ActionError;
use codeflow_core::workflow::{RunLimits, RunStep};
use codeflow_expr::{Scope, Template};
use serde_json::{Map, Value, json};

use crate::brief::render;

/// The inputs as the action `core/run` declares them.
pub(crate) fn inputs(run: &RunStep, scope: &dyn Scope) -> Result<Map<String, Value>, ActionError> {
    let words = run.command.iter().map(|word| render("command", word, scope));
    let mut inputs = Map::new();
    inputs.insert("command".to_owned(), words.collect::<Result<Vec<Value>, _>>()?.into());
    if let Some(stdin) = &run.stdin {
        inputs.insert("stdin".to_owned(), render("stdin", stdin, scope)?);
    }
    for (name, templates) in [("files", &run.files), ("env", &run.env)] {
        if !templates.is_empty() {
            inputs.insert(name.to_owned(), Value::Object(all(templates, scope)?));
        }
    }
    inputs.insert("network".to_owned(), run.network.into());
    inputs.insert("accept".to_owned(), json!(run.accept));
    inputs.insert("limits".to_owned(), limits(&run.limits));
    Ok(inputs)
}

fn all<'t>(
    templates: impl IntoIterator<Item = (&'t String, &'t Template)>,
    scope: &dyn Scope,
) -> Result<Map<String, Value>, ActionError> {
    templates.into_iter().map(|(name, template)| Ok((name.clone(), render(name, template, scope)?))).collect()
}

fn limits(limits: &RunLimits) -> Value {
    let RunLimits { memory, cpu, processes, open_files, file_size, output } = *limits;
    let cpu_ms = cpu.map(|cpu| u64::try_from(cpu.as_millis()).unwrap_or(u64::MAX));
    let pairs = [
        ("memory", memory),
        ("cpu_ms", cpu_ms),
        ("processes", processes.map(u64::from)),
        ("open_files", open_files.map(u64::from)),
        ("file_size", file_size),
        ("output", output),
    ];
    pairs.into_iter().filter_map(|(name, limit)| Some((name.to_owned(), Value::from(limit?)))).collect()
}
