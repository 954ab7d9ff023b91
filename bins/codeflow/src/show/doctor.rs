//! What the doctor found.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use codeflow::core::TaskId;
use codeflow::engine::{Disorder, Examination, Finding};
use serde_json::{Value, json};

/// For people: each kind with the first of it, and what to do.
pub(crate) fn text(examination: &Examination, repaired: &[TaskId], count: usize) -> String {
    let (red, green, dim) =
        (AnsiColor::Red.on_default(), AnsiColor::Green.on_default(), Style::new().dimmed());
    if examination.is_sound() {
        return format!("{green}everything is in order{green:#}\n");
    }
    let mut out = String::new();
    for (disorder, total) in examination.counts() {
        let _ = writeln!(out, "{red}{}{red:#}: {total}, {}", disorder.name(), disorder.meaning());
        for finding in examination.of(disorder, count) {
            let _ = writeln!(out, "  {}{}", finding.subject, of(finding));
        }
        if total > count {
            let _ = writeln!(out, "  {dim}and {} more{dim:#}", total - count);
        }
        let _ = writeln!(out, "  {dim}what to do: {}{dim:#}", disorder.remedy());
    }
    for task in repaired {
        let _ = writeln!(out, "{green}put back{green:#} {task}");
    }
    out
}

fn of(finding: &Finding) -> String {
    match finding.execution {
        Some(execution) if finding.disorder != Disorder::StuckExecution => format!(" of {execution}"),
        Some(_) | None => String::new(),
    }
}

/// For programs: everything.
pub(crate) fn json(examination: &Examination, repaired: &[TaskId]) -> Value {
    let counts = examination.counts();
    let kinds = counts.iter().map(|(disorder, count)| {
        json!({
            "kind": disorder.name(),
            "count": count,
            "meaning": disorder.meaning(),
            "remedy": disorder.remedy(),
        })
    });
    let findings = examination.findings.iter().map(|finding| {
        json!({
            "kind": finding.disorder.name(),
            "subject": finding.subject,
            "execution": finding.execution.map(|id| id.to_string()),
            "task": finding.task.map(|id| id.to_string()),
        })
    });
    json!({
        "sound": examination.is_sound(),
        "violations": kinds.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
        "repaired": repaired.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
