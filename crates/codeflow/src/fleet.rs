//! A worker as a process of its own: one of any number over one PostgreSQL.

mod health;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use codeflow_config::{Settings, WorkerSettings};
use codeflow_core::SessionId;
use codeflow_engine::{Engine, Keeper, Monitor, Parts, Scheduler, Silent, Worker};
use codeflow_gateway::Committer;
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use tokio::task::JoinHandle;

use crate::place::Place;
use crate::sharing::Redis;
use crate::{Error, ErrorKind, Options, Project, builtin, gateway, local, retention, sharing, working};
use health::FleetHealth;

/// What a worker may need beyond its grace period to give work back and to close its session.
const SETTLING: Duration = Duration::from_secs(15);

/// A worker of a fleet, not at work yet.
pub struct FleetWorker {
    worker: Worker,
    scheduler: Scheduler,
    monitor: Monitor,
    keeper: Option<Keeper>,
    settings: WorkerSettings,
    health: FleetHealth,
    listener: Option<TcpListener>,
    committer: Option<Committer>,
    lines: Tasks,
}

impl FleetWorker {
    /// Opens the database, brings its tables up to date, and listens for those who ask how it is.
    ///
    /// # Errors
    /// [`NotShared`](ErrorKind::NotShared) when the database is an SQLite file, [`Listen`](ErrorKind::Listen),
    /// [`Wakeups`](ErrorKind::Wakeups), [`Gateway`](ErrorKind::Gateway), and those of the database.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let Options { folder, settings, environment, actions, models } = options;
        codeflow_net::install_crypto_provider();
        let project = Project::around(&folder)?;
        let place = shared(&settings, &project)?;
        let listener = settings.worker.listen.map(listen).transpose()?;
        let database = local::open(&place, &settings).await?;
        let redis = Redis::of(&settings, &environment, &database).await?;
        let wire = working::wire(&settings, &place, &database, redis.as_ref())?;
        let lines = Tasks::new();
        let wakeups = working::wakeups(wire, &lines);
        let shared = redis.and_then(|redis| redis.limiter("models"));
        let assembled = gateway::assemble(&settings, &environment, Arc::new(database.clone()), shared)?;
        if let Some(shared) = &assembled.shared {
            sharing::run(shared, &lines);
        }
        let metrics = Arc::clone(&assembled.metrics);
        let (models, committer) = match models {
            Some(models) => (models, None),
            None => gateway::ask(assembled),
        };
        let engine = Engine::new(Parts {
            store: Arc::new(database),
            actions: builtin::runner(&project, (&environment, &settings.sandbox), models, actions),
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            observer: Arc::new(Silent),
        });
        let engine = engine.with_wakeups(wakeups.clone());
        let worker = engine.worker(working::settings(&settings.worker, &place));
        let scheduler = engine.scheduler(settings.worker.poll);
        let keeper = retention::keeper(&engine, &settings.retention, project.root());
        let monitor = engine.monitor();
        let (concurrency, doctor) = (settings.worker.concurrency, monitor.health());
        let health = FleetHealth { vitals: worker.vitals(), wakeups, metrics, concurrency, doctor };
        Ok(Self {
            worker,
            scheduler,
            monitor,
            keeper,
            settings: settings.worker,
            health,
            listener,
            committer,
            lines,
        })
    }

    /// Where it tells how it is, if settings want that.
    ///
    /// # Errors
    /// [`Listen`](ErrorKind::Listen) when the system does not say.
    pub fn health_address(&self) -> Result<Option<SocketAddr>, Error> {
        let address = self.listener.as_ref().map(TcpListener::local_addr).transpose();
        address.map_err(|error| cannot_listen("could not tell where health is told", error))
    }

    /// Begins to work.
    ///
    /// # Errors
    /// What the database says when it refuses a session.
    pub async fn start(self) -> Result<AtWork, Error> {
        let Self { worker, scheduler, monitor, keeper, settings, health, listener, committer, lines } = self;
        let (tasks, accounts, listening) = (Tasks::new(), Tasks::new(), Tasks::new());
        let vitals = worker.vitals();
        if let Some(listener) = listener {
            let listener = tokio::net::TcpListener::from_std(listener)
                .map_err(|error| cannot_listen("could not listen for who asks for health", error))?;
            let serving = codeflow_api::serve_health(listener, Arc::new(health), listening.clone());
            listening.spawn("health", serving);
        }
        if let Some(committer) = committer {
            let stop = accounts.stop_token();
            accounts.spawn("accounts", committer.run(stop));
        }
        let stop = tasks.stop_token();
        tasks.spawn("scheduler", async move { scheduler.run(stop).await });
        let stop = tasks.stop_token();
        tasks.spawn("doctor", monitor.run(stop));
        if let Some(keeper) = keeper {
            let stop = tasks.stop_token();
            tasks.spawn("retention", keeper.run(stop));
        }
        let stop = tasks.stop_token();
        let mut handle = tasks.spawn("worker", async move { worker.run(stop).await });
        let session = tokio::select! {
            session = vitals.opened() => session,
            ended = &mut handle => return Err(reason(ended.ok().flatten())),
        };
        Ok(AtWork { session, settings, handle, tasks, accounts, lines, listening })
    }
}

