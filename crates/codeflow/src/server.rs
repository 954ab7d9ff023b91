//! The model gateway as a server: settings in, answers out, an orderly end.

mod manage;
mod threads;
mod vitals;

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use codeflow_api::{Api, ApiParts, BodyLimits, Key, KeyRing, ServerLimits, Serving};
use codeflow_config::{Environment, LocalSecrets, ServerSettings, Settings};
use codeflow_gateway::{AccountStore, Caller, MinuteQuota};
use codeflow_persistence::Database;
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use codeflow_telemetry::FaultMetrics;
use secrecy::{ExposeSecret, SecretString};

use crate::gateway::{self, Assembled};
use crate::local;
use crate::place::Place;
use crate::sharing::Redis;
use crate::{Error, ErrorKind, Project};
use manage::{Ground, Managed};
use threads::Threads;
use vitals::Process;

/// How long what is left of the accounts may take to be written.
const WRITING: Duration = Duration::from_secs(10);

/// A server that listens. [`Server::run`] answers.
pub struct Server {
    listener: TcpListener,
    settings: ServerSettings,
    api: Api,
    tasks: Tasks,
    draining: Arc<AtomicBool>,
    first: Option<SecretString>,
}

impl Server {
    /// Opens the database, puts the gateway together and listens; what arrives waits until [`Server::run`].
    ///
    /// # Errors
    /// [`Config`](ErrorKind::Config), [`Gateway`](ErrorKind::Gateway), [`Listen`](ErrorKind::Listen), and those of the
    /// database.
    pub async fn open(settings: Settings, environment: Environment) -> Result<Self, Error> {
        codeflow_net::install_crypto_provider();
        let project = Project::around(Path::new("."))?;
        let place = Place::of(&settings.database, &project)?;
        let database = local::open(&place, &settings).await?;
        let keys = keys(&settings, &environment).await?;
        let store: Arc<dyn AccountStore> = Arc::new(database.clone());
        let redis = Redis::of(&settings, &environment, &database).await?;
        let shared = redis.as_ref().and_then(|redis| redis.limiter("models"));
        let assembled = gateway::assemble(&settings, &environment, store, shared)?;
        announce(&assembled);
        let tasks = Tasks::new();
        let draining = Arc::new(AtomicBool::new(false));
        let ground = Ground {
            settings: &settings,
            environment: &environment,
            project: &project,
            place: &place,
            database: &database,
            redis: redis.as_ref(),
        };
        let managed = manage::parts(&ground, &assembled, &tasks).await?;
        let first = managed.identities.identity.first_token().await?;
        let parts = Parts { keys, assembled: &assembled, database: &database, draining: &draining, managed };
        let api = api(&settings, parts);
        let stop = tasks.stop_token();
        tasks.spawn("accounts", assembled.committer.run(stop));
        let listen = settings.server.listen;
        let listener = bind(listen).map_err(|error| {
            Error::new(ErrorKind::Listen, format!("could not listen on {listen}")).with_source(error)
        })?;
        Ok(Self { listener, settings: settings.server, api, tasks, draining, first })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// [`Listen`](ErrorKind::Listen) when the system does not say.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.listener.local_addr().map_err(|error| {
            Error::new(ErrorKind::Listen, "could not tell where the server listens").with_source(error)
        })
    }

    /// The token with which the first administrator is made, while there is none: to be shown once to whoever starts the
    /// server.
    pub fn first_token(&mut self) -> Option<SecretString> {
        self.first.take()
    }

    /// What whoever starts the server has to know while there is nobody in it: how the first administrator is made. It holds
    /// the token, and is told once.
    ///
    /// # Errors
    /// [`Listen`](ErrorKind::Listen) when the system does not say where it listens.
    pub fn welcome(&mut self) -> Result<Option<String>, Error> {
        let address = self.address()?;
        Ok(self.first_token().map(|token| {
            format!(
                "there is no user yet. Within a day, this makes the first administrator, once:\n  \
                 curl http://{address}/api/v1/auth/bootstrap -H 'content-type: application/json' \\\n    \
                 -d '{{\"token\":\"{}\",\"name\":\"admin\",\"password\":\"…\"}}'\n",
                token.expose_secret()
            )
        }))
    }

    /// Answers until `stop` is over. Then nobody new is accepted, requests may end within the time that settings give
    /// them, and the accounts are written. Returns whether all of that was done in time.
    ///
    /// # Errors
    /// [`Listen`](ErrorKind::Listen) when a thread cannot be started.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<bool, Error> {
        let connections = Tasks::new();
        let serving = Serving {
            api: self.api,
            limits: limits(&self.settings),
            stop: connections.stop_token(),
            tasks: connections,
        };
        let count = self.settings.threads.map(usize::from);
        let threads = Threads::start(&self.listener, &serving, count)?;
        stop.await;
        tracing::info!("draining: no more connections are accepted");
        self.draining.store(true, Ordering::Relaxed);
        // Who listens on the same port next may do so from now on.
        drop(self.listener);
        let drained = threads.drain(self.settings.drain).await;
        let written = self.tasks.shut_down(WRITING).await;
        Ok(drained && written)
    }
}

