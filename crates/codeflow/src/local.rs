//! CodeFlow in one process: settings in, running parts out.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use codeflow_actions::{Action, Models};
use codeflow_config::{Environment, RetentionSettings, Settings};
use codeflow_core::workflow::{Workflow, parse};
use codeflow_core::{ExecutionId, Problems};
use codeflow_engine::{Engine, Parts, StartRequest, Started, Wire, WorkerSettings};
use codeflow_gateway::Committer;
use codeflow_persistence::{Database, EngineLock};
use codeflow_ratelimit::SharedLimiter;
use codeflow_runtime::{SystemClock, SystemIds};
use serde_json::{Map, Value};

use crate::place::Place;
use crate::replaying::Offline;
use crate::runner::Actions;
use crate::sharing::Redis;
use crate::watch::{Bell, Watch};
use crate::{Error, ErrorKind, Project, Reservation, Running, builtin, gateway, working};

/// What CodeFlow is opened with.
pub struct Options {
    /// The folder it works for; the repository around it, if there is one.
    pub folder: PathBuf,
    /// The settings.
    pub settings: Settings,
    /// The variables that child processes such as git may need.
    pub environment: Environment,
    /// Actions beside those that come with CodeFlow.
    pub actions: Vec<Arc<dyn Action>>,
    /// Whom `llm/*` steps ask instead of the providers that the settings name.
    pub models: Option<Arc<dyn Models>>,
}

impl Options {
    /// Without further actions, and with the models that the settings name.
    pub fn new(folder: impl Into<PathBuf>, settings: Settings, environment: Environment) -> Self {
        Self { folder: folder.into(), settings, environment, actions: Vec::new(), models: None }
    }
}

/// CodeFlow, opened. It starts executions, shows them and talks to them; [`Local::work`] runs them.
pub struct Local {
    engine: Engine,
    actions: Arc<Actions>,
    bell: Bell,
    place: Place,
    worker: WorkerSettings,
    retention: RetentionSettings,
    project: Project,
    /// What wakes other processes, for whoever works.
    wire: Option<Arc<dyn Wire>>,
    /// Counts limits of models together with other processes, for whoever works.
    shared: Option<Arc<SharedLimiter>>,
    /// Writes what models cost, for whoever works.
    committer: Mutex<Option<Committer>>,
    pub(crate) offline: Offline,
}

impl Local {
    /// Opens the database and brings its tables up to date.
    ///
    /// Any number of processes may do so: only [`Local::work`] needs an SQLite file for itself.
    ///
    /// # Errors
    /// [`NoFolder`](ErrorKind::NoFolder), [`DataFolder`](ErrorKind::DataFolder), [`DatabaseAddress`](ErrorKind::DatabaseAddress),
    /// [`Database`](ErrorKind::Database).
    pub async fn open(options: Options) -> Result<Self, Error> {
        let Options { folder, settings, environment, actions: further, models } = options;
        let project = Project::around(&folder)?;
        let place = Place::of(&settings.database, &project)?;
        let database = open(&place, &settings).await?;
        let redis = Redis::of(&settings, &environment, &database).await?;
        let wire = working::wire(&settings, &place, &database, redis.as_ref())?;
        let shared = redis.and_then(|redis| redis.limiter("models"));
        let offline = Offline {
            settings: settings.clone(),
            environment: environment.clone(),
            database: database.clone(),
            actions: further.clone(),
            models: models.clone(),
        };
        let (models, committer) = match models {
            Some(models) => (models, None),
            None => gateway::models(&settings, &environment, Arc::new(database.clone()), shared.clone())?,
        };
        let actions = builtin::runner(&project, (&environment, &settings.sandbox), models, further);
        let bell = Bell::default();
        let engine = Engine::new(Parts {
            store: Arc::new(database),
            actions: Arc::clone(&actions) as Arc<_>,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            observer: Arc::new(bell.clone()),
        });
        let worker = working::settings(&settings.worker, &place);
        let committer = Mutex::new(committer);
        let retention = settings.retention;
        Ok(Self {
            engine,
            actions,
            bell,
            place,
            worker,
            retention,
            project,
            wire,
            shared,
            committer,
            offline,
        })
    }

    /// The engine, for everything that is not here.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What it works for.
    pub fn project(&self) -> &Project {
        &self.project
    }

    /// The folder of the SQLite file; none when the database is a server.
    pub fn data_folder(&self) -> Option<&Path> {
        self.place.folder()
    }

    /// Reads a workflow document and checks it against the actions there are.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(&self, document: &str) -> Result<Workflow, Problems> {
        parse(document, &self.actions.0)
    }

    /// Starts an execution of a workflow document. A second start with the same idempotency key finds the first.
    ///
    /// It runs as soon as some process [works](Local::work) on this database.
    ///
    /// # Errors
    /// [`Workflow`](ErrorKind::Workflow) with all its problems, and what [`Engine::start`] says of the inputs.
    pub async fn start(
        &self,
        document: &str,
        inputs: Map<String, Value>,
        idempotency_key: Option<String>,
    ) -> Result<(ExecutionId, Started), Error> {
        let version = self.register(document).await?.version;
        Ok(self.engine.start(StartRequest { version, inputs, idempotency_key }).await?)
    }

    /// Runs what is due, until it is stopped. On SQLite it takes the lock that makes it the only one.
    ///
    /// # Errors
    /// [`engine::ErrorKind::Locked`](codeflow_engine::ErrorKind::Locked) inside
    /// [`Engine`](ErrorKind::Engine) when another process works on the same file.
    pub fn work(&self) -> Result<Running, Error> {
        Ok(self.reserve()?.work())
    }

    /// Makes sure that this process is the one that may [work](Local::work), and waits with it: so that
    /// something can be decided about what is due before any of it runs.
    ///
    /// # Errors
    /// The same as of [`Local::work`].
    pub fn reserve(&self) -> Result<Reservation, Error> {
        let lock = self.place.folder().map(EngineLock::acquire).transpose()?;
        let committer = self.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (engine, settings) = (self.engine.clone(), self.worker.clone());
        let (wire, shared) = (self.wire.clone(), self.shared.clone());
        let (retention, folder) = (self.retention.clone(), self.project.root().to_owned());
        Ok(Reservation { engine, settings, retention, folder, wire, shared, lock, committer })
    }

    /// Whether another process works on the same SQLite file; `None` when the database is a server, where
    /// any number of them may.
    ///
    /// # Errors
    /// When the lock cannot be looked at.
    pub fn is_worked_on(&self) -> Result<Option<bool>, Error> {
        let Some(folder) = self.place.folder() else { return Ok(None) };
        match EngineLock::acquire(folder) {
            Ok(_) => Ok(Some(false)),
            Err(error) if error.kind() == codeflow_engine::ErrorKind::Locked => Ok(Some(true)),
            Err(error) => Err(error.into()),
        }
    }

    /// Follows an execution, whichever process runs it.
    pub fn watch(&self, id: ExecutionId) -> Watch {
        Watch::new(self.engine.clone(), self.bell.clone(), id)
    }
}

pub(crate) async fn open(place: &Place, settings: &Settings) -> Result<Database, Error> {
    let failed = |source: codeflow_engine::Error| {
        let context = match place {
            Place::Shared(_) => "could not open the database".to_owned(),
            Place::File(file) => format!("could not open the database `{}`", file.display()),
        };
        Error::new(ErrorKind::Database, context).with_source(source)
    };
    let database = Database::open(&working::database(settings, place)).await.map_err(failed)?;
    database.migrate().await.map_err(failed)?;
    Ok(database)
}
