//! Runs what is due: one session, a claim loop, attempts side by side, one committer.

mod attempt;
mod calls;
mod claims;
mod committer;
mod compensation;
mod direct;
mod flight;
mod heeding;
mod jobs;
mod lease;
mod slots;
mod vitals;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codeflow_core::{BatchId, ExecutionId, SessionId};
use codeflow_runtime::Tasks;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::cache::Executions;
use crate::plan::DEFAULT_LANE;
use crate::ports::{Dead, NewTask, Session, Task};
use crate::{Engine, Error, ErrorKind};
pub(crate) use committer::Verdict;
pub(crate) use direct::{Taker, Workers};

use committer::Report;
use flight::Flight;
use jobs::JobReport;
use slots::Slots;
pub use vitals::{NotReady, WorkerVitals};

/// The most results that go into one commit.
const MAX_COMMIT: usize = 1_000;

/// From so many slots on there are two committers: one plans while the other waits for storage.
const BUSY: usize = 128;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// How many tasks run at once.
    pub concurrency: usize,
    /// How long the session lives without a sign of life.
    pub lease: Duration,
    /// How often the queue is looked at when nothing says that there is work.
    pub poll: Duration,
    /// The queues to take from.
    pub lanes: Vec<String>,
    /// How long running work may go on after a stop, before it is given back.
    pub grace: Duration,
    /// The caller holds a lock which proves that no other worker lives: what earlier ones left is taken
    /// over at once, not when their leases end.
    pub exclusive: bool,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            concurrency: 16,
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            lanes: vec![DEFAULT_LANE.to_owned()],
            grace: Duration::from_secs(10),
            exclusive: false,
        }
    }
}

/// Claims due tasks and runs them until it is told to stop.
pub struct Worker {
    engine: Engine,
    settings: WorkerSettings,
    vitals: WorkerVitals,
}

/// Why a boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Stopped,
    LeaseLost,
}

/// One session of this worker, from its opening to its end.
pub(crate) struct Boot {
    engine: Engine,
    settings: WorkerSettings,
    session: Session,
    vitals: WorkerVitals,
    executions: Executions,
    flight: Flight,
    /// To each committer: an execution always goes to the same one.
    reports: Vec<mpsc::Sender<Report>>,
    job_reports: mpsc::Sender<JobReport>,
    /// The actions that may run at once.
    slots: Slots,
    attempts: Tasks,
    /// Something was done with: there may be room for more.
    room: Notify,
    /// When the next timer is due that this worker knows of.
    next_due: Mutex<Option<Instant>>,
    /// A task that must run alone waits, or runs: nothing else is taken until it is through.
    alone: AtomicBool,
    /// Executions gave places back that others may wait for.
    freed: AtomicBool,
    /// The queue had more than was asked for when it was looked at last.
    busy: AtomicBool,
    /// Batches of commits without an answer, and since when.
    doubtful: Mutex<Vec<(BatchId, Instant)>>,
    /// No more work is taken.
    stopping: CancellationToken,
    /// The lease is gone: nothing of this session may be written any more.
    lost: CancellationToken,
    /// Attempts end at once and report nothing.
    abandon: CancellationToken,
}

impl Worker {
    pub(crate) fn new(engine: Engine, settings: WorkerSettings) -> Self {
        Self { engine, settings, vitals: WorkerVitals::new() }
    }

    /// How it is, for those who watch it.
    pub fn vitals(&self) -> WorkerVitals {
        self.vitals.clone()
    }

