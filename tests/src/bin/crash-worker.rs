//! A worker that runs one execution to its end, or kills itself without warning at a commit of its choice.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use codeflow_core::workflow;
use codeflow_engine::{Engine, Parts, Silent, StartRequest, WorkerSettings};
use codeflow_persistence::{CommitProbe, Database, DatabaseSettings, Moment};
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use codeflow_tests::ledger::Ledger;
use codeflow_tests::program::{DOCUMENT, Program};
use serde_json::{Map, json};

/// What to run, and when to die.
#[derive(Parser)]
struct Arguments {
    /// The database.
    #[arg(long)]
    database_url: String,
    /// Where actions note that they ran.
    #[arg(long)]
    ledger: std::path::PathBuf,
    /// Die when this many moments before and after commits have been reached.
    #[arg(long)]
    die_at: Option<u64>,
    /// No other worker lives: take over at once.
    #[arg(long)]
    exclusive: bool,
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

#[expect(clippy::print_stdout, reason = "the result is what the test reads")]
async fn run(arguments: Arguments) -> Result<ExitCode> {
    let countdown = Countdown { reached: AtomicU64::new(0), die_at: arguments.die_at.unwrap_or(u64::MAX) };
    let countdown = Arc::new(countdown);
    let database = Database::open(&DatabaseSettings::new(&arguments.database_url)).await?;
    database.migrate().await?;
    let database = database.with_probe(Arc::clone(&countdown) as Arc<dyn CommitProbe>);
    let engine = Engine::new(Parts {
        store: Arc::new(database),
        actions: Arc::new(Program::new(Ledger::at(arguments.ledger))),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        observer: Arc::new(Silent),
    });
    let workflow = workflow::parse(DOCUMENT, &codeflow_core::NoActions)?;
    engine.register(&workflow, DOCUMENT).await?;
    let request = StartRequest {
        version: workflow.version.clone(),
        inputs: Map::new(),
        idempotency_key: Some("the-one".to_owned()),
    };
    let (id, _) = engine.start(request).await?;
    let settings = WorkerSettings {
        lease: Duration::from_millis(400),
        poll: Duration::from_millis(30),
        exclusive: arguments.exclusive,
        ..WorkerSettings::default()
    };
    let tasks = Tasks::new();
    let stop = tasks.stop_token();
    let worker = engine.worker(settings);
    let worker = tasks.spawn("worker", async move { worker.run(stop).await });
    let mut released = 0;
    let record = loop {
        let record = engine.get(id, Some(i64::MAX)).await?.record;
        if record.status.is_final() {
            break record;
        }
        for task in engine.quarantined(None, 100).await? {
            engine.release(task.id).await?;
            released += 1;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    tasks.stop();
    worker.await?.context("the worker panicked")??;
    let reached = countdown.reached.load(Ordering::SeqCst);
    let end = json!({
        "id": id, "status": record.status, "outputs": record.outputs, "reached": reached, "released": released
    });
    println!("{end}");
    Ok(ExitCode::SUCCESS)
}
