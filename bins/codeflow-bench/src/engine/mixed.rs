//! All workloads at a smaller size, while many executions wait for a signal.

use anyhow::{Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use super::place::Place;
use super::rig::Rig;
use super::{Common, latency, queue, single, steps, tell};

/// Its second step waits for what never comes.
const DOCUMENT: &str = "
version: 1
name: waiting
steps:
  first: { uses: bench/nothing }
  wait: { needs: [first], wait: { event: never } }
";

/// Flags of `codeflow-bench mixed`.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    /// How many executions wait
    #[arg(long, default_value_t = 10_000)]
    waiting: u64,
    /// How many tasks run at once
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
    /// How many jobs are drained
    #[arg(long, default_value_t = 50_000)]
    jobs: u64,
    /// How many executions of five steps
    #[arg(long, default_value_t = 5_000)]
    executions: u64,
}

pub(super) async fn measure(options: &Options, place: &Place) -> Result<Value> {
    let Options { waiting, concurrency, .. } = *options;
    let rig = Rig::open(place.url()).await?;
    let version = rig.register(DOCUMENT).await?;
    tell(&format!("{waiting} executions that wait"));
    let working = rig.work(concurrency);
    rig.enqueue(&version, waiting).await?;
    rig.watch.waiting.reach(waiting, "executions that wait").await?;
    working.stop().await?;

    let queue = queue::measure_once(place, queue::Size { jobs: options.jobs, concurrency }).await?;
    let steps = steps::measure(place, steps::Size { executions: options.executions, concurrency }).await?;
    let latency = latency::measure(place, 150).await?;
    let single = single::measure(place, 100).await?;

    ensure!(rig.watch.ended.get() == 0, "an execution ended that should wait");
    rig.close()?;
    let mut line = queue.clone();
    line["workload"] = json!("mixed");
    line["waiting"] = json!(waiting);
    for (name, inner) in [("queue", queue), ("steps", steps), ("latency", latency), ("single", single)] {
        line[name] = inner;
    }
    Ok(line)
}
