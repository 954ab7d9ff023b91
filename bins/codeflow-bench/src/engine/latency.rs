//! How soon a job on an idle queue begins: put in by one engine and run by another, and both by the same one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use super::Common;
use super::cost::Meter;
use super::place::Place;
use super::rig::Rig;
use super::tell;
use super::times::{joined, quantiles};

/// The time from one job to the next.
const PERIOD: Duration = Duration::from_millis(20);

/// Jobs that are not timed.
const WARM_UP: u64 = 25;

/// Flags of `codeflow-bench latency`.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    /// How many jobs
    #[arg(long, default_value_t = 500)]
    pub(super) samples: u64,
}

pub(super) async fn measure(place: &Place, samples: u64) -> Result<Value> {
    let (enqueuer, worker) = (Rig::open(place.url()).await?, Rig::open(place.url()).await?);
    tell(&format!("{samples} jobs, one each 20 ms, put in by another engine"));
    let meter = Meter::start(place).await?;
    let apart = pickups(&enqueuer, &worker, samples).await?;
    let cost = meter.stop().await?;
    tell(&format!("{samples} jobs, one each 20 ms, put in by the same engine"));
    let together = pickups(&worker, &worker, samples).await?;
    enqueuer.close()?;
    worker.close()?;

    let fields = joined(quantiles(&apart), cost.fields(samples + WARM_UP));
    let mut line = joined(fields, json!({ "workload": "latency", "samples": samples }));
    for (name, value) in quantiles(&together) {
        line.insert(format!("in_process_{name}"), value);
    }
    Ok(Value::Object(line))
}

/// The time from before the call that puts a job in to the beginning of its action.
async fn pickups(enqueuer: &Rig, worker: &Rig, samples: u64) -> Result<Vec<Duration>> {
    let working = worker.work(32);
    let before = worker.watch.ended.get();
    let mut starts = Vec::new();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..WARM_UP + samples {
        ticks.tick().await;
        let began = Instant::now();
        starts.push((enqueuer.enqueue_noted().await?, began));
    }
    worker.watch.ended.reach(before + WARM_UP + samples, "jobs").await?;
    working.stop().await?;
    let begun = worker.actions.take_begun();
    let timed = starts.into_iter().skip(usize::try_from(WARM_UP)?);
    let time = |(execution, start): (_, Instant)| {
        let begun = begun.get(&execution).context("a job ended without having begun")?;
        Ok(begun.saturating_duration_since(start))
    };
    timed.map(time).collect()
}
