//! What durable work costs: the workloads, each measured between two runs of `pgbench` and printed as one line of JSON.

mod actions;
mod cost;
mod counter;
mod latency;
mod memory;
mod mixed;
mod pgbench;
mod place;
mod postgres;
mod profile;
mod queue;
mod rig;
mod single;
mod steps;
mod times;

use anyhow::Result;
use clap::{ArgAction, Args, Subcommand};
use serde_json::Value;

use pgbench::{Figures, Yardstick};
use place::Place;

/// What is measured.
#[derive(Subcommand)]
pub(crate) enum Workload {
    /// Jobs that do nothing: put in together, then drained by one process
    Queue(queue::Options),
    /// Executions of five durable steps, many at once; `jobs_per_s` counts the steps
    Steps(steps::Options),
    /// From the call that starts a job on an idle queue to its action, in another engine
    Latency(latency::Options),
    /// One execution of five durable steps alone, from the call to its end
    Single(single::Options),
    /// All of the above at a smaller size, while many executions wait for a signal
    Mixed(mixed::Options),
    /// Many executions in flight at once in one worker, and the memory that takes
    Memory(memory::Options),
}

/// Flags of every workload.
#[derive(Args, Clone)]
pub(crate) struct Common {
    /// `postgres://…` of somebody who may create databases, or the path of an SQLite file; without it a server is
    /// started for this run
    #[arg(long)]
    database_url: Option<String>,
    /// Measure in that very database, not in a new one beside it
    #[arg(long, requires = "database_url")]
    in_place: bool,
    /// Start a PostgreSQL server for this run, which is also what happens without `--database-url`
    #[arg(long, conflicts_with = "database_url")]
    scratch: bool,
    /// Run `pgbench` before and after, if it is installed
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    pgbench: bool,
    /// Tell on standard error what statements each measured stretch spent the server's time on
    #[arg(long)]
    profile: bool,
}

impl Workload {
    fn common(&self) -> &Common {
        match self {
            Self::Queue(options) => &options.common,
            Self::Steps(options) => &options.common,
            Self::Latency(options) => &options.common,
            Self::Single(options) => &options.common,
            Self::Mixed(options) => &options.common,
            Self::Memory(options) => &options.common,
        }
    }

    async fn measure(&self, place: &Place) -> Result<Value> {
        match self {
            Self::Queue(options) => queue::measure(options, place).await,
            Self::Steps(options) => steps::measure(place, options.size()).await,
            Self::Latency(options) => latency::measure(place, options.samples).await,
            Self::Single(options) => single::measure(place, options.samples).await,
            Self::Mixed(options) => mixed::measure(options, place).await,
            Self::Memory(options) => memory::measure(options, place).await,
        }
    }
}

#[expect(clippy::print_stdout, reason = "the line is the result")]
#[expect(clippy::needless_pass_by_value, reason = "it is all that the program was told")]
pub(crate) fn run(workload: Workload) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let line = runtime.block_on(measured(&workload))?;
    println!("{line}");
    Ok(())
}

async fn measured(workload: &Workload) -> Result<Value> {
    let common = workload.common();
    let place = Place::open(common).await?;
    let line = between_yardsticks(workload, &place).await;
    let removed = place.remove().await;
    let line = line?;
    removed.map(|()| line)
}

async fn between_yardsticks(workload: &Workload, place: &Place) -> Result<Value> {
    let yardstick = if workload.common().pgbench { Yardstick::find(place).await? } else { None };
    let before = run_yardstick(yardstick.as_ref(), place).await?;
    place.settle().await;
    let mut line = workload.measure(place).await?;
    let after = run_yardstick(yardstick.as_ref(), place).await?;
    if let (Some(before), Some(after)) = (before, after) {
        pgbench::compare(&mut line, before, after);
    }
    Ok(line)
}

async fn run_yardstick(yardstick: Option<&Yardstick>, place: &Place) -> Result<Option<Figures>> {
    match yardstick {
        Some(yardstick) => Ok(Some(yardstick.measure(place).await?)),
        None => Ok(None),
    }
}

/// Says how far it is.
#[expect(clippy::print_stderr, reason = "standard output has the result alone")]
pub(crate) fn tell(text: &str) {
    eprintln!("{text}");
}