/// A worker at work. Dropping it stops it as well, but nobody waits for what it is doing.
pub struct AtWork {
    session: SessionId,
    settings: WorkerSettings,
    handle: JoinHandle<Option<Result<(), codeflow_engine::Error>>>,
    tasks: Tasks,
    /// Ends after the worker: its last calls are paid for, too.
    accounts: Tasks,
    /// Wake-ups end after the worker: what it gives back is told to others.
    lines: Tasks,
    /// Ends last: until then it says that the worker drains.
    listening: Tasks,
}

impl AtWork {
    /// The session that it began with. One that is lost is followed by another.
    pub fn session(&self) -> SessionId {
        self.session
    }

    /// The queues that it takes from.
    pub fn lanes(&self) -> &[String] {
        &self.settings.lanes
    }

    /// Works until `stop` is over. Then running steps may end within the grace period, and the rest is given back.
    /// Returns whether all of that was done in time.
    ///
    /// # Errors
    /// The reason why the worker stopped by itself.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Result<bool, Error> {
        tokio::select! {
            () = stop => {}
            ended = &mut self.handle => return Err(reason(ended.ok().flatten())),
        }
        tracing::info!("draining: no more work is taken");
        let worked = self.tasks.shut_down(self.settings.grace + SETTLING).await;
        let paid = self.accounts.shut_down(SETTLING).await;
        self.lines.shut_down(SETTLING).await;
        self.listening.shut_down(Duration::from_secs(1)).await;
        Ok(worked && paid)
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        for tasks in [&self.tasks, &self.accounts, &self.lines, &self.listening] {
            tasks.stop();
        }
    }
}

fn shared(settings: &Settings, project: &Project) -> Result<Place, Error> {
    let refused = || {
        let context = "a fleet of workers shares a PostgreSQL, and the database is an SQLite file, which takes one \
                       engine only; set `database.url` to `postgres://…`";
        Err(Error::new(ErrorKind::NotShared, context))
    };
    if settings.database.url.is_none() {
        return refused();
    }
    match Place::of(&settings.database, project)? {
        place @ Place::Shared(_) => Ok(place),
        Place::File(_) => refused(),
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| cannot_listen(format!("could not listen on {address}"), error))
}

fn cannot_listen(context: impl Into<String>, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Listen, context).with_source(error)
}

fn reason(ended: Option<Result<(), codeflow_engine::Error>>) -> Error {
    match ended {
        Some(Err(error)) => error.into(),
        Some(Ok(())) | None => Error::new(ErrorKind::Worker, "the worker stopped although nobody told it to"),
    }
}
