//! Renderers: what things look like on a terminal, and as JSON.

pub(crate) mod dead_letter;
pub(crate) mod doctor;
pub(crate) mod execution;
pub(crate) mod graph;
pub(crate) mod json;
pub(crate) mod models;
pub(crate) mod problems;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod schedule;
pub(crate) mod workflow;

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use codeflow::core::Timestamp;
use codeflow::core::execution::{ExecutionStatus, StepStatus};
use serde_json::Value;

/// How much of a value is shown in a line.
const VALUE_CHARS: usize = 100;

/// Text from outside, unable to steer the terminal.
pub(crate) fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

/// A value in one line, and not more than fits there.
pub(crate) fn brief(value: &Value) -> String {
    let text = match value {
        Value::String(text) => clean(text).replace('\n', "⏎"),
        other => clean(&other.to_string()),
    };
    match text.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

/// A duration in as few letters as people need.
pub(crate) fn short(duration: Duration) -> String {
    match duration.as_millis() {
        ms @ 0..1_000 => format!("{ms}ms"),
        ms @ 1_000..60_000 => format!("{}.{}s", ms / 1_000, ms % 1_000 / 100),
        _ => codeflow::core::format_duration(Duration::from_secs(duration.as_secs())),
    }
}

/// A moment to the second, in UTC.
pub(crate) fn moment(at: Timestamp) -> String {
    at.datetime().format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A sign and a colour for the way a step stands.
pub(crate) fn step_mark(status: StepStatus) -> (&'static str, Style) {
    match status {
        StepStatus::Succeeded => ("✓", AnsiColor::Green.on_default()),
        StepStatus::Failed | StepStatus::TimedOut => ("✗", AnsiColor::Red.on_default()),
        StepStatus::Cancelled => ("✗", AnsiColor::Yellow.on_default()),
        StepStatus::Running => ("▸", AnsiColor::Cyan.on_default()),
        StepStatus::Skipped => ("–", Style::new().dimmed()),
        StepStatus::Pending | StepStatus::Ready => ("·", Style::new().dimmed()),
    }
}

/// A colour for the way an execution stands.
pub(crate) fn status_style(status: ExecutionStatus) -> Style {
    match status {
        ExecutionStatus::Succeeded => AnsiColor::Green.on_default(),
        ExecutionStatus::Failed | ExecutionStatus::TimedOut => AnsiColor::Red.on_default(),
        ExecutionStatus::Cancelled | ExecutionStatus::Paused => AnsiColor::Yellow.on_default(),
        ExecutionStatus::Queued | ExecutionStatus::Running | ExecutionStatus::Waiting => {
            AnsiColor::Cyan.on_default()
        }
    }
}
