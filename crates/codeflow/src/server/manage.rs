//! What the paths under `/api` work with: identity, limits, and an engine that starts executions and leaves running
//! them to workers.

use std::sync::Arc;

use codeflow_api::{About, EnginePorts, ManageParts};
use codeflow_config::{Environment, Settings};
use codeflow_engine::{Engine, Parts, Silent};
use codeflow_persistence::Database;
use codeflow_ratelimit::{LocalGate, RuleBook, RuleKeeper, Rules};
use codeflow_runtime::{SystemClock, SystemIds, Tasks};

use crate::gateway::{self, Assembled};
use crate::identity::Identities;
use crate::place::Place;
use crate::{Error, Project, builtin, working};

/// Where everything is, and what the server is told.
pub(super) struct Ground<'a> {
    pub(super) settings: &'a Settings,
    pub(super) environment: &'a Environment,
    pub(super) project: &'a Project,
    pub(super) place: &'a Place,
    pub(super) database: &'a Database,
}

/// Puts the parts together, and runs in `tasks` what has to run beside them.
pub(super) async fn parts(
    ground: &Ground<'_>,
    assembled: &Assembled,
    tasks: &Tasks,
) -> Result<(ManageParts, Identities), Error> {
    let identities = Identities::open(ground.settings, ground.environment, ground.database).await?;
    identities.run(tasks);
    let (gate, keeper) = limits(ground, tasks)?;
    let engine = Arc::new(engine(ground, assembled, tasks)?);
    let parts = ManageParts {
        authenticate: Arc::clone(&identities.identity) as _,
        gate,
        identity: Some(Arc::clone(&identities.identity)),
        tokens: Some(Arc::clone(&identities.tokens)),
        limits: Some(keeper),
        workflows: Arc::clone(&engine) as _,
        executions: engine,
        ..ManageParts::closed(about(ground.settings))
    };
    Ok((parts, identities))
}

fn limits(ground: &Ground<'_>, tasks: &Tasks) -> Result<(Arc<LocalGate>, Arc<RuleKeeper>), Error> {
    let book = Arc::new(RuleBook::new(Rules::default())?);
    let keeper = Arc::new(RuleKeeper::new(Arc::new(ground.database.clone()), Arc::clone(&book)));
    let (watching, stop) = (Arc::clone(&keeper), tasks.stop_token());
    tasks.spawn("limit rules", async move { watching.watch(stop).await });
    Ok((Arc::new(LocalGate::new(book, Arc::new(SystemClock))), keeper))
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
    let wire = working::wire(ground.settings, ground.place, ground.environment)?;
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
