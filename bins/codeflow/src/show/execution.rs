//! An execution for people: where it stands, its steps, and what it gave.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use codeflow::core::execution::{ExecutionStatus, Pause, Settled, StepStatus};
use codeflow::core::workflow::{Step, StepKind};
use codeflow::engine::ExecutionRecord;
use codeflow::{Phase, StepView, View};
use serde_json::Value;

use crate::show::{brief, clean, moment, short, status_style, step_mark};

/// Many of them, a line each.
pub(crate) fn table(records: &[ExecutionRecord]) -> String {
    let width = records.iter().map(|record| record.workflow.as_str().len()).max().unwrap_or_default();
    let mut out = String::new();
    for record in records {
        let style = status_style(record.status);
        let took = took(record).unwrap_or_default();
        let _ = writeln!(
            out,
            "{}  {:width$}  {style}{:9}{style:#}  {}  {took}",
            record.id,
            record.workflow.as_str(),
            record.status.as_str(),
            moment(record.created_at),
        );
    }
    out
}

/// One of them, with its steps.
pub(crate) fn page(view: &View) -> String {
    let View { record, .. } = view;
    let bold = Style::new().bold();
    let mut out = head(record);
    if let Some(caller) = view.caller() {
        let _ = writeln!(out, "called by {}, step {}", caller.execution, caller.path);
    }
    let _ = writeln!(out, "\n{bold}steps{bold:#}");
    let width = view.workflow.steps.iter().map(|step| step.name.as_str().len()).max().unwrap_or_default();
    for step in view.steps() {
        let _ = writeln!(out, "  {}", step_line(&step, width));
    }
    out.push_str(&fields("inputs", &record.inputs));
    if let Some(outputs) = &record.outputs {
        out.push_str(&fields("outputs", outputs));
    }
    if let Some(error) = &record.error {
        let red = AnsiColor::Red.on_default().bold();
        let _ = writeln!(out, "\n{red}error{red:#}: {} [{}]", clean(&error.message), error.code);
    }
    out
}

fn head(record: &ExecutionRecord) -> String {
    let bold = Style::new().bold();
    let style = status_style(record.status);
    let mut out =
        format!("{bold}{}{bold:#}  {}  {style}{}{style:#}\n", record.id, record.workflow, record.status);
    let again = match record.generation {
        0 => String::new(),
        1 => ", retried once".to_owned(),
        times => format!(", retried {times} times"),
    };
    let took = took(record).map(|took| format!(", took {took}")).unwrap_or_default();
    let _ = writeln!(out, "begun {} UTC{took}{again}", moment(record.created_at));
    out
}

fn took(record: &ExecutionRecord) -> Option<String> {
    Some(short(record.finished_at?.since(record.started_at.unwrap_or(record.created_at))))
}

/// A step in a line: sign, name, and where it stands.
pub(crate) fn step_line(view: &StepView<'_>, width: usize) -> String {
    let dim = Style::new().dimmed();
    let status = match view.phase {
        Phase::Pending => StepStatus::Pending,
        Phase::Running { .. } | Phase::Retrying { .. } | Phase::Waiting { .. } | Phase::Calling => {
            StepStatus::Running
        }
        Phase::Quarantined => StepStatus::Failed,
        Phase::Settled(settled) => settled.status,
    };
    let (mark, style) = step_mark(status);
    let items = view.iterations.map(|(done, all)| format!(" ({done} of {all})")).unwrap_or_default();
    let about = match view.phase {
        Phase::Pending => format!("{dim}pending{dim:#}"),
        Phase::Running { attempt: 1 } => "running".to_owned(),
        Phase::Running { attempt } => format!("running, attempt {attempt}"),
        Phase::Retrying { attempt } => format!("pausing before attempt {attempt}"),
        Phase::Waiting { .. } => waits_for(view.step),
        Phase::Calling => format!("waits for {}", called(view)),
        Phase::Quarantined => "put aside: workers died of it".to_owned(),
        Phase::Settled(settled) => ended(view, settled),
    };
    let line = format!("{style}{mark}{style:#} {:width$}  {about}{items}", view.step.name.as_str());
    line.trim_end().to_owned()
}

