//! Connections to other services, put together from the settings and the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use codeflow_auth::{ConnectionService, ConnectionSources, Connections, SecretIn, Vault};
use codeflow_config::{ConnectionSettings, LocalSecrets, SecretPlace};
use codeflow_net::{AllowedHost, Client, Guard, Limits, NetPolicy};
use codeflow_persistence::Database;
use codeflow_runtime::{SystemClock, Tasks};

use super::allowed;
use crate::{Error, ErrorKind};

/// What connections are kept in and sealed with, and where they are refreshed.
pub(super) struct Ground<'a> {
    pub(super) database: &'a Database,
    pub(super) vault: &'a Arc<Vault>,
    pub(super) tasks: &'a Tasks,
}

/// The connections of all tenants. Hosts of services may be inside the network, since an operator names them.
pub(super) fn connections(
    settings: &ConnectionSettings,
    secrets: &LocalSecrets,
    ground: &Ground<'_>,
) -> Result<Connections, Error> {
    let unusable = |error: codeflow_net::Error| {
        Error::new(ErrorKind::Gateway, "the way out cannot be set up").with_source(error)
    };
    let policy = NetPolicy { allowed_hosts: hosts(settings)?, ..NetPolicy::default() };
    let sources = ConnectionSources {
        store: Arc::new(ground.database.clone()),
        vault: Arc::clone(ground.vault),
        clock: Arc::new(SystemClock),
        client: Client::new(Guard::new(policy), Limits::default()).map_err(unusable)?,
        tasks: ground.tasks.clone(),
    };
    let made = Connections::new(services(settings, secrets)?, sources)?;
    match &settings.callback {
        Some(callback) => Ok(made.with_callback(callback.clone(), Arc::new(ground.database.clone()))?),
        None => Ok(made),
    }
}

fn services(
    settings: &ConnectionSettings,
    secrets: &LocalSecrets,
) -> Result<BTreeMap<String, ConnectionService>, Error> {
    let mut services = BTreeMap::new();
    for (name, said) in &settings.services {
        let client_secret =
            said.client_secret.as_ref().map(|reference| secrets.read(reference)).transpose()?;
        let service = ConnectionService {
            authorize: Some(said.authorize.clone()),
            token: said.token.clone(),
            client_id: said.client_id.clone(),
            client_secret,
            secret_in: match said.secret_in {
                SecretPlace::Header => SecretIn::Header,
                SecretPlace::Form => SecretIn::Form,
            },
            scopes: said.scopes.clone(),
        };
        services.insert(name.clone(), service);
    }
    Ok(services)
}

/// The hosts that are asked for tokens. People's browsers go to the others.
fn hosts(settings: &ConnectionSettings) -> Result<Vec<AllowedHost>, Error> {
    settings
        .services
        .values()
        .filter_map(|said| allowed(&said.token, "auth.connections").transpose())
        .collect()
}
