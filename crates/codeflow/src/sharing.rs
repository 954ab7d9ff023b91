//! What processes of an installation share over Redis: limits that they count together, and wake-ups. Several
//! installations may use one Redis, so all of it carries the name of the installation.

use std::sync::Arc;

use codeflow_auth::{SecretStore as _, Vault};
use codeflow_config::{Environment, LocalSecrets, SecretReference, Settings, WakeupMode};
use codeflow_persistence::Database;
use codeflow_ratelimit::{SharedLimiter, Sharing};
use codeflow_redis::{RedisAddress, RedisLimits, RedisWire};
use codeflow_runtime::{SystemClock, Tasks};
use secrecy::ExposeSecret as _;

use crate::{Error, ErrorKind};

/// What the name of the installation in Redis is kept under in the database. It is no secret, but chance makes it.
const NAME: &str = "name in redis";

/// The Redis of the settings, for whatever of this process uses it.
pub(crate) struct Redis {
    address: RedisAddress,
    installation: String,
    /// How limits are shared, if they are.
    sharing: Option<Sharing>,
}

impl Redis {
    /// None where settings want nothing of Redis. Nothing is connected yet.
    pub(crate) async fn of(
        settings: &Settings,
        environment: &Environment,
        database: &Database,
    ) -> Result<Option<Self>, Error> {
        let (worker, limits) = (&settings.worker, &settings.limits);
        let carries_wakeups = worker.wakeups == WakeupMode::Redis;
        let Some(url) = worker.redis_url.as_ref().filter(|_| limits.shared || carries_wakeups) else {
            return Ok(None);
        };
        let secrets = LocalSecrets::new(environment.clone());
        let authorities =
            worker.redis_ca.as_ref().map(|file| secrets.read(&SecretReference::File(file.clone())));
        let authorities = authorities.transpose()?;
        let authorities = authorities.as_ref().map(|pem| pem.expose_secret());
        let kind = if carries_wakeups { ErrorKind::Wakeups } else { ErrorKind::Gateway };
        let unusable = |error| Error::new(kind, "`worker.redis_url` cannot be used").with_source(error);
        let address = RedisAddress::parse(&secrets.read(url)?, authorities).map_err(unusable)?;
        let sharing = Sharing { part_alone: limits.share_without_redis, ..Sharing::default() };
        let installation = match &worker.redis_prefix {
            Some(prefix) => prefix.clone(),
            None => kept_name(database).await?,
        };
        Ok(Some(Self { address, installation, sharing: limits.shared.then_some(sharing) }))
    }

    /// What counts under this name together with other processes; none where settings do not want that.
    pub(crate) fn limiter(&self, name: &str) -> Option<Arc<SharedLimiter>> {
        let redis = RedisLimits::new(&self.address, &self.installation, name);
        Some(Arc::new(SharedLimiter::new(Arc::new(redis), Arc::new(SystemClock), self.sharing?)))
    }

    /// What carries wake-ups.
    pub(crate) fn wire(&self) -> RedisWire {
        RedisWire::new(&self.address, &self.installation)
    }
}

/// The name that all processes find which share the database.
async fn kept_name(database: &Database) -> Result<String, Error> {
    let kept = database.secret(NAME, &Vault::random::<8>()?).await?;
    Ok(kept.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Keeps the count with the others in one of `tasks`.
pub(crate) fn run(limiter: &Arc<SharedLimiter>, tasks: &Tasks) {
    let (limiter, stop) = (Arc::clone(limiter), tasks.stop_token());
    tasks.spawn("shared limits", async move { limiter.run(stop).await });
}