/// What a step called: the execution, or how many there are.
fn called(view: &StepView<'_>) -> String {
    match view.called.as_slice() {
        [one] => one.to_string(),
        many => format!("{} executions", many.len()),
    }
}

/// How a step ended: the attempt if it is not the first, the reason if there is one, the model if one was asked, and the
/// time it took.
fn ended(view: &StepView<'_>, settled: &Settled) -> String {
    let mut words = Vec::new();
    if settled.status != StepStatus::Succeeded {
        let reason = settled.error.as_ref().map(|error| format!(": {}", clean(&error.message)));
        words.push(format!("{}{}", settled.status, reason.unwrap_or_default()));
    }
    if let Some(asked) = view.asked() {
        words.push(clean(&asked.to_string()));
    }
    if !view.called.is_empty() {
        words.push(called(view));
    }
    if settled.attempt > 1 {
        words.push(format!("attempt {}", settled.attempt));
    }
    if let Some(began) = settled.began.filter(|_| settled.status != StepStatus::Skipped) {
        let dim = Style::new().dimmed();
        words.push(format!("{dim}{}{dim:#}", short(settled.ended.since(began))));
    }
    if let Some(undone) = view.compensated {
        words.push(match &undone.error {
            None => "undone".to_owned(),
            Some(error) => format!("could not be undone: {}", clean(&error.message)),
        });
    }
    words.join("  ")
}

fn waits_for(step: &Step) -> String {
    match &step.kind {
        StepKind::Approval { .. } => "waits for an approval".to_owned(),
        StepKind::Wait { event, .. } => format!("waits for the signal `{}`", clean(event)),
        StepKind::Sleep { duration } => format!("sleeps for {}", codeflow::core::format_duration(*duration)),
        StepKind::Action { .. } | StepKind::Workflow { .. } | StepKind::Run { .. } => "waits".to_owned(),
    }
}

/// An object, a line for each field.
pub(crate) fn fields(title: &str, value: &Value) -> String {
    let bold = Style::new().bold();
    let Some(fields) = value.as_object().filter(|fields| !fields.is_empty()) else { return String::new() };
    let width = fields.keys().map(|name| name.chars().count()).max().unwrap_or_default();
    let mut out = format!("\n{bold}{title}{bold:#}\n");
    for (name, value) in fields {
        let _ = writeln!(out, "  {:width$}  {}", clean(name), brief(value));
    }
    out
}

/// How an execution ended, in a line.
pub(crate) fn verdict(record: &ExecutionRecord) -> String {
    let style = status_style(record.status);
    let took = took(record).map(|took| format!(" in {took}")).unwrap_or_default();
    let what = match record.status {
        ExecutionStatus::TimedOut => "timed out",
        other => other.as_str(),
    };
    format!("{} {style}{what}{style:#}{took}", record.id)
}

/// What somebody can do about the steps that wait.
pub(crate) fn invitations(view: &View) -> String {
    let id = view.record.id;
    if view.is_held() {
        let (why, how) = match view.pause() {
            Some(Pause { by, reason }) if by == Pause::BUDGET => (reason.as_deref(), " --budget DOLLARS"),
            pause => (pause.and_then(|pause| pause.reason.as_deref()), ""),
        };
        let why = why.map(|why| format!(" ({})", clean(why))).unwrap_or_default();
        return format!("{id} is paused{why}; `codeflow execution resume {id}{how}` lets it go on");
    }
    let mut out = format!("{id} waits\n");
    for step in view.waits_for_somebody() {
        let command = match &step.kind {
            StepKind::Approval { .. } => format!("codeflow execution approve {id} {}", step.name),
            StepKind::Wait { event, .. } => format!("codeflow execution signal {id} {}", clean(event)),
            StepKind::Action { .. }
            | StepKind::Workflow { .. }
            | StepKind::Run { .. }
            | StepKind::Sleep { .. } => {
                continue;
            }
        };
        let _ = writeln!(out, "  {} {}: {command}", step.name, waits_for(step));
    }
    for other in view.waits_for_others() {
        let _ = writeln!(out, "  for {other}, which waits too: codeflow execution show {other}");
    }
    out
}
