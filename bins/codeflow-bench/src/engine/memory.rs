//! The memory of one worker with many executions in flight.

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};

use super::cost::{Meter, memory};
use super::place::Place;
use super::rig::Rig;
use super::times::{joined, rounded};
use super::{Common, tell};

/// One step, which holds until all are there.
const DOCUMENT: &str = "version: 1\nname: gate\nsteps: { gate: { uses: bench/gate } }\n";

/// Flags of `codeflow-bench memory`.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    /// How many executions
    #[arg(long, default_value_t = 10_000)]
    executions: u64,
}

pub(super) async fn measure(options: &Options, place: &Place) -> Result<Value> {
    let executions = options.executions;
    let rig = Rig::open(place.url()).await?;
    let version = rig.register(DOCUMENT).await?;
    tell(&format!("starting {executions} executions"));
    rig.enqueue(&version, executions).await?;
    let (_, before) = memory().context("this system does not tell the memory of a process")?;

    let meter = Meter::start(place).await?;
    let working = rig.work(usize::try_from(executions)?);
    rig.actions.gate.waiting.reach(executions, "executions in flight").await?;
    let (_, during) = memory().context("no memory")?;
    rig.actions.gate.open();
    rig.watch.ended.reach(executions, "executions").await?;
    let cost = meter.stop().await?;
    working.stop().await?;

    let (peak, after) = memory().context("no memory")?;
    rig.close()?;
    let Value::Object(fields) = cost.fields(executions) else { return Ok(Value::Null) };
    let line = json!({
        "workload": "memory",
        "peak_rss_mb": peak,
        "before_rss_mb": before,
        "in_flight_rss_mb": during,
        "after_rss_mb": after,
        "kb_per_execution": rounded((during - before) * 1e3 / executions as f64),
    });
    Ok(Value::Object(joined(fields, line)))
}
