//! Tokens with which integrations call other services in a tenant's name: kept sealed, handed out fresh.

mod refresh;
mod service;
mod tokens;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codeflow_core::{Clock, Tenant, Timestamp};
use codeflow_net::Client;
use codeflow_runtime::Tasks;
use secrecy::SecretString;
use tokio::time::Instant;

use self::refresh::Refreshed;
use self::tokens::{Lease, Sealed};
use crate::oidc::web::{Web, bad};
use crate::{Connection, ConnectionStore, Error, ErrorKind, Vault};

pub use self::service::{ConnectionService, SecretIn};
pub use self::tokens::{ConnectionTokens, ListedConnection};

/// A token that is good for less is not handed out any more.
const FRESH: Duration = Duration::from_secs(60);
/// How long the one who refreshes may take.
const LEASE: Duration = Duration::from_secs(30);
/// How long the one who refreshed tries to keep what they got.
const SAVING: Duration = Duration::from_secs(15);
/// How long somebody waits for the one who refreshes.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often they look.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);
/// How often a change is tried that others are faster with.
const TRIES: u32 = 5;
/// How many connections a tenant has at most.
const MOST: usize = 500;

/// What connections are made from.
#[derive(Clone)]
pub struct ConnectionSources {
    /// Where they are kept.
    pub store: Arc<dyn ConnectionStore>,
    /// What seals them.
    pub vault: Arc<Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The way out.
    pub client: Client,
    /// Where tokens are refreshed: a caller who leaves must not lose the next refresh token.
    pub tasks: Tasks,
}

/// The connections of all tenants.
#[derive(Clone)]
pub struct Connections {
    all: Arc<All>,
}

struct All {
    services: BTreeMap<String, ConnectionService>,
    sources: ConnectionSources,
    web: Web,
    /// Who looks after which connection in this process, so that one does it for all.
    turns: Mutex<HashMap<Place, Arc<tokio::sync::Mutex<()>>>>,
}

/// Which connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Place {
    tenant: Tenant,
    service: String,
    name: String,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

impl Connections {
    /// Connections to these services, by name.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the setting that is wrong.
    pub fn new(
        services: BTreeMap<String, ConnectionService>,
        sources: ConnectionSources,
    ) -> Result<Self, Error> {
        services.iter().try_for_each(|(name, service)| service.check(name))?;
        let web = Web::new(&sources.client);
        Ok(Self { all: Arc::new(All { services, sources, web, turns: Mutex::default() }) })
    }

    /// Keeps tokens, in place of those that were kept under this name.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput); [`NotFound`](ErrorKind::NotFound) when settings know no such service;
    /// [`Conflict`](ErrorKind::Conflict) when the tenant has 500 already, or others change it all the time;
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn put(
        &self,
        tenant: &Tenant,
        service: &str,
        name: &str,
        tokens: ConnectionTokens,
    ) -> Result<(), Error> {
        self.all.service(service)?;
        let place = Place::new(tenant, service, name)?;
        tokens.check()?;
        let sealed = Sealed::from(&tokens);
        for _ in 0..TRIES {
            let version = self.all.find(&place).await?.map_or(0, |kept| kept.version);
            if version == 0 && self.all.sources.store.connections(tenant).await?.len() >= MOST {
                return Err(Error::new(ErrorKind::Conflict, "a tenant has at most 500 connections"));
            }
            if self.all.keep(&place, &sealed, version).await? {
                return Ok(());
            }
        }
        Err(Error::new(ErrorKind::Conflict, "the connection is changed by others all the time"))
    }

    /// An access token that is good for a minute at least, if the service gives such. Of many who ask at once, in all
    /// processes, one refreshes it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound); [`SignInFailed`](ErrorKind::SignInFailed) when the service takes the connection
    /// no more and somebody has to connect again; [`Unavailable`](ErrorKind::Unavailable) when trying again may help.
    pub async fn access_token(
        &self,
        tenant: &Tenant,
        service: &str,
        name: &str,
    ) -> Result<SecretString, Error> {
        let place = Place::new(tenant, service, name)?;
        if let Some(token) = self.all.look(&place).await?.usable() {
            return Ok(token);
        }
        let all = Arc::clone(&self.all);
        let task = async move {
            let turn = all.turn(&place);
            let _mine = turn.lock().await;
            all.fresh(&place).await
        };
        let ended = self.all.sources.tasks.spawn("refresh a connection", task).await.ok().flatten();
        ended.unwrap_or_else(|| Err(Error::new(ErrorKind::Unavailable, "the process is ending")))
    }

    /// The connections of a tenant, without what is secret.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn list(&self, tenant: &Tenant) -> Result<Vec<ListedConnection>, Error> {
        let kept = self.all.sources.store.connections(tenant).await?;
        Ok(kept.into_iter().map(ListedConnection::from).collect())
    }

    /// Removes a connection. False when there is none.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn remove(&self, tenant: &Tenant, service: &str, name: &str) -> Result<bool, Error> {
        self.all.sources.store.remove_connection(tenant, service, name).await
    }
}

