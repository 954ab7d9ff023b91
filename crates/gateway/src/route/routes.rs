//! Which names there are: routes of the settings, models of the registry, and names that only a provider knows.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use codeflow_model::{ApiClientError, ErrorKind, ModelEntry, OnRetired, Registry, RegistryErrorKind};

use super::{Hop, Needs, Route, Weights};
use crate::ModelSource;

/// How many names that are not routes are remembered.
const REMEMBERED: usize = 1024;

/// A route as the settings say it.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteRule {
    /// The name that callers use.
    pub name: String,
    /// The models, as `provider/model` or by a name that the registry knows, the first choice first.
    pub models: Vec<String>,
    /// What every model must be able to do.
    pub require: Needs,
    /// What decides the order; without weights it is that of `models`.
    pub weights: Option<Weights>,
}

/// A route cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("route `{route}` {problem}")]
pub struct RoutesError {
    route: String,
    problem: String,
}

/// All names that can be asked for.
pub struct Routes {
    registry: Arc<Registry>,
    source: Arc<dyn ModelSource>,
    on_retired: OnRetired,
    routes: HashMap<String, Arc<Route>>,
    remembered: RwLock<HashMap<String, Arc<Route>>>,
}

impl Routes {
    /// Checks the routes against the registry and the providers. A route keeps the models whose provider is configured.
    ///
    /// # Errors
    ///
    /// When a route has no models, names one that is retired or of a provider that nobody knows, or has the name of a
    /// model.
    pub fn new(
        rules: Vec<RouteRule>,
        registry: Arc<Registry>,
        source: Arc<dyn ModelSource>,
        on_retired: OnRetired,
    ) -> Result<Self, RoutesError> {
        let mut routes =
            Self { registry, source, on_retired, routes: HashMap::new(), remembered: RwLock::default() };
        for rule in rules {
            let route = routes.read(&rule)?;
            routes.routes.insert(rule.name, Arc::new(route));
        }
        Ok(routes)
    }

    /// The routes of the settings, in the order of the alphabet.
    pub fn named(&self) -> Vec<Arc<Route>> {
        let mut all: Vec<_> = self.routes.values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The models of the registry whose provider is configured, retired ones left out.
    pub fn served(&self) -> Vec<Arc<ModelEntry>> {
        let providers = self.source.providers();
        let served = |entry: &&Arc<ModelEntry>| {
            !entry.retired && providers.iter().any(|provider| **provider == *entry.provider)
        };
        self.registry.entries().filter(served).cloned().collect()
    }

    /// Finds the models that answer to a name.
    ///
    /// # Errors
    ///
    /// `ModelNotAvailable` when nobody does, with what may have been meant; or when it is retired, with its successor.
    pub fn find(&self, name: &str) -> Result<Arc<Route>, ApiClientError> {
        if let Some(route) = self.routes.get(name) {
            if route.hops.is_empty() {
                return Err(unavailable(format!("no provider of route `{name}` is configured")));
            }
            return Ok(Arc::clone(route));
        }
        let known = self.remembered.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(route) = known {
            return Ok(route);
        }
        let hops = self.hops(name)?;
        let route = Arc::new(Route { name: name.into(), hops, require: Needs::default(), weights: None });
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(name.to_owned(), Arc::clone(&route));
        Ok(route)
    }

    fn read(&self, rule: &RouteRule) -> Result<Route, RoutesError> {
        let wrong = |problem: String| RoutesError { route: rule.name.clone(), problem };
        if rule.models.is_empty() {
            return Err(wrong("names no models".to_owned()));
        }
        if self.registry.find(&rule.name).is_some() {
            return Err(wrong("has the name of a model, which could then not be asked for".to_owned()));
        }
        let mut hops = Vec::new();
        for model in &rule.models {
            match self.hops(model) {
                Ok(found) => hops.extend(found.into_iter().next()),
                Err(error) if self.is_merely_unconfigured(model) => {
                    tracing::warn!(route.name = %rule.name, model.name = %model, %error, "a model of a route is left out");
                }
                Err(error) => return Err(wrong(format!("names `{model}`: {error}"))),
            }
        }
        Ok(Route {
            name: rule.name.as_str().into(),
            hops,
            require: rule.require.clone(),
            weights: rule.weights,
        })
    }

    fn is_merely_unconfigured(&self, model: &str) -> bool {
        match model.split_once('/') {
            Some((provider, _)) if self.source.missing(provider).is_some() => true,
            Some(_) | None => self.registry.resolve(model, self.on_retired).is_ok(),
        }
    }

    /// Everybody who serves a name, in the order of the registry.
    fn hops(&self, name: &str) -> Result<Vec<Hop>, ApiClientError> {
        let providers = self.source.providers();
        // `provider/name` always reaches that provider, whether or not the registry knows the model.
        if let Some((provider, model)) = name.split_once('/')
            && providers.iter().any(|known| **known == *provider)
        {
            let entry = self.current(name)?;
            let model = entry.as_ref().map_or(model, |entry| &entry.id);
            return Ok(self.hop(provider, model, entry.clone()).into_iter().collect());
        }
        match self.registry.resolve(name, self.on_retired) {
            Ok(entry) => self.offers(name, entry),
            Err(error) => match (error.kind(), providers.as_slice()) {
                (RegistryErrorKind::UnknownModel, [only]) if !name.contains('/') => {
                    Ok(self.hop(only, name, None).into_iter().collect())
                }
                _ => Err(unavailable(error.to_string()).because(error)),
            },
        }
    }

    /// The configured providers among those who serve a model of the registry.
    fn offers(&self, name: &str, entry: &Arc<ModelEntry>) -> Result<Vec<Hop>, ApiClientError> {
        let others = self.registry.offers(name).filter(|offer| !offer.retired && !Arc::ptr_eq(offer, entry));
        let all = std::iter::once(entry).chain(others);
        let hops: Vec<_> =
            all.filter_map(|offer| self.hop(&offer.provider, &offer.id, Some(Arc::clone(offer)))).collect();
        if hops.is_empty() {
            let reason = self.source.missing(&entry.provider);
            let reason = reason.unwrap_or_else(|| format!("provider `{}` is not configured", entry.provider));
            return Err(unavailable(format!("model `{name}` cannot be asked: {reason}")));
        }
        Ok(hops)
    }

    /// The entry of `provider/name`, or its successor; none when the registry does not know it.
    fn current(&self, name: &str) -> Result<Option<Arc<ModelEntry>>, ApiClientError> {
        match self.registry.resolve(name, self.on_retired) {
            Ok(entry) => Ok(Some(Arc::clone(entry))),
            Err(error) => match error.kind() {
                RegistryErrorKind::RetiredModel => Err(unavailable(error.to_string()).because(error)),
                RegistryErrorKind::UnknownModel | RegistryErrorKind::InvalidEntry => Ok(None),
            },
        }
    }

    fn hop(&self, provider: &str, model: &str, entry: Option<Arc<ModelEntry>>) -> Option<Hop> {
        let client = self.source.open(provider, model)?;
        let passes = client.describe().passes;
        Some(Hop { provider: provider.into(), model: model.into(), entry, client, passes })
    }
}

fn unavailable(text: String) -> ApiClientError {
    ApiClientError::new(ErrorKind::ModelNotAvailable, text)
}
