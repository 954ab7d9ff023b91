//! A worker that a test may kill, stop and deceive: its clock may be wrong, and it kills or stops itself at a commit of
//! the test's choice. It works until its input ends.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use codeflow_core::{Clock, Timestamp};
use codeflow_engine::{WakeupSettings, Wakeups, WorkerSettings};
use codeflow_persistence::{CommitProbe, Database, DatabaseSettings, Moment, PostgresWire};
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use codeflow_tests::chaos::{Actions, Effects, Load, engine_over};
use rustix::process::{Signal, getpid, kill_process};
use tokio::io::AsyncReadExt;

/// What to run, and what goes wrong.
#[derive(Parser)]
struct Arguments {
    /// The database.
    #[arg(long)]
    database_url: String,
    /// The database as wake-ups reach it; without it there are none.
    #[arg(long)]
    wire_url: Option<String>,
    /// Where actions note their effects.
    #[arg(long)]
    effects: std::path::PathBuf,
    /// What it is called there.
    #[arg(long)]
    name: String,
    /// How long its lease lasts.
    #[arg(long, default_value_t = 2_000)]
    lease_ms: u64,
    /// How many tasks it runs at once.
    #[arg(long, default_value_t = 8)]
    concurrency: usize,
    /// The lanes that it takes work from.
    #[arg(long, default_value = "default")]
    lanes: Vec<String>,
    /// How many seconds its clock is ahead.
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    ahead_s: i64,
    /// The work, of which it starts its share.
    #[arg(long)]
    load: Load,
    /// Which share of how many, as `0/3`.
    #[arg(long)]
    share: Option<String>,
    /// Start it this long after the worker is up.
    #[arg(long, default_value_t = 0)]
    pace_ms: u64,
    /// Die when this many moments before and after commits have been reached.
    #[arg(long)]
    die_at: Option<u64>,
    /// Die at the first moment of this name, as `before flush`.
    #[arg(long)]
    die: Option<String>,
    /// Count no more than so many moments of each commit that is made again and again while there is nothing to do.
    #[arg(long, default_value_t = u64::MAX)]
    idle_moments: u64,
    /// Stop before the nth commit of a name, as `flush:1`; each one only after those before are through.
    #[arg(long)]
    freeze: Vec<String>,
}

/// A clock that is wrong.
struct Skewed(i64);

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().micros() + self.0 * 1_000_000)
    }
}

/// The commits of a worker that has nothing to do.
const IDLE: [&str; 4] = ["claim", "promote", "recover", "renew"];

/// A commit to stop before.
struct Freeze {
    commit: String,
    left: u64,
    frozen: bool,
    through: bool,
}

struct Probe {
    reached: AtomicU64,
    die_at: u64,
    die: Option<String>,
    idle: [AtomicU64; IDLE.len()],
    idle_moments: u64,
    freezes: Mutex<Vec<Freeze>>,
}

impl Probe {
    fn new(arguments: &Arguments) -> Result<Self> {
        let parse = |text: &String| {
            let (commit, left) = text.split_once(':').context("a freeze is a name and a number")?;
            Ok(Freeze { commit: commit.to_owned(), left: left.parse()?, frozen: false, through: false })
        };
        let freezes = arguments.freeze.iter().map(parse).collect::<Result<_>>()?;
        let die_at = arguments.die_at.unwrap_or(u64::MAX);
        let (idle, idle_moments) = (std::array::from_fn(|_| AtomicU64::new(0)), arguments.idle_moments);
        let (reached, die, freezes) = (AtomicU64::new(0), arguments.die.clone(), Mutex::new(freezes));
        Ok(Self { reached, die_at, die, idle, idle_moments, freezes })
    }

    /// Counts a moment, and says whether it is the last one.
    fn is_last(&self, commit: &str, when: &str) -> bool {
        if self.die.as_deref().and_then(|moment| moment.split_once(' ')) == Some((when, commit)) {
            return true;
        }
        let idle = IDLE.iter().position(|idle| *idle == commit);
        if idle.is_some_and(|idle| self.idle[idle].fetch_add(1, Ordering::SeqCst) >= self.idle_moments) {
            return false;
        }
        self.reached.fetch_add(1, Ordering::SeqCst) + 1 == self.die_at
    }

    /// Whether to stop before this commit, and which stop it is.
    fn counted(&self, commit: &str) -> Option<usize> {
        let mut freezes = self.freezes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut due = None;
        for (index, freeze) in freezes.iter_mut().enumerate() {
            if freeze.commit == commit && !freeze.frozen {
                freeze.left = freeze.left.saturating_sub(1);
                if freeze.left == 0 && due.is_none() {
                    freeze.frozen = true;
                    due = Some(index);
                }
            }
        }
        due
    }

