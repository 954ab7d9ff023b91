//! Holds a call and its outcome to what the action declares. What the values mean is the action's business.

use std::io::{self, Write};

use codeflow_core::{ActionError, ActionOutcome, ActionSpec};
use serde_json::{Map, Value};

use crate::action::invalid;
use crate::fault::Fault;

/// The most that the outputs of one action may take as JSON, in bytes: 32 MiB.
pub const MAX_OUTPUT_BYTES: usize = 32 << 20;

/// Checks the inputs of a call. An optional input that is `null` counts as not given, and is removed.
pub(crate) fn check_inputs(spec: &ActionSpec, inputs: &mut Map<String, Value>) -> Result<(), ActionError> {
    inputs.retain(|name, value| {
        !(value.is_null() && spec.inputs.get(name.as_str()).is_some_and(|input| !input.required))
    });
    let mut problems = Vec::new();
    for (name, input) in &spec.inputs {
        match inputs.get(*name) {
            None if input.required => problems.push(format!("input `{name}` is missing")),
            Some(value) if !input.value_type.admits(value) => {
                problems.push(format!(
                    "input `{name}` is {}, and must be {}",
                    describe(value),
                    input.value_type
                ));
            }
            None | Some(_) => {}
        }
    }
    let unknown = inputs.keys().filter(|name| !spec.inputs.contains_key(name.as_str()));
    problems.extend(unknown.map(|name| {
        let known: Vec<&str> = spec.inputs.keys().copied().collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        format!("input `{}` is unknown; `{}` takes {known}", name.escape_debug(), spec.name)
    }));
    if problems.is_empty() { Ok(()) } else { Err(invalid(problems.join("; "))) }
}

/// Checks what an action gave, in success or in failure.
pub(crate) fn check_outcome(
    spec: &ActionSpec,
    outcome: Result<ActionOutcome, ActionError>,
) -> Result<ActionOutcome, ActionError> {
    match &outcome {
        Ok(ActionOutcome::Done(outputs)) => {
            check_shape(spec, outputs)?;
            check_size(spec, outputs)?;
        }
        Ok(ActionOutcome::Skipped(_)) => {}
        Err(error) => {
            if let Some(outputs) = &error.outputs {
                check_size(spec, outputs)?;
            }
        }
    }
    outcome
}

fn check_shape(spec: &ActionSpec, outputs: &Value) -> Result<(), ActionError> {
    let wrong =
        |what: String| Err(Fault::BadOutput.error(format!("`{}` broke its own contract: {what}", spec.name)));
    let Some(given) = outputs.as_object() else { return wrong("its outputs are not an object".to_owned()) };
    for (name, value_type) in &spec.outputs {
        match given.get(*name) {
            None => return wrong(format!("output `{name}` is missing")),
            Some(value) if !value_type.admits(value) => {
                return wrong(format!("output `{name}` is {}, and must be {value_type}", describe(value)));
            }
            Some(_) => {}
        }
    }
    match given.keys().find(|name| !spec.outputs.contains_key(name.as_str())) {
        Some(name) => wrong(format!("output `{}` is not declared", name.escape_debug())),
        None => Ok(()),
    }
}

fn check_size(spec: &ActionSpec, outputs: &Value) -> Result<(), ActionError> {
    let mut room = Room(MAX_OUTPUT_BYTES);
    serde_json::to_writer(&mut room, outputs).map_err(|_| {
        let limit = MAX_OUTPUT_BYTES >> 20;
        Fault::OutputTooLarge
            .error(format!("the outputs of `{}` are larger than {limit} MiB as JSON", spec.name))
    })
}

/// Swallows bytes until there is no room for more.
struct Room(usize);

impl Write for Room {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}
