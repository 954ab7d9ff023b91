//! An engine over a database, and what can be seen of its work from outside.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use codeflow_core::execution::{ExecutionStatus, StepPath};
use codeflow_core::workflow::{self, VersionId};
use codeflow_core::{ExecutionId, NoActions};
use codeflow_engine::{
    Engine, Event, JobEnd, JobRequest, Observer, Parts, StartRequest, WakeupSettings, Wakeups, WorkerSettings,
};
use codeflow_persistence::{Database, DatabaseSettings, PostgresWire};
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use serde_json::Map;
use tokio::task::JoinHandle;

use super::actions::Actions;
use super::counter::Counter;

/// Of so many executions, one is timed: to time all of them would cost what is to be measured.
const TIMED: u64 = 32;

/// How many are put in with one call.
const AT_ONCE: u64 = 10_000;

/// An engine with a pool of connections of its own, as a process has it.
pub(super) struct Rig {
    pub(super) engine: Engine,
    pub(super) actions: Arc<Actions>,
    pub(super) watch: Arc<Watch>,
    database: Database,
    /// Wake-ups across engines, where the database carries them.
    _lines: Tasks,
}

impl Rig {
    pub(super) async fn open(url: &str) -> Result<Self> {
        let database = Database::open(&DatabaseSettings::new(url)).await?;
        let (actions, watch) = (Actions::new(), Arc::new(Watch::default()));
        let engine = Engine::new(Parts {
            store: Arc::new(database.clone()),
            actions: Arc::clone(&actions) as _,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            observer: Arc::clone(&watch) as _,
        });
        let lines = Tasks::new();
        let engine = match url.starts_with("postgres") {
            true => {
                let wire = Arc::new(PostgresWire::new(&DatabaseSettings::new(url)).sending_over(&database));
                let settings = WakeupSettings::default();
                engine.with_wakeups(Wakeups::over(wire, settings, &SystemIds, &lines))
            }
            false => engine,
        };
        Ok(Self { engine, actions, watch, database, _lines: lines })
    }

    pub(super) async fn register(&self, document: &str) -> Result<VersionId> {
        let workflow = workflow::parse(document, &NoActions)?;
        self.engine.register(&workflow, document).await?;
        Ok(workflow.version)
    }

    pub(super) async fn start(&self, version: &VersionId) -> Result<ExecutionId> {
        let request = StartRequest { version: version.clone(), inputs: Map::new(), idempotency_key: None };
        Ok(self.engine.start(request).await?.0)
    }

    /// Starts `count` executions, in portions.
    pub(super) async fn start_many(&self, version: &VersionId, count: u64) -> Result<()> {
        for portion in portions(count) {
            let request =
                || StartRequest { version: version.clone(), inputs: Map::new(), idempotency_key: None };
            self.engine.start_all((0..portion).map(|_| request()).collect()).await?;
        }
        Ok(())
    }

    /// Puts in `count` jobs that do nothing, in portions.
    pub(super) async fn enqueue(&self, count: u64) -> Result<()> {
        for portion in portions(count) {
            let nothing = || JobRequest::new(super::actions::nothing(), Map::new());
            self.engine.enqueue((0..portion).map(|_| nothing()).collect()).await?;
        }
        Ok(())
    }

    /// Puts in one job that notes when it begins, and says by which id.
    pub(super) async fn enqueue_noted(&self) -> Result<ExecutionId> {
        let put = self.engine.enqueue(vec![JobRequest::new(super::actions::note(), Map::new())]).await?;
        let (job, _) = put.first().context("a job was put in without an answer")?;
        Ok(ExecutionId::from_uuid(job.uuid()))
    }

    /// Starts a worker.
    pub(super) fn work(&self, concurrency: usize) -> Working {
        let tasks = Tasks::new();
        let stop = tasks.stop_token();
        let worker = self.engine.worker(WorkerSettings { concurrency, ..WorkerSettings::default() });
        let run = tasks.spawn("worker", async move { worker.run(stop).await });
        Working { tasks, run }
    }

    /// Closes its connections, if everything that ended went well.
    pub(super) fn close(self) -> Result<()> {
        self.database.close();
        match self.watch.failed.load(Ordering::SeqCst) {
            0 => Ok(()),
            failed => bail!("{failed} executions did not succeed"),
        }
    }
}

/// The sizes of calls that together make so many.
fn portions(count: u64) -> impl Iterator<Item = u64> {
    (0..count.div_ceil(AT_ONCE)).map(move |n| AT_ONCE.min(count - n * AT_ONCE))
}

/// A worker at work.
pub(super) struct Working {
    tasks: Tasks,
    run: JoinHandle<Option<Result<(), codeflow_engine::Error>>>,
}

impl Working {
    pub(super) async fn stop(self) -> Result<()> {
        self.tasks.shut_down(Duration::from_secs(30)).await;
        Ok(self.run.await?.context("the worker panicked")??)
    }
}

/// Counts what ended, and times some of it.
#[derive(Default)]
pub(super) struct Watch {
    pub(super) ended: Counter,
    pub(super) waiting: Counter,
    failed: AtomicU64,
    times: Mutex<Times>,
}

#[derive(Default)]
struct Times {
    begun: HashMap<(ExecutionId, StepPath), Instant>,
    taken: Vec<Duration>,
}

impl Watch {
    /// How long steps took that were timed, from the beginning of an attempt until its result was durable.
    pub(super) fn take_times(&self) -> Vec<Duration> {
        std::mem::take(&mut self.times().taken)
    }

    fn times(&self) -> std::sync::MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Watch {
    fn notice(&self, event: Event) {
        match event {
            Event::Began { execution, path, .. } if is_timed(execution) => {
                self.times().begun.insert((execution, path), Instant::now());
            }
            Event::Settled { execution, settled } if is_timed(execution) => {
                let mut times = self.times();
                if let Some(begun) = times.begun.remove(&(execution, settled.path)) {
                    times.taken.push(begun.elapsed());
                }
            }
            Event::Ended { status, .. } => {
                if status != ExecutionStatus::Succeeded {
                    self.failed.fetch_add(1, Ordering::SeqCst);
                }
                self.ended.add();
            }
            Event::Job { end, .. } => {
                if end != JobEnd::Done {
                    self.failed.fetch_add(1, Ordering::SeqCst);
                }
                self.ended.add();
            }
            Event::Waiting { .. } => self.waiting.add(),
            Event::Began { .. } | Event::Settled { .. } | Event::Logged { .. } | Event::Called { .. } => {}
        }
    }
}

fn is_timed(execution: ExecutionId) -> bool {
    let mut hasher = DefaultHasher::new();
    execution.hash(&mut hasher);
    hasher.finish().is_multiple_of(TIMED)
}
