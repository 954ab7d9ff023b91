//! How this process and others that share its database wake each other, as the settings say.

use std::sync::Arc;

use codeflow_config::{Environment, LocalSecrets, WakeupMode, WorkerSettings};
use codeflow_engine::{WakeupSettings, Wakeups, Wire};
use codeflow_persistence::{DatabaseSettings, PostgresWire};
use codeflow_redis::RedisWire;
use codeflow_runtime::{SystemIds, Tasks};

use crate::{Error, ErrorKind};

/// Wake-ups that one of `tasks` keeps going. Nothing is connected yet.
pub(crate) fn over(
    settings: &WorkerSettings,
    database: &DatabaseSettings,
    environment: &Environment,
    tasks: &Tasks,
) -> Result<Wakeups, Error> {
    let wire: Arc<dyn Wire> = match settings.wakeups {
        WakeupMode::Poll => return Ok(Wakeups::none()),
        WakeupMode::Listen => Arc::new(PostgresWire::new(database)),
        WakeupMode::Redis => {
            let missing = || Error::new(ErrorKind::Wakeups, "`worker.redis_url` does not say where Redis is");
            let place = settings.redis_url.as_ref().ok_or_else(missing)?;
            let url = LocalSecrets::new(environment.clone()).read(place)?;
            let unusable = |error| {
                Error::new(ErrorKind::Wakeups, "`worker.redis_url` cannot be used").with_source(error)
            };
            Arc::new(RedisWire::new(&url).map_err(unusable)?)
        }
    };
    Ok(Wakeups::over(wire, WakeupSettings::default(), &SystemIds, tasks))
}
