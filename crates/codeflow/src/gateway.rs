//! The model gateway, put together from the settings: which providers, which routes, what may be spent.

mod ask;
mod clients;
mod limits;
mod observer;
mod rules;
mod unkept;

use std::sync::Arc;
use std::time::Duration;

use codeflow_actions::{Models, NoModels};
use codeflow_config::{Environment, LocalSecrets, Settings};
use codeflow_gateway::{
    AccountSettings, AccountStore, Accounts, CacheBounds, Committer, Gateway, LocalCache, ModelPolicy,
    ModelSource, Parts, Policy, ResponseCache, Routes,
};
use codeflow_model::{Registry, Repeat};
use codeflow_providers::{Availability, CircuitSettings};
use codeflow_ratelimit::SharedLimiter;
use codeflow_runtime::{SystemClock, SystemIds};
use codeflow_telemetry::{GatewayMetrics, ModelName};

pub(crate) use clients::Clients;
pub(crate) use unkept::Unkept;

use crate::{Error, ErrorKind};
use ask::GatewayModels;
use limits::MinuteLimits;
use observer::Metrics;

/// A gateway and what runs beside it.
pub(crate) struct Assembled {
    pub(crate) gateway: Gateway,
    pub(crate) accounts: Accounts,
    /// Writes accounts; it has to be run.
    pub(crate) committer: Committer,
    pub(crate) availability: Arc<Availability>,
    pub(crate) metrics: Arc<GatewayMetrics>,
    pub(crate) clients: Arc<Clients>,
    /// Counts limits of models together with other processes; it has to be run.
    pub(crate) shared: Option<Arc<SharedLimiter>>,
}

/// Puts a gateway together, whose limits `shared` counts, if others count them, too. Nothing is sent and nothing runs yet.
pub(crate) fn assemble(
    settings: &Settings,
    environment: &Environment,
    store: Arc<dyn AccountStore>,
    shared: Option<Arc<SharedLimiter>>,
) -> Result<Assembled, Error> {
    let unusable = |error: codeflow_model::RegistryError| {
        Error::new(ErrorKind::Gateway, "the settings of models cannot be used").with_source(error)
    };
    let registry = Registry::builtin().with(&rules::served(settings)).map_err(unusable)?;
    let registry = Arc::new(registry.with(&settings.models.overrides).map_err(unusable)?);
    let clock = Arc::new(SystemClock);
    let availability = Availability::new(circuits(settings), clock.clone());
    let secrets = LocalSecrets::new(environment.clone());
    let clients = Arc::new(Clients::new(settings, environment, &secrets, &registry, &availability)?);
    let source: Arc<dyn ModelSource> = clients.clone();
    let mut all = rules::routes(settings);
    all.extend(rules::usual_routes(settings, &source.providers()));
    let routes = Routes::new(all, registry, source.clone(), settings.models.on_retired).map_err(|error| {
        Error::new(ErrorKind::Gateway, "the settings of routes cannot be used").with_source(error)
    })?;
    let metrics = Arc::new(GatewayMetrics::new(served(&routes)));
    let (accounts, committer) = Accounts::new(
        rules::budgets(settings),
        store,
        clock.clone(),
        Arc::new(SystemIds),
        AccountSettings::default(),
    );
    let gateway = Gateway::new(Parts {
        routes,
        source,
        accounts: accounts.clone(),
        limits: Arc::new(MinuteLimits::new(settings, clock.clone(), shared.clone())),
        cache: cache(settings),
        policies: policies(settings),
        repeat: Repeat {
            attempts: settings.retry.attempts,
            first: settings.retry.first,
            cap: settings.retry.cap,
            jitter: settings.retry.jitter,
        },
        observer: Arc::new(Metrics::new(metrics.clone())),
        clock,
        ids: Arc::new(SystemIds),
    });
    Ok(Assembled { gateway, accounts, committer, availability, metrics, clients, shared })
}

/// Whom the `llm/*` steps ask: the gateway, if a provider is configured; and what writes its accounts.
pub(crate) fn models(
    settings: &Settings,
    environment: &Environment,
    store: Arc<dyn AccountStore>,
    shared: Option<Arc<SharedLimiter>>,
) -> Result<(Arc<dyn Models>, Option<Committer>), Error> {
    Ok(ask(assemble(settings, environment, store, shared)?))
}

/// The same of a gateway that is put together.
pub(crate) fn ask(assembled: Assembled) -> (Arc<dyn Models>, Option<Committer>) {
    if assembled.clients.providers().is_empty() {
        return (Arc::new(NoModels), None);
    }
    (Arc::new(GatewayModels::new(assembled.gateway)), Some(assembled.committer))
}

/// Whom steps ask, of a gateway that others use, too.
pub(crate) fn steps(assembled: &Assembled) -> Arc<dyn Models> {
    Arc::new(GatewayModels::new(assembled.gateway.clone()))
}

/// The models that have a series of their own; others are counted together.
fn served(routes: &Routes) -> Vec<ModelName> {
    let known = routes.served().into_iter().map(|entry| ModelName::new(&entry.provider, &entry.id));
    let routed = routes.named().into_iter().flat_map(|route| {
        route.hops.iter().map(|hop| ModelName::new(&*hop.provider, &*hop.model)).collect::<Vec<_>>()
    });
    known.chain(routed).collect()
}

fn circuits(settings: &Settings) -> CircuitSettings {
    let breaker = &settings.breaker;
    CircuitSettings {
        window: breaker.window,
        minimum: breaker.min_calls,
        failure_rate: breaker.error_rate,
        open: breaker.cool_down,
        // A provider that is left alone for longer gets its traffic back more slowly.
        ramp: breaker.cool_down.saturating_mul(2),
        open_cap: breaker.cool_down.saturating_mul(8).max(Duration::from_secs(60)),
        ..CircuitSettings::default()
    }
}

fn cache(settings: &Settings) -> Option<Arc<dyn ResponseCache>> {
    let cache = &settings.cache;
    if !cache.enabled {
        return None;
    }
    let bounds =
        CacheBounds { ttl: cache.ttl, bytes: cache.max_bytes as u64, entry_bytes: cache.max_entry_bytes };
    Some(Arc::new(LocalCache::new(bounds)))
}

fn policies(settings: &Settings) -> Vec<Arc<dyn Policy>> {
    let policy = &settings.policy;
    let models = ModelPolicy {
        allow: policy.allow_models.clone(),
        deny: policy.deny_models.clone(),
        max_output_tokens: policy.max_output_tokens.map(|most| u64::from(most.get())),
    };
    if models == ModelPolicy::default() { Vec::new() } else { vec![Arc::new(models)] }
}
