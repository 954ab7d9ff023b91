//! Settings as the program uses them: the whole, and the sections that every program reads.
//! The raw settings are the only way in.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;

use crate::checks::Checks;
use crate::raw::{RawDatabase, RawLog, RawSettings};
use crate::secrets::RawSecret;
use crate::sources::Sources;
use crate::{
    AuthSettings, BreakerSettings, BudgetSettings, CacheSettings, Environment, Error, Key, KeySettings,
    LimitSettings, LocalSecrets, ModelSettings, PolicySettings, Profile, ProviderSettings, RetentionSettings,
    RetrySettings, RouteSettings, SandboxSettings, SecretReference, SecretSource, ServerSettings,
    WorkerSettings, budgets, keys,
};

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The kind of place that the program runs in.
    pub profile: Profile,
    /// Where executions are kept.
    pub database: DatabaseSettings,
    /// How this process works on executions.
    pub worker: WorkerSettings,
    /// How long what has ended is kept.
    pub retention: RetentionSettings,
    /// What is written about the program's own doings.
    pub log: LogSettings,
    /// How the server listens, and how much it takes from whoever connects.
    pub server: ServerSettings,
    /// Who may sign in, and how they prove who they are.
    pub auth: AuthSettings,
    /// Who may call the server, by name. `CODEFLOW_MASTER_KEY` is the last one.
    pub keys: Vec<KeySettings>,
    /// The providers that settings name. Those of vendors' own variables are not among them.
    pub providers: Vec<ProviderSettings>,
    /// Names for choices between models.
    pub routes: Vec<RouteSettings>,
    /// What the list of models is told.
    pub models: ModelSettings,
    /// What calls to models may cost.
    pub budgets: Vec<BudgetSettings>,
    /// How much may be asked for in a minute.
    pub limits: LimitSettings,
    /// The bounds of the cache of answers.
    pub cache: CacheSettings,
    /// How often one model is asked.
    pub retry: RetrySettings,
    /// When a model is left alone.
    pub breaker: BreakerSettings,
    /// What no key may do.
    pub policy: PolicySettings,
    /// Whether commands of workflows run, and with how much.
    pub sandbox: SandboxSettings,
}

/// Where executions are kept.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// The address, which may hold a password. Without one, an SQLite file beside the repository's own data.
    pub url: Option<SecretString>,
    /// Connections that are kept open.
    pub pool_size: usize,
    /// Connections that are opened beyond that under load.
    pub max_overflow: usize,
    /// How long to wait for a connection.
    pub pool_timeout: Duration,
    /// The age at which a connection is replaced.
    pub pool_recycle: Duration,
}

/// What is written about the program's own doings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Which messages: a level, or `target=level` parts with commas between.
    pub filter: String,
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Where to listen.
    pub listen: Option<SocketAddr>,
    /// The database.
    pub database_url: Option<SecretString>,
}

impl Settings {
    /// Reads settings: defaults, then the file, then its part for the profile, then the environment; the last one that
    /// speaks decides. `CODEFLOW_PROFILE` chooses the profile.
    ///
    /// Without `file`, `codeflow.toml` in the working folder is read if there is one. Parts for other profiles are read
    /// too, so that a mistake in them does not wait for the day on which they hold.
    ///
    /// # Errors
    /// Every [`ErrorKind`](crate::ErrorKind); the message names every setting that is wrong and where it was made.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, Error> {
        let profile = Profile::chosen(environment)?;
        let sources = Sources::read(file, environment)?;
        let said = sources.under(profile);
        let mut checks = Checks::default();
        let (mut settings, database) = said.raw()?.settle(profile, environment, &mut checks);
        if profile == Profile::Prod {
            checks.refuse_inline(|key| said.is_in_file(key));
        }
        said.finish(checks)?;
        for other in sources.profiles_beside(profile) {
            let (said, mut checks) = (sources.under(other), Checks::default());
            said.raw()?.settle(other, environment, &mut checks);
            said.finish(checks)?;
        }
        let secrets = LocalSecrets::new(environment.clone());
        settings.database.url = database.map(|url| secrets.read(&url)).transpose()?;
        Ok(settings)
    }

    /// The same settings with what the command line says, which wins over file and environment.
    #[must_use]
    pub fn with(mut self, flags: Flags) -> Self {
        self.server.listen = flags.listen.unwrap_or(self.server.listen);
        self.database.url = flags.database_url.or(self.database.url);
        self
    }

    /// Fetches the keys and keeps their digests.
    ///
    /// # Errors
    /// [`UnreadableSecret`](crate::ErrorKind::UnreadableSecret) when one is not where settings say,
    /// [`InvalidValue`](crate::ErrorKind::InvalidValue) when one is shorter than 16 characters, or two are the same.
    pub async fn resolve_keys(&self, secrets: &dyn SecretSource) -> Result<Vec<Key>, Error> {
        keys::resolve(&self.keys, secrets).await
    }
}

impl RawSettings {
    /// What the settings mean, and where the address of the database is, which is not fetched here.
    fn settle(
        self,
        profile: Profile,
        environment: &Environment,
        checks: &mut Checks,
    ) -> (Settings, Option<SecretReference>) {
        let providers = self.providers.into_iter();
        let routes = self.routes.into_iter();
        let (database, address) = self.database.settle(checks);
        let worker = self.worker.settle(checks);
        let limits = self.limits.settle(worker.redis_url.is_some(), checks);
        let settings = Settings {
            profile,
            database,
            retention: self.retention.settle(checks),
            log: self.log.settle(checks),
            server: self.server.settle(checks),
            auth: self.auth.settle(checks),
            keys: keys::settle(self.keys, environment, &limits.requests, checks),
            providers: providers.map(|(name, raw)| raw.settle(name, checks)).collect(),
            routes: routes.map(|(alias, raw)| raw.settle(alias, checks)).collect(),
            models: self.routing.settle(self.models, checks),
            budgets: budgets::settle(self.budgets, checks),
            limits,
            worker,
            cache: self.cache.settle(checks),
            retry: self.retry.settle(checks),
            breaker: self.breaker.settle(checks),
            policy: self.policy.settle(checks),
            sandbox: self.sandbox.settle(checks),
        };
        (settings, address)
    }
}

impl RawDatabase {
    fn settle(self, checks: &mut Checks) -> (DatabaseSettings, Option<SecretReference>) {
        let address = match self.url {
            RawSecret::Text(url) if url.is_empty() => None,
            RawSecret::Text(url) if !holds_password(&url) => Some(SecretReference::Inline(url.into())),
            url => Some(checks.secret("database.url", url)),
        };
        let settings = DatabaseSettings {
            url: None,
            pool_size: checks.count("database.pool_size", self.pool_size),
            max_overflow: self.max_overflow,
            pool_timeout: checks.duration("database.pool_timeout", &self.pool_timeout),
            pool_recycle: checks.duration("database.pool_recycle", &self.pool_recycle),
        };
        (settings, address)
    }
}

/// Whether an address has a password before its host.
fn holds_password(url: &str) -> bool {
    let authority = url.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':')) || url.contains("password=")
}

impl RawLog {
    fn settle(self, checks: &mut Checks) -> LogSettings {
        if self.filter.trim().is_empty() {
            checks.refuse("log.filter", "is empty; say `off` for silence");
        }
        LogSettings { filter: self.filter.trim().to_owned() }
    }
}
