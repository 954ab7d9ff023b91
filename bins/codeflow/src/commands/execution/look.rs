//! Looking at executions. Nothing here changes anything.

use anstyle::Style;
use codeflow::engine::ExecutionFilter;
use codeflow::{Local, View};
use serde_json::{Value, json};

use super::{ListOptions, One};
use crate::Exit;
use crate::cli::Format;
use crate::commands::finish;
use crate::context::Context;
use crate::drive;
use crate::progress::Progress;
use crate::{show, terminal};

/// How many lines of a log are read at a time.
const PAGE: u32 = 500;

pub(super) async fn list(local: &Local, options: ListOptions) -> anyhow::Result<Exit> {
    let ListOptions { status, workflow, limit, format } = options;
    let filter = ExecutionFilter { workflow, status, ..ExecutionFilter::default() };
    let records = local.engine().list(filter, limit).await?;
    match format {
        Format::Json => {
            let documents: Value = records.iter().map(show::json::record).collect();
            terminal::print(&format!("{documents:#}\n"))?;
        }
        Format::Text if records.is_empty() => terminal::tell("no executions"),
        Format::Text => terminal::print(&show::execution::table(&records))?,
    }
    Ok(Exit::Success)
}

pub(super) async fn show(local: &Local, one: &One) -> anyhow::Result<Exit> {
    let view = view(local, one).await?;
    print(&view, one.format)?;
    Ok(Exit::Success)
}

fn print(view: &View, format: Format) -> std::io::Result<()> {
    match format {
        Format::Json => terminal::print(&format!("{:#}\n", show::json::view(view))),
        Format::Text => terminal::print(&show::execution::page(view)),
    }
}

pub(super) async fn logs(local: &Local, one: &One) -> anyhow::Result<Exit> {
    let id = one.id.resolve(local).await?;
    // Says so when there is no such execution.
    local.engine().get(id, Some(i64::MAX)).await?;
    let mut all = Vec::new();
    for skip in (0..).step_by(PAGE as usize) {
        let lines = local.engine().logs(id, skip, PAGE).await?;
        let is_last = lines.len() < PAGE as usize;
        all.extend(lines);
        if is_last {
            break;
        }
    }
    match one.format {
        Format::Json => {
            let line = |line: &codeflow::engine::LogLine| json!({ "at": line.at, "path": line.path, "message": line.message });
            terminal::print(&format!("{:#}\n", all.iter().map(line).collect::<Value>()))?;
        }
        Format::Text => {
            let dim = Style::new().dimmed();
            let width = all.iter().map(|line| line.path.len()).max().unwrap_or_default();
            for line in &all {
                let message = show::clean(&line.message);
                terminal::print(&format!("{dim}{}{dim:#}  {:width$}  {message}\n", line.at, line.path))?;
            }
        }
    }
    Ok(Exit::Success)
}

pub(super) async fn watch(context: &Context, local: &Local, one: &One) -> anyhow::Result<Exit> {
    let view = view(local, one).await?;
    let id = view.record.id;
    if !view.record.status.is_final() && local.is_worked_on()? == Some(false) {
        print(&view, one.format)?;
        terminal::tell(&format!("no engine is running here; `codeflow execution resume {id}` carries on"));
        return Ok(Exit::Waiting);
    }
    let ended = drive::watch(local, id, Progress::new(context.is_lively())).await?;
    if matches!(ended, drive::Ended::Interrupted) {
        return Ok(Exit::Interrupted);
    }
    Ok(finish::conclude(id, &ended, one.format)?)
}

async fn view(local: &Local, one: &One) -> anyhow::Result<View> {
    let id = one.id.resolve(local).await?;
    Ok(local.watch(id).next().await?.clone())
}
