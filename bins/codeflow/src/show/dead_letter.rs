//! Dead letters: what was given up, and why. What may be a secret is taken out.

use std::fmt::Write as _;

use anstyle::Style;
use codeflow::core::redact;
use codeflow::engine::{DeadLetter, LetterOwner, QuarantinedTask, Work};
use serde_json::{Value, json};

use super::{brief, clean, moment};

/// Many of them, a line each.
pub(crate) fn table(letters: &[QuarantinedTask]) -> String {
    let mut out = String::new();
    for letter in letters {
        let _ = writeln!(
            out,
            "{}  {}  {}  {}  {}",
            letter.id,
            moment(letter.since),
            owner(letter),
            work(&letter.work),
            why(letter),
        );
    }
    out
}

/// One of them.
pub(crate) fn text(letter: &DeadLetter) -> String {
    let dim = Style::new().dimmed();
    let task = &letter.task;
    let mut out = format!("{}\n", task.id);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "  {dim}{name:10}{dim:#} {value}");
    };
    line("since", &moment(task.since));
    line("of", &owner(task));
    line("work", &work(&task.work));
    line("why", &why(task));
    match &letter.owner {
        LetterOwner::Execution(Some(record)) => {
            line("workflow", record.workflow.as_str());
            line("status", record.status.as_str());
        }
        LetterOwner::Execution(None) => line("workflow", "the execution does not exist"),
        LetterOwner::Job { uses, inputs } => {
            line("action", uses.as_ref().map_or("unreadable", |uses| uses.as_str()));
            for (name, value) in inputs.as_object().into_iter().flatten() {
                line(&clean(name), &brief(value));
            }
        }
    }
    out
}

/// One of them, for programs.
pub(crate) fn json(letter: &DeadLetter) -> Value {
    let mut document = task_json(&letter.task);
    match &letter.owner {
        LetterOwner::Execution(record) => {
            document["workflow"] = record.as_ref().map(|record| record.workflow.to_string()).into();
            document["status"] = record.as_ref().map(|record| record.status.as_str()).into();
        }
        LetterOwner::Job { uses, inputs } => {
            document["action"] = uses.as_ref().map(ToString::to_string).into();
            document["inputs"] = inputs.clone();
        }
    }
    document
}

/// A task without what it belongs to.
pub(crate) fn task_json(task: &QuarantinedTask) -> Value {
    let is_job = matches!(task.work, Work::Job(_));
    let owner = task.execution.to_string();
    json!({
        "id": task.id.to_string(),
        "execution": (!is_job).then_some(&owner),
        "job": is_job.then(|| self::owner(task)),
        "work": work(&task.work),
        "deaths": task.deaths,
        "reason": task.reason.as_deref().map(redact),
        "since": task.since.to_string(),
    })
}

fn owner(task: &QuarantinedTask) -> String {
    match task.work {
        Work::Job(_) => codeflow::core::JobId::from_uuid(task.execution.uuid()).to_string(),
        Work::Attempt(_)
        | Work::Expire(_)
        | Work::Deadline
        | Work::Inbox
        | Work::Answer
        | Work::Compensate(_)
        | Work::Recall(_) => task.execution.to_string(),
    }
}

fn work(work: &Work) -> String {
    match work {
        Work::Attempt(path) => format!("step {path}"),
        Work::Expire(step) => format!("the end of the wait of {step}"),
        Work::Deadline => "the deadline".to_owned(),
        Work::Inbox => "messages".to_owned(),
        Work::Job(_) => "a job".to_owned(),
        Work::Answer => "the answer to its caller".to_owned(),
        Work::Recall(path) => format!("the recall of {path}"),
        Work::Compensate(step) => format!("undoing {step}"),
    }
}

fn why(task: &QuarantinedTask) -> String {
    match &task.reason {
        Some(reason) => clean(&redact(reason)).replace('\n', "⏎"),
        None => format!("{} workers died of it", task.deaths),
    }
}