fn bind(listen: SocketAddr) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind(listen)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What the routes are made of.
struct Parts<'a> {
    keys: KeyRing,
    assembled: &'a Assembled,
    database: &'a Database,
    draining: &'a Arc<AtomicBool>,
    managed: Managed,
}

fn api(settings: &Settings, parts: Parts<'_>) -> Api {
    let Parts { keys, assembled, database, draining, managed } = parts;
    let vitals = Process {
        draining: Arc::clone(draining),
        metrics: Arc::clone(&assembled.metrics),
        availability: Arc::clone(&assembled.availability),
        accounts: assembled.accounts.clone(),
        database: database.clone(),
        lost: AtomicU64::new(0),
        limits: managed.limits,
        identity: managed.identities.identity,
        faults: FaultMetrics::new(),
    };
    Api::new(ApiParts {
        gateway: assembled.gateway.clone(),
        keys,
        body: BodyLimits { bytes: settings.server.body_limit, time: settings.server.body_read_timeout },
        vitals: Arc::new(vitals),
        usage: Arc::new(database.clone()),
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        manage: managed.manage,
    })
}

async fn keys(settings: &Settings, environment: &Environment) -> Result<KeyRing, Error> {
    let resolved = settings.resolve_keys(&LocalSecrets::new(environment.clone())).await?;
    Ok(KeyRing::new(resolved.into_iter().map(|key| {
        let own = key.settings;
        let caller = Caller {
            tenant: own.tenant.into(),
            user: own.user.map(Into::into),
            key: own.name.into(),
            quota: MinuteQuota { requests: own.requests_per_minute, tokens: own.tokens_per_minute },
        };
        Key {
            digest: key.digest,
            caller: Arc::new(caller),
            models: own.models,
            permissions: Key::usual_permissions(),
            tier: own.tier.into(),
        }
    })))
}

fn limits(settings: &ServerSettings) -> ServerLimits {
    ServerLimits {
        connections: settings.max_connections,
        header_bytes: settings.max_header_bytes,
        headers: settings.max_headers,
        header_time: settings.header_read_timeout,
        idle_time: settings.idle_timeout,
        write_time: settings.write_timeout,
        ..ServerLimits::default()
    }
}

/// Says what an operator would otherwise find out by a failing call.
fn announce(assembled: &Assembled) {
    use codeflow_gateway::ModelSource as _;

    let providers = assembled.clients.providers().join(", ");
    if providers.is_empty() {
        tracing::warn!("no provider is configured, so no call can be answered");
    } else {
        tracing::info!(providers, "providers are configured");
    }
}