impl All {
    /// Refreshes, or waits for another process that does.
    async fn fresh(&self, place: &Place) -> Result<SecretString, Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = self.look(place).await?;
            let leased = seen.sealed.leased(self.now());
            // What is good for some seconds is better than to wait.
            if let Some(token) = seen.usable().or(seen.good().filter(|_| leased)) {
                return Ok(token);
            }
            if Instant::now() >= until {
                return Err(Error::new(ErrorKind::Unavailable, "somebody else refreshes the connection"));
            }
            if leased {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            } else if let Some(token) = self.refresh(place, &seen).await? {
                return Ok(token);
            }
        }
    }

    /// Refreshes, if nobody else does. Nothing when somebody was faster, or replaced the connection meanwhile.
    async fn refresh(&self, place: &Place, seen: &Seen) -> Result<Option<SecretString>, Error> {
        let leased = seen.sealed.with(Lease::Until(self.now().after(LEASE)));
        if !self.keep(place, &leased, seen.version).await? {
            return Ok(None);
        }
        let version = seen.version + 1;
        let asked = match self.service(&place.service) {
            Ok(service) => service.refresh(&self.web, &seen.sealed, self.now()).await,
            Err(error) => Err(error),
        };
        let (lease, error) = match asked {
            Ok(Refreshed::Tokens(sealed)) => return self.save(place, &sealed, version).await,
            Ok(Refreshed::Refused) => (Lease::Refused, refused()),
            Err(error) => (Lease::None, error),
        };
        // If this cannot be kept, the lease ends by itself.
        self.keep(place, &seen.sealed.with(lease), version).await.ok();
        seen.good().map(Some).ok_or(error)
    }

    /// Keeps what the service gave out. It does so once: storage that is away is waited for as long as the lease holds.
    /// Nothing when there is another version, be it one of ours whose answer was lost.
    async fn save(
        &self,
        place: &Place,
        sealed: &Sealed,
        version: i64,
    ) -> Result<Option<SecretString>, Error> {
        let until = Instant::now() + SAVING;
        loop {
            match self.keep(place, sealed, version).await {
                Ok(kept) => return Ok(kept.then(|| sealed.token())),
                Err(error) if error.kind() != ErrorKind::Unavailable || Instant::now() >= until => {
                    tracing::error!(error = %error, service = place.service, "tokens of a service are lost");
                    return Err(error);
                }
                Err(_) => tokio::time::sleep(BETWEEN_LOOKS).await,
            }
        }
    }

    async fn look(&self, place: &Place) -> Result<Seen, Error> {
        let none = || Error::new(ErrorKind::NotFound, "there is no such connection");
        let kept = self.find(place).await?.ok_or_else(none)?;
        let sealed = Sealed::open(&kept.secret, &place.purpose(), &self.sources.vault)?;
        let seen = Seen { sealed, version: kept.version, now: self.now() };
        if seen.good().is_none() && !seen.sealed.can_be_refreshed() {
            return Err(refused());
        }
        Ok(seen)
    }

    async fn keep(&self, place: &Place, sealed: &Sealed, version: i64) -> Result<bool, Error> {
        let connection = Connection {
            tenant: place.tenant.clone(),
            service: place.service.clone(),
            name: place.name.clone(),
            secret: sealed.seal(&place.purpose(), &self.sources.vault)?,
            scopes: sealed.scopes.clone(),
            expires_at: sealed.expires_at(),
            version: version + 1,
        };
        self.sources.store.put_connection(&connection).await
    }

    async fn find(&self, place: &Place) -> Result<Option<Connection>, Error> {
        self.sources.store.find_connection(&place.tenant, &place.service, &place.name).await
    }

    fn service(&self, name: &str) -> Result<&ConnectionService, Error> {
        let none = || Error::new(ErrorKind::NotFound, "there is no such service");
        self.services.get(name).ok_or_else(none)
    }

    fn turn(&self, place: &Place) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that nobody takes any more.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(place.clone()).or_default())
    }

    fn now(&self) -> Timestamp {
        self.sources.clock.now()
    }
}

/// A connection as it was at a moment.
struct Seen {
    sealed: Sealed,
    version: i64,
    now: Timestamp,
}

impl Seen {
    /// The token, if it is good at all.
    fn good(&self) -> Option<SecretString> {
        self.sealed.good_at(self.now).then(|| self.sealed.token())
    }

    /// The token, if it is good for a while, or as good as it gets.
    fn usable(&self) -> Option<SecretString> {
        let fresh = self.sealed.good_at(self.now.after(FRESH)) || !self.sealed.can_be_refreshed();
        self.good().filter(|_| fresh)
    }
}

impl Place {
    fn new(tenant: &Tenant, service: &str, name: &str) -> Result<Self, Error> {
        if !(1..=100).contains(&name.len()) || name.chars().any(char::is_control) {
            return Err(Error::field(
                "name",
                "the name of a connection has 1 to 100 bytes and no control characters",
            ));
        }
        Ok(Self { tenant: tenant.clone(), service: service.to_owned(), name: name.to_owned() })
    }

    /// What is sealed for one connection is nothing for another. No tenant and no service has a `:` in its name.
    fn purpose(&self) -> String {
        format!("connection:{}:{}:{}", self.tenant, self.service, self.name)
    }
}

fn refused() -> Error {
    bad("the other service takes this connection no more; somebody has to connect again")
}
