//! A client for every provider that is configured, by settings or by the vendor's own variables, behind its deadlines
//! and its circuit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use codeflow_config::{
    Environment, LocalSecrets, ProviderCredentials, ProviderSettings, Settings, VendorVariables,
};
use codeflow_gateway::{ModelSource, Seen};
use codeflow_model::{ChatModel, Registry};
use codeflow_net::{Guard, NetPolicy, Pool, PoolSettings};
use codeflow_providers::{
    Availability, AwsCredentials, Breaker, Bulkhead, Credentials, Deadlines, Endpoint, ProviderSpec, Setup,
    Timeout, Vendor, provider,
};
use codeflow_runtime::SystemClock;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;

use crate::{Error, ErrorKind};

/// The name under which a provider's one key is known to its circuit.
const KEY: &str = "default";

/// The clients, and why others are missing.
pub(crate) struct Clients {
    clients: BTreeMap<Arc<str>, Arc<dyn ChatModel>>,
    availability: Arc<Availability>,
}

impl Clients {
    /// Makes a client for every provider that is configured. Nothing is sent.
    pub(crate) fn new(
        settings: &Settings,
        environment: &Environment,
        secrets: &LocalSecrets,
        registry: &Registry,
        availability: &Arc<Availability>,
    ) -> Result<Self, Error> {
        let mut clients = BTreeMap::new();
        for own in configured(settings, environment)? {
            let client = client(&own, secrets, availability)?;
            declare(availability, registry, &own.name, Setup::Configured);
            clients.insert(Arc::from(own.name.as_str()), client);
        }
        for vendor in Vendor::all().iter().filter(|vendor| !clients.contains_key(vendor.name.as_str())) {
            let setup = Setup::Missing(missing(vendor));
            declare(availability, registry, &vendor.name, setup);
        }
        Ok(Self { clients, availability: Arc::clone(availability) })
    }
}

impl ModelSource for Clients {
    fn providers(&self) -> Vec<Arc<str>> {
        self.clients.keys().cloned().collect()
    }

    fn open(&self, provider: &str, _model: &str) -> Option<Arc<dyn ChatModel>> {
        self.clients.get(provider).cloned()
    }

    fn missing(&self, provider: &str) -> Option<String> {
        if self.clients.contains_key(provider) {
            return None;
        }
        Vendor::find(provider).map(missing)
    }

    fn seen(&self, provider: &str, model: &str) -> Seen {
        let outlook = self.availability.outlook(provider, model);
        Seen { available: outlook.is_up, latency: outlook.first_token.map(|latency| latency.average) }
    }
}

fn declare(availability: &Availability, registry: &Registry, provider: &str, setup: Setup) {
    let models = registry.entries().filter(|entry| entry.provider == provider && !entry.retired);
    availability.declare(provider, setup, models.map(|entry| entry.id.as_str()));
}

fn missing(vendor: &Vendor) -> String {
    let names: Vec<_> = vendor.key_variables.iter().chain(&vendor.base_url_variables).collect();
    let names: BTreeSet<_> = names.into_iter().map(String::as_str).collect();
    let variables = names.into_iter().collect::<Vec<_>>().join("` or `");
    let name = &vendor.name;
    if variables.is_empty() {
        format!("provider `{name}` is not configured: write `[providers.{name}]`")
    } else {
        format!("provider `{name}` is not configured: set `{variables}`, or write `[providers.{name}]`")
    }
}

/// The providers of the settings, then those whose vendor's own variables are set.
fn configured(settings: &Settings, environment: &Environment) -> Result<Vec<ProviderSettings>, Error> {
    let mut all = settings.providers.clone();
    for vendor in Vendor::all() {
        let found = from_environment(vendor, environment)?;
        match (found, all.iter_mut().find(|own| own.name == vendor.name)) {
            (Some(found), None) => all.push(found),
            // What the settings leave open, the variables say.
            (Some(found), Some(own)) => {
                if matches!(own.credentials, ProviderCredentials::None) {
                    own.credentials = found.credentials;
                }
                own.base_url = own.base_url.take().or(found.base_url);
                own.region = own.region.take().or(found.region);
            }
            (None, _) => {}
        }
    }
    Ok(all)
}

