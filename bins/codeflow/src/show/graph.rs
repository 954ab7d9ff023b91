//! The steps of a workflow and what each one needs, as text, for Mermaid, or for Graphviz.

use std::collections::HashMap;
use std::fmt::Write as _;

use codeflow::core::workflow::{Step, StepKind, StepName, Workflow};

/// What a step does, in a word or two.
pub(crate) fn does(step: &Step) -> String {
    match &step.kind {
        StepKind::Action { uses, .. } => uses.to_string(),
        StepKind::Workflow { uses, .. } => format!("workflow/{uses}"),
        StepKind::Run { .. } => "run".to_owned(),
        StepKind::Approval { .. } => "approval".to_owned(),
        StepKind::Wait { event, .. } => format!("wait for {event}"),
        StepKind::Sleep { duration } => format!("sleep {}", codeflow::core::format_duration(*duration)),
    }
}

/// One line a step, in the order in which they can run; those with the same number may run together.
pub(crate) fn text(workflow: &Workflow) -> String {
    let ranks = ranks(workflow);
    let names = workflow.steps.iter().map(|step| step.name.as_str().len()).max().unwrap_or_default();
    let kinds = workflow.steps.iter().map(|step| does(step).chars().count()).max().unwrap_or_default();
    let mut steps: Vec<&Step> = workflow.steps.iter().collect();
    steps.sort_by_key(|step| ranks.get(&step.name));
    let mut out = String::new();
    let mut last = 0;
    for step in steps {
        let rank = ranks.get(&step.name).copied().unwrap_or_default();
        let number = if rank == last { String::new() } else { rank.to_string() };
        last = rank;
        let after =
            if step.needs.is_empty() { String::new() } else { format!("after {}", listed(&step.needs)) };
        let line = format!("{number:>3}  {:names$}  {:kinds$}  {after}", step.name.as_str(), does(step));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

/// A flowchart for Mermaid.
pub(crate) fn mermaid(workflow: &Workflow) -> String {
    let mut out = "flowchart TD\n".to_owned();
    for (index, step) in workflow.steps.iter().enumerate() {
        let _ = writeln!(out, "  s{index}[\"{}<br/>{}\"]", step.name, quoted(&does(step)));
    }
    for (from, to) in edges(workflow) {
        let _ = writeln!(out, "  s{from} --> s{to}");
    }
    out
}

/// A graph for Graphviz.
pub(crate) fn dot(workflow: &Workflow) -> String {
    let mut out = format!("digraph \"{}\" {{\n  node [shape=box];\n", workflow.name);
    for (index, step) in workflow.steps.iter().enumerate() {
        let _ = writeln!(out, "  s{index} [label=\"{}\\n{}\"];", step.name, quoted(&does(step)));
    }
    for (from, to) in edges(workflow) {
        let _ = writeln!(out, "  s{from} -> s{to};");
    }
    out.push_str("}\n");
    out
}

/// Names of events are free text; everything else in a label is made of plain letters.
fn quoted(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() || matches!(c, '"' | '\\' | '<' | '>') { '_' } else { c })
        .collect()
}

fn edges(workflow: &Workflow) -> Vec<(usize, usize)> {
    let places: HashMap<&StepName, usize> =
        workflow.steps.iter().enumerate().map(|(index, step)| (&step.name, index)).collect();
    let needs = workflow
        .steps
        .iter()
        .enumerate()
        .flat_map(|(to, step)| step.needs.iter().map(move |need| (need, to)));
    needs.filter_map(|(need, to)| Some((*places.get(need)?, to))).collect()
}

/// How many steps, itself included, are on the longest way to each step.
fn ranks(workflow: &Workflow) -> HashMap<StepName, usize> {
    let mut ranks = HashMap::new();
    // Each step comes after all of its needs.
    for step in &workflow.steps {
        let before = step.needs.iter().filter_map(|need| ranks.get(need)).max().copied().unwrap_or(0);
        ranks.insert(step.name.clone(), before + 1);
    }
    ranks
}

fn listed(names: &[StepName]) -> String {
    names.iter().map(StepName::as_str).collect::<Vec<_>>().join(", ")
}
