//! Durable steps a second: executions of five trivial steps, started first, then run.

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::Common;
use super::cost::Meter;
use super::place::Place;
use super::rig::Rig;
use super::tell;
use super::times::{joined, quantiles};

/// Five steps, one after the other.
pub(super) const DOCUMENT: &str = "
version: 1
name: five
steps:
  s1: { uses: bench/nothing }
  s2: { needs: [s1], uses: bench/nothing }
  s3: { needs: [s2], uses: bench/nothing }
  s4: { needs: [s3], uses: bench/nothing }
  s5: { needs: [s4], uses: bench/nothing }
";

const STEPS: u64 = 5;

/// Flags of `codeflow-bench steps`.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    /// How many executions
    #[arg(long, default_value_t = 20_000)]
    executions: u64,
    /// How many tasks run at once
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
}

/// How much is run.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) executions: u64,
    pub(super) concurrency: usize,
}

impl Options {
    pub(super) fn size(&self) -> Size {
        Size { executions: self.executions, concurrency: self.concurrency }
    }
}

pub(super) async fn measure(place: &Place, size: Size) -> Result<Value> {
    let rig = Rig::open(place.url()).await?;
    let version = rig.register(DOCUMENT).await?;
    tell(&format!("starting {} executions", size.executions));
    rig.enqueue(&version, size.executions).await?;
    place.settle().await;

    let meter = Meter::start(place).await?;
    let working = rig.work(size.concurrency);
    rig.watch.ended.reach(size.executions, "executions").await?;
    let cost = meter.stop().await?;
    working.stop().await?;

    let fields = joined(quantiles(&rig.watch.take_times()), cost.fields(size.executions * STEPS));
    let named = json!({
        "workload": "steps", "executions": size.executions, "concurrency": size.concurrency,
    });
    rig.close()?;
    Ok(Value::Object(joined(fields, named)))
}