fn from_environment(vendor: &Vendor, environment: &Environment) -> Result<Option<ProviderSettings>, Error> {
    let identity = vendor
        .identity_variables
        .as_ref()
        .map(|names| [&*names.access_key_id, &*names.secret_access_key, &*names.session_token]);
    let variables = VendorVariables {
        key: &vendor.key_variables,
        base_url: &vendor.base_url_variables,
        region: &vendor.region_variables,
        identity,
    };
    let found = ProviderSettings::from_environment(&vendor.name, variables, environment)?;
    Ok(found.filter(|found| {
        let has_key = !matches!(found.credentials, ProviderCredentials::None);
        // An address alone may be set for another program, and Amazon's variables for many purposes.
        (has_key || !vendor.needs_key) && (vendor.region_variables.is_empty() || found.region.is_some())
    }))
}

fn client(
    own: &ProviderSettings,
    secrets: &LocalSecrets,
    availability: &Arc<Availability>,
) -> Result<Arc<dyn ChatModel>, Error> {
    let unusable = |error: Box<dyn std::error::Error + Send + Sync>| {
        let context = format!("provider `{}` cannot be used as it is configured", own.name);
        Error::new(ErrorKind::Gateway, context).with_source(error)
    };
    let spec = ProviderSpec {
        name: own.name.clone(),
        vendor: own.vendor.clone(),
        base_url: own.base_url.clone(),
        region: own.region.clone(),
        overrides: serde_json::from_value(own.overrides.clone().into())
            .map_err(|error| unusable(error.into()))?,
    };
    let base = spec.address().map_err(|error| unusable(error.into()))?;
    let guard = guard(own, &base).map_err(|error| unusable(error.into()))?;
    let pool =
        Pool::new(&guard, PoolSettings { idle_per_host: own.max_connections, ..PoolSettings::default() })
            .map_err(|error| unusable(error.into()))?;
    let endpoint = Endpoint {
        base,
        credentials: Arc::new(Arc::new(credentials(own, secrets)?)),
        headers: headers(own, secrets)?,
    };
    let model = provider(&spec, endpoint, &guard, pool, Arc::new(SystemClock))
        .map_err(|error| unusable(error.into()))?;
    let timeouts = &own.timeouts;
    let deadlines = Deadlines {
        first_token: timeouts.first_token,
        between_tokens: timeouts.between_tokens,
        total: timeouts.total,
    };
    let bounded = Bulkhead::new(model, own.max_connections);
    let timed = Timeout::new(Arc::new(bounded), deadlines);
    Ok(Arc::new(Breaker::new(Arc::new(timed), Arc::clone(availability), KEY)))
}

/// A host that somebody named may be inside the network; so may one that a vendor has on the own machine.
fn guard(own: &ProviderSettings, base: &url::Url) -> Result<Guard, codeflow_net::Error> {
    let is_named = own.base_url.is_some() || base.scheme() == "http";
    let host = base.host_str().zip(base.port_or_known_default()).map(|(host, port)| format!("{host}:{port}"));
    let allowed = host.filter(|_| is_named);
    Ok(Guard::new(NetPolicy {
        allowed_hosts: allowed.map(|host| host.parse()).transpose()?.into_iter().collect(),
        connect_timeout: own.timeouts.connect,
        ..NetPolicy::default()
    }))
}

fn credentials(own: &ProviderSettings, secrets: &LocalSecrets) -> Result<Credentials, Error> {
    Ok(match &own.credentials {
        ProviderCredentials::None => Credentials::None,
        ProviderCredentials::Key(key) => Credentials::Key(secrets.read(key)?),
        ProviderCredentials::Aws { access_key_id, secret_access_key, session_token } => {
            Credentials::Aws(AwsCredentials {
                access_key_id: secrets.read(access_key_id)?.expose_secret().to_owned(),
                secret_access_key: secrets.read(secret_access_key)?,
                session_token: session_token.as_ref().map(|token| secrets.read(token)).transpose()?,
            })
        }
    })
}

fn headers(own: &ProviderSettings, secrets: &LocalSecrets) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in &own.headers {
        let wrong = || {
            let context = format!("header `{name}` of provider `{}` is none that can be sent", own.name);
            Error::new(ErrorKind::Gateway, context)
        };
        let value = secrets.read(value)?;
        let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| wrong())?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value);
    }
    Ok(headers)
}