    /// Works until `stop` is cancelled; then lets running work end within the grace period, and gives the
    /// rest back. A worker that loses its lease drops what it did and starts over with a new session.
    ///
    /// # Errors
    /// When the first session cannot be opened. Later on, storage that is away is waited for.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), Error> {
        self.vitals.begin(stop.clone());
        let mut session = self.open().await?;
        while self.boot(session, &stop).await == Ended::LeaseLost && !stop.is_cancelled() {
            tracing::warn!("the lease was lost; starting over with a new session");
            match self.reopen(&stop).await? {
                Some(new) => session = new,
                None => break,
            }
        }
        Ok(())
    }

    async fn open(&self) -> Result<Session, Error> {
        let parts = &self.engine.parts;
        let id = SessionId::generate(parts.ids.as_ref());
        let asked = Instant::now();
        let session = parts.store.open_session(id, self.settings.lease).await?;
        self.vitals.open(session.id, self.settings.lease, asked);
        tracing::debug!(session.id = %session.id, "session opened");
        if self.settings.exclusive {
            let recovered = parts.store.recover(Dead::AllBut(session.id)).await?;
            tracing::debug!(tasks = recovered.tasks, "took over what earlier sessions left");
        }
        Ok(session)
    }

    /// Opens a session as soon as storage is there; nothing when told to stop before.
    async fn reopen(&self, stop: &CancellationToken) -> Result<Option<Session>, Error> {
        loop {
            let opened = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                opened = self.open() => opened,
            };
            match opened {
                Ok(session) => return Ok(Some(session)),
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::warn!(error = %error, "could not open a session; trying again");
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(None),
                () = sleep(self.settings.poll) => {}
            }
        }
    }

    async fn boot(&self, session: Session, stop: &CancellationToken) -> Ended {
        let store = Arc::clone(&self.engine.parts.store);
        let channels = (0..committers(self.settings.concurrency)).map(|_| mpsc::channel(MAX_COMMIT));
        let (reports, queues): (Vec<_>, Vec<_>) = channels.unzip();
        let (job_reports, jobs) = mpsc::channel(MAX_COMMIT);
        let boot = Arc::new(Boot {
            engine: self.engine.clone(),
            settings: self.settings.clone(),
            session,
            vitals: self.vitals.clone(),
            executions: Executions::new(store, Arc::clone(&self.engine.workflows)),
            flight: Flight::default(),
            reports,
            job_reports,
            slots: Slots::new(self.settings.concurrency),
            attempts: Tasks::new(),
            room: Notify::new(),
            next_due: Mutex::new(None),
            alone: AtomicBool::new(false),
            freed: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            doubtful: Mutex::default(),
            stopping: stop.clone(),
            lost: CancellationToken::new(),
            abandon: CancellationToken::new(),
        });
        self.engine.workers.add(&boot);
        let ended = boot.work(stop, queues, jobs).await;
        self.vitals.close();
        ended
    }
}

impl Boot {
    async fn work(
        self: Arc<Self>,
        stop: &CancellationToken,
        queues: Vec<mpsc::Receiver<Report>>,
        jobs: mpsc::Receiver<JobReport>,
    ) -> Ended {
        let background = Tasks::new();
        // Whoever drops this future ends all of it; a heartbeat that went on would hold the work for ever.
        let _ends = [&self.lost, &self.abandon, &background.stop_token()].map(|end| end.clone().drop_guard());
        for queue in queues {
            background.spawn("committer", Arc::clone(&self).commit_all(queue));
        }
        background.spawn("job committer", Arc::clone(&self).finish_jobs(jobs));
        background.spawn("heartbeat", Arc::clone(&self).keep_lease(background.stop_token()));
        background.spawn("wakeups", Arc::clone(&self).heed(background.stop_token()));
        background.spawn("recovery", Arc::clone(&self).recover_others(background.stop_token()));

        self.claim_until(stop).await;
        self.land().await;
        self.abandon.cancel();
        self.attempts.shut_down(Duration::from_secs(5)).await;
        background.shut_down(Duration::from_secs(5)).await;
        if self.lost.is_cancelled() {
            return Ended::LeaseLost;
        }
        let closing = self.engine.parts.store.close_session(self.session);
        match tokio::time::timeout(self.settings.lease, closing).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "could not give work back; it is taken over later")
            }
            Err(_) => tracing::warn!("giving work back takes too long; it is taken over when the lease ends"),
        }
        Ended::Stopped
    }

    /// Waits until everything that runs has ended and is durable, for as long as the grace period.
    async fn land(&self) {
        let landed = self.flight.empty();
        tokio::select! {
            biased;
            () = self.lost.cancelled() => {}
            result = tokio::time::timeout(self.settings.grace, landed) => {
                if result.is_err() {
                    tracing::info!(tasks = self.flight.len(), "grace period over; giving running work back");
                }
            }
        }
    }

    fn batch_id(&self) -> BatchId {
        BatchId::generate(self.engine.parts.ids.as_ref())
    }
}

/// How many committers a worker of so many slots has. More than one make smaller commits, which only pays when there is
/// much to plan.
fn committers(concurrency: usize) -> usize {
    if concurrency >= BUSY { 2 } else { 1 }
}

/// The task as it was claimed by whoever wrote it, if it was.
fn taken(execution: ExecutionId, generation: u32, new: &NewTask) -> Option<Task> {
    new.taken.map(|batch| Task {
        id: new.id,
        execution,
        generation,
        work: new.work.clone(),
        attempt: new.attempt,
        lane: new.lane.clone(),
        priority: new.priority,
        fair: new.fair,
        deaths: 0,
        batch,
    })
}
