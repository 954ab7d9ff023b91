//! A worker at work in this process, with the lock that makes it the only one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use codeflow_config::RetentionSettings;
use codeflow_engine::{Engine, Wire, WorkerSettings};
use codeflow_gateway::Committer;
use codeflow_persistence::EngineLock;
use codeflow_ratelimit::SharedLimiter;
use codeflow_runtime::Tasks;
use tokio::task::JoinHandle;

use crate::{Error, ErrorKind, retention, sharing, working};

/// What a worker may need beyond its grace period to give work back and to close its session.
const SETTLING: Duration = Duration::from_secs(15);

/// The right to work, not used yet. On SQLite nobody else can have it at the same time.
pub struct Reservation {
    pub(crate) engine: Engine,
    pub(crate) settings: WorkerSettings,
    pub(crate) retention: RetentionSettings,
    /// Where an archive is whose path is relative.
    pub(crate) folder: PathBuf,
    pub(crate) wire: Option<Arc<dyn Wire>>,
    pub(crate) shared: Option<Arc<SharedLimiter>>,
    pub(crate) lock: Option<EngineLock>,
    pub(crate) committer: Option<Committer>,
}

impl Reservation {
    /// Runs what is due, until it is stopped.
    pub fn work(self) -> Running {
        let Self { engine, settings, retention, folder, wire, shared, lock, committer } = self;
        let accounts = Tasks::new();
        if let Some(committer) = committer {
            let stop = accounts.stop_token();
            accounts.spawn("accounts", committer.run(stop));
        }
        let (tasks, lines, grace) = (Tasks::new(), Tasks::new(), settings.grace);
        if let Some(shared) = &shared {
            sharing::run(shared, &lines);
        }
        let engine = engine.with_wakeups(working::wakeups(wire, &lines));
        let (scheduler, stop) = (engine.scheduler(settings.poll), tasks.stop_token());
        tasks.spawn("scheduler", async move { scheduler.run(stop).await });
        if let Some(keeper) = retention::keeper(&engine, &retention, &folder) {
            let stop = tasks.stop_token();
            tasks.spawn("retention", keeper.run(stop));
        }
        let stop = tasks.stop_token();
        let worker = engine.worker(settings);
        let worker = tasks.spawn("worker", async move { worker.run(stop).await });
        Running { tasks, accounts, lines, worker, grace, _lock: lock }
    }
}

/// A worker at work. Dropping it stops it as well, but nobody waits for what it is doing.
pub struct Running {
    tasks: Tasks,
    /// Ends after the worker: its last calls are paid for, too.
    accounts: Tasks,
    /// Wake-ups end after the worker: what it gives back is told to others.
    lines: Tasks,
    worker: JoinHandle<Option<Result<(), codeflow_engine::Error>>>,
    grace: Duration,
    _lock: Option<EngineLock>,
}

impl Running {
    /// Waits until the worker stops by itself, which it only does for a reason.
    ///
    /// # Errors
    /// Always: the reason.
    pub async fn failed(&mut self) -> Result<std::convert::Infallible, Error> {
        Err(match (&mut self.worker).await {
            Ok(Some(Err(error))) => error.into(),
            Ok(Some(Ok(())) | None) | Err(_) => {
                Error::new(ErrorKind::Worker, "the worker stopped although nobody told it to")
            }
        })
    }

    /// Stops: running steps may end within the grace period, the rest is given back for later.
    pub async fn stop(self) {
        self.tasks.shut_down(self.grace + SETTLING).await;
        self.accounts.shut_down(SETTLING).await;
        self.lines.shut_down(SETTLING).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.stop();
        self.accounts.stop();
        self.lines.stop();
    }
}
