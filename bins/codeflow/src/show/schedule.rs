//! Schedules: their times, as the clock in their own zone shows them.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use codeflow::core::Timestamp;
use codeflow::core::schedule::Schedule;
use codeflow::engine::{ScheduleRecord, SlotOutcome};
use serde_json::{Value, json};

/// Many of them, a line each.
pub(crate) fn table(records: &[ScheduleRecord]) -> String {
    let workflow = records.iter().map(|record| record.workflow.as_str().len()).max().unwrap_or_default();
    let times = records.iter().map(|record| times(&record.schedule).len()).max().unwrap_or_default();
    let mut out = String::new();
    for record in records {
        let line = format!(
            "{}  {:workflow$}  {:times$}  {}{}",
            record.id,
            record.workflow.as_str(),
            self::times(&record.schedule),
            state(record),
            last(record),
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    out
}

fn state(record: &ScheduleRecord) -> String {
    let yellow = AnsiColor::Yellow.on_default();
    match (record.enabled, record.next_at) {
        (false, _) => format!("{yellow}paused{yellow:#}"),
        (true, Some(next)) => format!("next {}", record.schedule.timezone.show(next)),
        (true, None) => "never again".to_owned(),
    }
}

fn last(record: &ScheduleRecord) -> String {
    let Some((slot, outcome)) = record.last else { return String::new() };
    let style = match outcome {
        SlotOutcome::Pending | SlotOutcome::Started => Style::new().dimmed(),
        SlotOutcome::Skipped | SlotOutcome::Missed => AnsiColor::Yellow.on_default(),
        SlotOutcome::Failed => AnsiColor::Red.on_default(),
    };
    format!(", {style}last {} {outcome}{style:#}", record.schedule.timezone.show(slot))
}

fn times(schedule: &Schedule) -> String {
    format!("{} {}", schedule.cron, schedule.timezone)
}

/// The next times of many.
pub(crate) fn next(records: &[ScheduleRecord], now: Timestamp, count: usize) -> String {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let mut out = String::new();
    for record in records {
        let paused = if record.enabled { "" } else { "  paused" };
        let times = times(&record.schedule);
        let _ =
            writeln!(out, "{bold}{}{bold:#}  {times}  {dim}{}{dim:#}{paused}", record.workflow, record.id);
        for slot in slots(record, now, count) {
            let _ = writeln!(out, "  {}", record.schedule.timezone.show(slot));
        }
    }
    out
}

/// What it waits for and what follows. A paused schedule waits for nothing that has gone by.
fn slots(record: &ScheduleRecord, now: Timestamp, count: usize) -> Vec<Timestamp> {
    let first = if record.enabled { record.next_at } else { record.schedule.next(now) };
    std::iter::successors(first, |slot| record.schedule.next(*slot)).take(count).collect()
}

/// The times of a workflow that is not kept yet, a line each.
pub(crate) fn upcoming(schedules: &[Schedule], now: Timestamp, count: usize) -> String {
    let mut out = String::new();
    for schedule in schedules {
        let slots: Vec<String> =
            schedule.upcoming(now).take(count).map(|slot| schedule.timezone.show(slot)).collect();
        let _ = writeln!(out, "  {}: next {}", times(schedule), slots.join(", "));
    }
    out
}

/// A schedule for programs. The names of the fields never change.
pub(crate) fn json(record: &ScheduleRecord) -> Value {
    json!({
        "id": record.id,
        "workflow": record.workflow,
        "version": record.version,
        "cron": record.schedule.cron.to_string(),
        "timezone": record.schedule.timezone.to_string(),
        "catch_up": record.schedule.catch_up.to_string(),
        "overlap": record.schedule.overlap,
        "enabled": record.enabled,
        "next_at": record.next_at,
        "last_slot": record.last.map(|(slot, _)| slot),
        "last_outcome": record.last.map(|(_, outcome)| outcome.as_str()),
    })
}

/// The next times of one for programs.
pub(crate) fn next_json(record: &ScheduleRecord, now: Timestamp, count: usize) -> Value {
    json!({
        "id": record.id,
        "workflow": record.workflow,
        "enabled": record.enabled,
        "slots": slots(record, now, count),
    })
}
