//! A tenant with one connection, and processes that use it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use codeflow_auth::{
    ConnectionService, ConnectionSources, ConnectionTokens, Connections, Error, SecretIn, Vault,
};
use codeflow_core::{Clock, Tenant};
use codeflow_net::{Client, Guard, Limits, NetPolicy};
use codeflow_runtime::Tasks;
use codeflow_testkit::ManualClock;
use secrecy::ExposeSecret;
use url::Url;

use super::service::Service;
use crate::kept::Kept;

pub(super) struct World {
    pub(super) kept: Arc<Kept>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) service: Service,
    pub(super) tasks: Tasks,
    pub(super) connections: Connections,
}

impl World {
    /// A connection whose token is good for an hour.
    pub(super) async fn new() -> Self {
        let (service, kept) = (Service::start().await, Arc::<Kept>::default());
        let (clock, tasks) = (Arc::new(ManualClock::default()), Tasks::new());
        let connections = make(&service, &kept, &clock, &tasks);
        let world = Self { kept, clock, service, tasks, connections };
        world.put(world.tokens()).await.unwrap();
        world
    }

    /// Another process.
    pub(super) fn process(&self) -> Connections {
        make(&self.service, &self.kept, &self.clock, &self.tasks)
    }

    pub(super) fn tokens(&self) -> ConnectionTokens {
        ConnectionTokens {
            access_token: "access-1".to_owned().into(),
            refresh_token: Some("refresh-1".to_owned().into()),
            expires_at: Some(self.clock.now().after(Duration::from_secs(3600))),
            scopes: vec!["repo".to_owned()],
        }
    }

    pub(super) async fn put(&self, tokens: ConnectionTokens) -> Result<(), Error> {
        self.connections.put(&Tenant::default(), "github", "main", tokens).await
    }

    pub(super) async fn get(&self) -> Result<String, Error> {
        get(&self.connections).await
    }

    pub(super) fn go_on(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(super) async fn get(connections: &Connections) -> Result<String, Error> {
    let token = connections.access_token(&Tenant::default(), "github", "main").await?;
    Ok(token.expose_secret().to_owned())
}

fn make(service: &Service, kept: &Arc<Kept>, clock: &Arc<ManualClock>, tasks: &Tasks) -> Connections {
    let services = BTreeMap::from([("github".to_owned(), settings(service))]);
    Connections::new(services, sources(service, kept, clock, tasks)).unwrap()
}

pub(super) fn settings(service: &Service) -> ConnectionService {
    ConnectionService {
        authorize: None,
        token: Url::parse(&format!("http://{}/token", service.address)).unwrap(),
        client_id: "client".to_owned(),
        client_secret: Some("secret".to_owned().into()),
        secret_in: SecretIn::Form,
        scopes: Vec::new(),
    }
}

pub(super) fn sources(
    service: &Service,
    kept: &Arc<Kept>,
    clock: &Arc<ManualClock>,
    tasks: &Tasks,
) -> ConnectionSources {
    let allowed = vec![service.address.to_string().parse().unwrap()];
    let policy = NetPolicy { allowed_hosts: allowed, ..NetPolicy::default() };
    ConnectionSources {
        store: kept.clone(),
        vault: Arc::new(Vault::new(&[7; 32]).unwrap()),
        clock: clock.clone(),
        client: Client::new(Guard::new(policy), Limits::default()).unwrap(),
        tasks: tasks.clone(),
    }
}