    /// The stops before this one are over, or failed long ago.
    fn await_earlier(&self, index: usize) {
        for _ in 0..300 {
            let freezes = self.freezes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if freezes[..index].iter().all(|freeze| freeze.through) {
                return;
            }
            drop(freezes);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn through(&self, commit: &str) {
        let mut freezes = self.freezes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let same = freezes.iter_mut().filter(|freeze| freeze.commit == commit && freeze.frozen);
        same.for_each(|freeze| freeze.through = true);
    }
}

impl CommitProbe for Probe {
    #[expect(clippy::print_stdout, reason = "the test reads where it stops")]
    fn reached(&self, commit: &'static str, moment: Moment) {
        let when = if moment == Moment::Before { "before" } else { "after" };
        if self.is_last(commit, when) {
            println!("dies {when} {commit}");
            let _ = kill_process(getpid(), Signal::KILL);
            // The signal is on its way; nothing more may happen on this thread.
            std::thread::sleep(Duration::from_secs(60));
        }
        match moment {
            Moment::Before => {
                if let Some(index) = self.counted(commit) {
                    self.await_earlier(index);
                    println!("stopped before {commit}");
                    let _ = kill_process(getpid(), Signal::STOP);
                    // The signal is on its way; the statement may not be sent before it has arrived.
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
            Moment::After => self.through(commit),
        }
    }
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let level = tracing_subscriber::filter::LevelFilter::INFO;
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build()?;
    let code = runtime.block_on(run(arguments));
    runtime.shutdown_timeout(Duration::from_secs(1));
    code
}

/// Waits are shorter than the lease, as they have to be.
fn settings_for(arguments: &Arguments) -> DatabaseSettings {
    let lease = Duration::from_millis(arguments.lease_ms);
    DatabaseSettings {
        statement_timeout: lease / 2,
        pool_timeout: lease,
        ..DatabaseSettings::new(&arguments.database_url)
    }
}

async fn opened(settings: &DatabaseSettings) -> Database {
    loop {
        match Database::open(settings).await {
            Ok(database) => return database,
            Err(error) => tracing::warn!(error = %error, "the database is not there yet"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[expect(clippy::print_stdout, reason = "the test reads how far it came")]
async fn run(arguments: Arguments) -> Result<ExitCode> {
    let probe = Arc::new(Probe::new(&arguments)?);
    let database = opened(&settings_for(&arguments)).await;
    let database = database.with_probe(Arc::clone(&probe) as Arc<dyn CommitProbe>);
    let actions = Actions::new(&arguments.name, Effects::at(&arguments.effects));
    let clock = Arc::new(Skewed(arguments.ahead_s));
    let engine = engine_over(Arc::new(database.clone()), Arc::clone(&actions) as _, clock);
    let (tasks, waking) = (Tasks::new(), Tasks::new());
    let engine = match &arguments.wire_url {
        None => engine,
        Some(url) => {
            let wire = Arc::new(PostgresWire::new(&DatabaseSettings::new(url)).sending_over(&database));
            let second = Duration::from_secs(1);
            let settings = WakeupSettings { probe: second, patience: second, ..WakeupSettings::default() };
            engine.with_wakeups(Wakeups::over(wire, settings, &SystemIds, &waking))
        }
    };
    let worker = engine.worker(WorkerSettings {
        lease: Duration::from_millis(arguments.lease_ms),
        poll: Duration::from_millis(arguments.lease_ms / 10),
        concurrency: arguments.concurrency,
        lanes: arguments.lanes.clone(),
        grace: Duration::from_secs(2),
        ..WorkerSettings::default()
    });
    actions.belong_to(worker.vitals());
    let (vitals, stop) = (worker.vitals(), tasks.stop_token());
    let running = tasks.spawn("worker", async move {
        while let Err(error) = worker.run(stop.clone()).await {
            tracing::warn!(error = %error, "the worker could not begin");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    vitals.opened().await;
    println!("open");
    let mut input = tokio::io::stdin();
    let mut nothing = [0; 64];
    tokio::select! {
        () = begin(&arguments, &engine) => while input.read(&mut nothing).await.is_ok_and(|read| read > 0) {},
        _ = input.read(&mut nothing) => {}
    }
    tasks.stop();
    running.await?.context("the worker panicked")?;
    waking.shut_down(Duration::from_secs(1)).await;
    database.close();
    println!("reached {}", probe.reached.load(Ordering::SeqCst));
    Ok(ExitCode::SUCCESS)
}

async fn begin(arguments: &Arguments, engine: &codeflow_engine::Engine) {
    let share = arguments.share.as_deref().and_then(|share| share.split_once('/'));
    let Some((one, of)) = share.and_then(|(one, of)| Some((one.parse().ok()?, of.parse().ok()?))) else {
        return;
    };
    arguments.load.register(engine).await;
    arguments.load.begin(engine, (one, of), Duration::from_millis(arguments.pace_ms)).await;
}
