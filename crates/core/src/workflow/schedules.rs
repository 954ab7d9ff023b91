//! Reading the schedules among the triggers of a document.

use indexmap::IndexMap;
use serde_json::Value;

use super::context::Context;
use super::node::{Content, Entry, Node};
use super::problem::{ProblemCode, listed, shown};
use super::shape::{CATCH_UP, SCHEDULE};
use super::{InputDef, Limits};
use crate::Location;
use crate::schedule::{CatchUp, Schedule, Timezone};

/// Reads the schedules in `on`, each with its place.
pub(super) fn read(on: &Node, ctx: &mut Context<'_>) -> Vec<(Location, Schedule)> {
    let names = match &on.content {
        Content::Map(entries) => {
            let entry = entries.iter().find(|entry| entry.key == "schedule");
            return entry.map(|entry| settings(entry, ctx)).unwrap_or_default();
        }
        Content::List(items) => items.as_slice(),
        Content::Broken | Content::Scalar(_) => std::slice::from_ref(on),
    };
    let schedule = Value::from("schedule");
    for name in
        names.iter().filter(|name| matches!(&name.content, Content::Scalar(text) if *text == schedule))
    {
        no_times(name.at, ctx);
    }
    Vec::new()
}

fn no_times(at: Location, ctx: &mut Context<'_>) {
    let hint = "write `on: { schedule: { cron: \"0 6 * * 1-5\" } }`";
    ctx.report.add(ProblemCode::MissingKey, at, "`schedule` needs the key `cron`", hint);
}

fn settings(entry: &Entry, ctx: &mut Context<'_>) -> Vec<(Location, Schedule)> {
    let nodes = match &entry.value.content {
        Content::List(items) if items.len() > Limits::SCHEDULES => {
            let message = format!("{} schedules are more than {}", items.len(), Limits::SCHEDULES);
            let hint = "one expression can name many times: `0 6,12,18 * * *`";
            ctx.report.add(ProblemCode::Limit, items[Limits::SCHEDULES].at, message, hint);
            return Vec::new();
        }
        Content::List(items) if !items.is_empty() => items.as_slice(),
        Content::List(_) | Content::Scalar(Value::Null) => {
            no_times(entry.value.at, ctx);
            return Vec::new();
        }
        // The triggers have complained already.
        Content::Broken | Content::Scalar(_) => return Vec::new(),
        Content::Map(_) => std::slice::from_ref(&entry.value),
    };
    let mut found: Vec<(Location, Schedule)> = Vec::new();
    for node in nodes {
        let Some(schedule) = one(node, ctx) else { continue };
        let twin = |(_, other): &(Location, Schedule)| {
            other.cron == schedule.cron && other.timezone == schedule.timezone
        };
        if found.iter().any(twin) {
            let message = format!("`{}` is there twice", schedule.cron);
            ctx.report.add(ProblemCode::Conflict, node.at, message, "leave one of them out");
        } else {
            found.push((node.at, schedule));
        }
    }
    found
}

fn one(node: &Node, ctx: &mut Context<'_>) -> Option<Schedule> {
    let fields = ctx.fields(node, node.at, &SCHEDULE)?;
    let timezone = match fields.get("timezone") {
        Some(node) => timezone(node, ctx),
        None => Some(Timezone::UTC),
    };
    let catch_up = fields.get("catch_up").and_then(|node| catch_up(node, ctx)).unwrap_or_default();
    let overlap = fields.get("overlap").and_then(|node| ctx.choice(node)).unwrap_or_default();
    let cron = fields.get("cron").and_then(|node| {
        let text = ctx.text(node, "a cron expression such as `0 6 * * 1-5`")?;
        let cron = text.parse();
        cron.map_err(|error: crate::schedule::InvalidCron| {
            ctx.bad_value(node.at, error.to_string(), error.hint)
        })
        .ok()
    });
    Some(Schedule { catch_up, overlap, ..Schedule::new(cron?, timezone?) })
}

fn timezone(node: &Node, ctx: &mut Context<'_>) -> Option<Timezone> {
    let text = ctx.text(node, "the name of a time zone such as `Europe/Berlin`")?;
    let zone = text.parse();
    zone.map_err(|error: crate::schedule::InvalidTimezone| {
        let usual = || "write a name of the IANA database, such as `Europe/Berlin` or `UTC`".to_owned();
        let hint = ctx.report.did_you_mean(text, Timezone::names(), usual);
        ctx.bad_value(node.at, error.to_string(), hint);
    })
    .ok()
}

fn catch_up(node: &Node, ctx: &mut Context<'_>) -> Option<CatchUp> {
    if matches!(node.content, Content::Map(_)) {
        let fields = ctx.fields(node, node.at, &CATCH_UP)?;
        return ctx.whole(fields.get("all")?, 1..=CatchUp::MOST).map(|limit| CatchUp::All { limit });
    }
    let names = ["none", "latest", "all"];
    let text = ctx.text(node, "`none`, `latest`, `all` or `{ all: 100 }`")?;
    if names.contains(&text) {
        return text.parse().ok();
    }
    let message = format!("`{}` is not one of {}", shown(text), listed(names));
    let hint = ctx.report.did_you_mean(text, names, || "write `{ all: 100 }` for a limit".to_owned());
    ctx.bad_value(node.at, message, hint);
    None
}

/// Nobody is there to give inputs when the time comes.
pub(super) fn check(
    schedules: &[(Location, Schedule)],
    inputs: &IndexMap<String, InputDef>,
    ctx: &mut Context<'_>,
) {
    let Some((at, _)) = schedules.first() else { return };
    for (name, _) in inputs.iter().filter(|(_, input)| input.default.is_none()) {
        let message = format!("a schedule cannot give the input `{}`, which has no default", shown(name));
        ctx.report.add(ProblemCode::Conflict, *at, message, "give the input a default");
    }
}
