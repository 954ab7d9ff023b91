//! A process that fires schedules until none is due, or kills itself without warning at a commit of its choice.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use clap::Parser;
use codeflow_engine::{Engine, Parts, Pass, Silent};
use codeflow_persistence::{CommitProbe, Database, DatabaseSettings, Moment};
use codeflow_runtime::{SystemClock, SystemIds};
use codeflow_tests::ledger::Ledger;
use codeflow_tests::program::Program;

/// Where to fire, and when to die.
#[derive(Parser)]
struct Arguments {
    /// The database.
    #[arg(long)]
    database_url: String,
    /// Die when this many moments before and after commits have been reached.
    #[arg(long)]
    die_at: Option<u64>,
}

/// Counts the moments around commits; the last one is where the process ends.
struct Countdown {
    reached: AtomicU64,
    die_at: u64,
}

impl CommitProbe for Countdown {
    fn reached(&self, _commit: &'static str, _moment: Moment) {
        if self.reached.fetch_add(1, Ordering::SeqCst) + 1 == self.die_at {
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            // The signal is on its way; nothing more may happen on this thread.
            std::thread::sleep(Duration::from_secs(60));
        }
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let countdown = Countdown { reached: AtomicU64::new(0), die_at: arguments.die_at.unwrap_or(u64::MAX) };
    let database = Database::open(&DatabaseSettings::new(&arguments.database_url)).await?;
    let engine = Engine::new(Parts {
        store: Arc::new(database.with_probe(Arc::new(countdown))),
        actions: Arc::new(Program::new(Ledger::at("unused"))),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        observer: Arc::new(Silent),
    });
    let scheduler = engine.scheduler(Duration::from_secs(1));
    while scheduler.pass().await? == Pass::Busy {}
    Ok(ExitCode::SUCCESS)
}
