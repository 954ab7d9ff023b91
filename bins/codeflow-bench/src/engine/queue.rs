//! Jobs that do nothing, put in together and then drained by one process; again after many have finished, and while a
//! transaction holds an old snapshot.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use codeflow_core::workflow::VersionId;
use serde_json::{Map, Value, json};

use super::Common;
use super::cost::{Cost, Meter};
use super::place::{Place, connect};
use super::rig::Rig;
use super::tell;
use super::times::{joined, quantiles, rounded};

/// One step that does nothing.
pub(super) const DOCUMENT: &str = "version: 1\nname: job\nsteps: { work: { uses: bench/nothing } }\n";

/// How many jobs are put in at once where they are not measured.
const PORTION: u64 = 20_000;

/// Flags of `codeflow-bench queue`.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(super) common: Common,
    /// How many jobs
    #[arg(long, default_value_t = 200_000)]
    jobs: u64,
    /// How many of them run at once
    #[arg(long, default_value_t = 32)]
    concurrency: usize,
    /// Measure once more after so many other jobs have finished in the same database
    #[arg(long)]
    finished: Option<u64>,
    /// Measure once more after, and while, another connection has held a snapshot for so many seconds under load
    #[arg(long, value_name = "SECONDS")]
    hold_snapshot: Option<u64>,
}

/// How much is drained.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub(super) jobs: u64,
    pub(super) concurrency: usize,
}

/// What a drain came to.
struct Drained {
    cost: Cost,
    fields: Map<String, Value>,
}

pub(super) async fn measure(options: &Options, place: &Place) -> Result<Value> {
    let size = Size { jobs: options.jobs, concurrency: options.concurrency };
    let rig = Rig::open(place.url()).await?;
    let version = rig.register(DOCUMENT).await?;
    let fresh = drain(&rig, place, &version, size).await?;
    let mut line = fresh.fields.clone();
    if let Some(finished) = options.finished {
        burn(&rig, &version, Size { jobs: finished, ..size }).await?;
        let again = drain(&rig, place, &version, size).await?;
        line.insert(
            "after_finished".to_owned(),
            compared(&fresh, again, size.jobs, json!({ "finished": finished })),
        );
    }
    if let Some(seconds) = options.hold_snapshot {
        let again = with_snapshot(&rig, place, &version, (size, seconds)).await?;
        line.insert(
            "held_snapshot".to_owned(),
            compared(&fresh, again, size.jobs, json!({ "held_s": seconds })),
        );
    }
    rig.close()?;
    Ok(Value::Object(line))
}

/// Drains once, in a rig of its own.
pub(super) async fn measure_once(place: &Place, size: Size) -> Result<Value> {
    let rig = Rig::open(place.url()).await?;
    let version = rig.register(DOCUMENT).await?;
    let drained = drain(&rig, place, &version, size).await?;
    rig.close()?;
    Ok(Value::Object(drained.fields))
}

/// Puts the jobs in, then starts the worker; both are measured, each by itself.
async fn drain(rig: &Rig, place: &Place, version: &VersionId, size: Size) -> Result<Drained> {
    let Size { jobs, concurrency } = size;
    tell(&format!("putting in {jobs} jobs"));
    let meter = Meter::start(place).await?;
    rig.enqueue(version, jobs).await?;
    let put = meter.stop().await?;
    place.settle().await;

    rig.watch.take_times();
    let wanted = rig.watch.ended.get() + jobs;
    let meter = Meter::start(place).await?;
    let working = rig.work(concurrency);
    rig.watch.ended.reach(wanted, "jobs").await?;
    let cost = meter.stop().await?;
    working.stop().await?;

    let fields = joined(quantiles(&rig.watch.take_times()), cost.fields(jobs));
    let mut fields = joined(fields, json!({ "workload": "queue", "concurrency": concurrency }));
    let Value::Object(put) = put.fields(jobs) else { return Ok(Drained { cost, fields }) };
    let wanted = [
        "jobs_per_s",
        "cpu_us_per_job",
        "client_cpu_us_per_job",
        "server_cpu_us_per_job",
        "wal_bytes_per_job",
    ];
    fields.extend(
        put.into_iter()
            .filter(|(name, _)| wanted.contains(&name.as_str()))
            .map(|(name, value)| (format!("enqueue_{name}"), value)),
    );
    Ok(Drained { cost, fields })
}

/// Runs jobs that nobody measures.
async fn burn(rig: &Rig, version: &VersionId, size: Size) -> Result<()> {
    tell(&format!("{} jobs that are not measured", size.jobs));
    let working = rig.work(size.concurrency);
    let mut left = size.jobs;
    while left > 0 {
        let portion = left.min(PORTION);
        let wanted = rig.watch.ended.get() + portion;
        rig.enqueue(version, portion).await?;
        rig.watch.ended.reach(wanted, "jobs that are not measured").await?;
        left -= portion;
    }
    working.stop().await
}

/// Holds a snapshot, runs jobs for so many seconds, and then measures.
async fn with_snapshot(rig: &Rig, place: &Place, version: &VersionId, load: (Size, u64)) -> Result<Drained> {
    let (size, seconds) = load;
    place.sql().context("only PostgreSQL has snapshots that stand in the way")?;
    let (client, _tasks) = connect(place.url()).await?;
    client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM task").await?;
    tell(&format!("a snapshot is held for {seconds} s under load"));
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        burn(rig, version, Size { jobs: PORTION.min(size.jobs), ..size }).await?;
    }
    let drained = drain(rig, place, version, size).await?;
    client.batch_execute("COMMIT").await?;
    Ok(drained)
}

/// The fields of a later drain, with how many times the first one's time and processor time it took.
fn compared(fresh: &Drained, again: Drained, jobs: u64, with: Value) -> Value {
    let ratios = json!({
        "time_ratio": rounded(fresh.cost.per_second(jobs) / again.cost.per_second(jobs)),
        "cpu_ratio": rounded(again.cost.cpu_us(jobs) / fresh.cost.cpu_us(jobs)),
    });
    let mut fields = joined(joined(again.fields, ratios), with);
    fields.remove("workload");
    Value::Object(fields)
}
