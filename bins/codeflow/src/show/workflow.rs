//! What a workflow takes, does and gives.

use std::fmt::Write as _;

use anstyle::Style;
use codeflow::core::workflow::{Step, Workflow};
use serde_json::{Value, json};

use crate::show::{brief, clean, graph};

/// For people.
pub(crate) fn text(workflow: &Workflow) -> String {
    let bold = Style::new().bold();
    let dim = Style::new().dimmed();
    let mut out = format!("{bold}{}{bold:#}  {dim}version {}{dim:#}\n", workflow.name, workflow.version);
    let triggers: Vec<&str> = workflow.triggers.keys().map(String::as_str).collect();
    if !triggers.is_empty() {
        let _ = writeln!(out, "starts on {}", clean(&triggers.join(", ")));
    }
    if !workflow.inputs.is_empty() {
        let _ = writeln!(out, "\n{bold}inputs{bold:#}");
    }
    let width = workflow.inputs.keys().map(|name| name.chars().count()).max().unwrap_or_default();
    for (name, input) in &workflow.inputs {
        let default = match &input.default {
            Some(default) => format!("default {}", brief(default)),
            None => "required".to_owned(),
        };
        let about = input.description.as_deref().map(|text| format!(": {}", clean(text))).unwrap_or_default();
        let _ = writeln!(out, "  {:width$}  {}, {default}{about}", clean(name), input.value_type);
    }
    let _ = writeln!(out, "\n{bold}steps{bold:#}");
    out.push_str(&graph::text(workflow));
    if !workflow.outputs.is_empty() {
        let _ = writeln!(out, "\n{bold}outputs{bold:#}");
    }
    let width = workflow.outputs.keys().map(|name| name.chars().count()).max().unwrap_or_default();
    for (name, template) in &workflow.outputs {
        let _ = writeln!(out, "  {:width$}  {}", clean(name), brief(template.source()));
    }
    out
}

/// For programs.
pub(crate) fn json(workflow: &Workflow) -> Value {
    let inputs = workflow.inputs.iter().map(|(name, input)| {
        json!({
            "name": name,
            "type": input.value_type,
            "required": input.default.is_none(),
            "default": input.default,
            "description": input.description,
        })
    });
    let outputs: serde_json::Map<String, Value> =
        workflow.outputs.iter().map(|(name, template)| (name.clone(), template.source().clone())).collect();
    json!({
        "name": workflow.name,
        "version": workflow.version,
        "triggers": workflow.triggers,
        "inputs": inputs.collect::<Vec<_>>(),
        "steps": workflow.steps.iter().map(step).collect::<Vec<_>>(),
        "outputs": outputs,
    })
}

fn step(step: &Step) -> Value {
    json!({
        "name": step.name,
        "does": graph::does(step),
        "needs": step.needs,
        "if": step.condition.as_ref().map(|condition| condition.source()),
        "always": step.always,
        "attempts": step.retry.attempts,
        "timeout_ms": u64::try_from(step.timeout.as_millis()).unwrap_or(u64::MAX),
    })
}
