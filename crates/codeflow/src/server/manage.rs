//! What the paths under `/api` work with: identity, limits, and an engine that starts executions and leaves running
//! them to workers.

use std::sync::Arc;

use codeflow_api::{About, ClientAddress, EnginePorts, ManageParts, ManageSettings};
use codeflow_config::{Environment, Settings};
use codeflow_engine::{Engine, Parts, Silent};
use codeflow_persistence::Database;
use codeflow_ratelimit::{Gate, LocalGate, RuleBook, RuleKeeper, SharedGate, SharedLimiter};
use codeflow_runtime::{SystemClock, SystemIds, Tasks};
use codeflow_telemetry::GateMetrics;

use crate::gateway::{self, Assembled};
use crate::identity::Identities;
use crate::place::Place;
use crate::sharing::Redis;
use crate::{Error, Project, builtin, sharing, working};

/// Where everything is, and what the server is told.
pub(super) struct Ground<'a> {
    pub(super) settings: &'a Settings,
    pub(super) environment: &'a Environment,
    pub(super) project: &'a Project,
    pub(super) place: &'a Place,
    pub(super) database: &'a Database,
    pub(super) redis: Option<&'a Redis>,
}

/// Puts the parts together, and runs in `tasks` what has to run beside them.
pub(super) async fn parts(
    ground: &Ground<'_>,
    assembled: &Assembled,
    tasks: &Tasks,
) -> Result<Managed, Error> {
    let identities = Identities::open(ground.settings, ground.environment, ground.database).await?;
    identities.run(tasks);
    if let Some(shared) = &assembled.shared {
        sharing::run(shared, tasks);
    }
    let limits = limits(ground, tasks).await?;
    let engine = Arc::new(engine(ground, assembled, tasks)?);
    let server = &ground.settings.server;
    let manage = ManageParts {
        authenticate: Arc::clone(&identities.identity) as _,
        gate: Arc::clone(&limits.gate),
        identity: Some(Arc::clone(&identities.identity)),
        tokens: Some(Arc::clone(&identities.tokens)),
        sign_ins: identities.sign_ins.clone(),
        connections: Some(identities.connections(ground.settings, ground.environment, tasks)?),
        limits: Some(Arc::clone(&limits.keeper)),
        workflows: Some(Arc::clone(&engine) as _),
        executions: Some(engine),
        audit: Some(Arc::clone(identities.identity.audit()) as _),
        address: ClientAddress::behind(server.trusted_proxies.clone()),
        about: about(ground.settings),
        settings: ManageSettings {
            hsts: server.hsts,
            origins: server.cors_origins.clone(),
            ..ManageSettings::default()
        },
    };
    Ok(Managed { manage, identities, limits })
}

/// What was put together.
pub(super) struct Managed {
    pub(super) manage: ManageParts,
    pub(super) identities: Identities,
    pub(super) limits: RequestLimits,
}

/// Limits on requests, and how they fare.
pub(super) struct RequestLimits {
    gate: Arc<dyn Gate>,
    keeper: Arc<RuleKeeper>,
    pub(super) metrics: Arc<GateMetrics>,
    /// Counts together with other processes.
    pub(super) shared: Option<Arc<SharedLimiter>>,
}

async fn limits(ground: &Ground<'_>, tasks: &Tasks) -> Result<RequestLimits, Error> {
    let book = Arc::new(RuleBook::new(ground.settings.limits.requests.clone())?);
    let keeper = Arc::new(RuleKeeper::new(Arc::new(ground.database.clone()), Arc::clone(&book)));
    keeper.refresh().await?;
    let (watching, stop) = (Arc::clone(&keeper), tasks.stop_token());
    tasks.spawn("limit rules", async move { watching.watch(stop).await });
    let metrics = Arc::new(GateMetrics::new());
    let shared = ground.redis.and_then(|redis| redis.limiter("requests"));
    let observer = Arc::clone(&metrics) as _;
    let gate: Arc<dyn Gate> = match &shared {
        Some(shared) => {
            sharing::run(shared, tasks);
            Arc::new(SharedGate::new(book, Arc::clone(shared)).observed(observer))
        }
        None => Arc::new(LocalGate::new(book, Arc::new(SystemClock)).observed(observer)),
    };
    Ok(RequestLimits { gate, keeper, metrics, shared })
}

fn engine(ground: &Ground<'_>, assembled: &Assembled, tasks: &Tasks) -> Result<EnginePorts, Error> {
    let surroundings = (ground.environment, &ground.settings.sandbox);
    let actions = builtin::runner(ground.project, surroundings, gateway::steps(assembled), Vec::new());
    let engine = Engine::new(Parts {
        store: Arc::new(ground.database.clone()),
        actions: Arc::clone(&actions) as _,
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds),
        observer: Arc::new(Silent),
    });
    let wire = working::wire(ground.settings, ground.place, ground.database, ground.redis)?;
    let engine = engine.with_wakeups(working::wakeups(wire, tasks));
    Ok(EnginePorts { engine, actions })
}

fn about(settings: &Settings) -> About {
    let features = [
        ("authentication", true),
        ("rate_limiting", true),
        ("retry_logic", settings.retry.attempts > 1),
        ("optimized_queries", true),
        ("circuit_breaker", true),
        ("model_fallback", true),
        ("response_cache", settings.cache.enabled),
    ];
    let features = features.into_iter().map(|(name, is_on)| (name.to_owned(), is_on)).collect();
    About { version: env!("CARGO_PKG_VERSION").to_owned(), features }
}
