//! Checks the inputs of an execution against what its workflow takes: every problem at once.

use codeflow_core::workflow::Workflow;
use serde_json::{Map, Value};

use crate::{Error, ErrorKind};

/// Fills in defaults and checks types.
pub(crate) fn check(workflow: &Workflow, mut given: Map<String, Value>) -> Result<Value, Error> {
    let mut problems = Vec::new();
    for name in given.keys().filter(|name| !workflow.inputs.contains_key(*name)) {
        let known: Vec<_> = workflow.inputs.keys().map(|name| format!("`{name}`")).collect();
        let takes = if known.is_empty() { "it takes none".to_owned() } else { known.join(", ") };
        problems.push(format!("unknown input `{name}` (workflow `{}` takes: {takes})", workflow.name));
    }
    for (name, definition) in &workflow.inputs {
        match (given.get(name), &definition.default) {
            (Some(value), _) if definition.value_type.admits(value) => {}
            (Some(value), _) => problems.push(format!(
                "input `{name}` must be of type {}, not {}",
                definition.value_type,
                type_name(value)
            )),
            (None, Some(default)) => {
                given.insert(name.clone(), default.clone());
            }
            (None, None) => problems.push(format!("input `{name}` ({}) is missing", definition.value_type)),
        }
    }
    if problems.is_empty() {
        Ok(Value::Object(given))
    } else {
        Err(Error::new(ErrorKind::InvalidInput, problems.join("; ")))
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
