//! How this process works, as the settings say, and how it and others that share its database wake each other.

use std::sync::Arc;

use codeflow_config::{Settings, WakeupMode, WorkerSettings};
use codeflow_engine::{WakeupSettings, Wakeups, Wire};
use codeflow_persistence::{Database, DatabaseSettings, PostgresWire};
use codeflow_runtime::{SystemIds, Tasks};

use crate::place::Place;
use crate::sharing::Redis;
use crate::{Error, ErrorKind};

/// What the engine is told. On SQLite this process is the only one.
pub(crate) fn settings(settings: &WorkerSettings, place: &Place) -> codeflow_engine::WorkerSettings {
    codeflow_engine::WorkerSettings {
        concurrency: settings.concurrency,
        lease: settings.lease,
        poll: settings.poll,
        lanes: settings.lanes.clone(),
        grace: settings.grace,
        exclusive: place.folder().is_some(),
    }
}

/// How the database is reached. A statement that was frozen must not outlive the lease of who made it.
pub(crate) fn database(settings: &Settings, place: &Place) -> DatabaseSettings {
    let usual = place.database(&settings.database);
    DatabaseSettings {
        statement_timeout: usual.statement_timeout.min(settings.worker.lease * 2 / 3),
        ..usual
    }
}

/// What carries wake-ups to other processes, if settings want any and there may be others.
pub(crate) fn wire(
    settings: &Settings,
    place: &Place,
    pool: &Database,
    redis: Option<&Redis>,
) -> Result<Option<Arc<dyn Wire>>, Error> {
    let Place::Shared(_) = place else { return Ok(None) };
    match settings.worker.wakeups {
        WakeupMode::Poll => Ok(None),
        WakeupMode::Listen => {
            let wire = PostgresWire::new(&database(settings, place)).sending_over(pool);
            Ok(Some(Arc::new(wire)))
        }
        WakeupMode::Redis => {
            let missing = || Error::new(ErrorKind::Wakeups, "`worker.redis_url` does not say where Redis is");
            Ok(Some(Arc::new(redis.ok_or_else(missing)?.wire())))
        }
    }
}

/// Wake-ups over a wire, if there is one, which one of `tasks` keeps going.
pub(crate) fn wakeups(wire: Option<Arc<dyn Wire>>, tasks: &Tasks) -> Wakeups {
    wire.map_or_else(Wakeups::none, |wire| Wakeups::over(wire, WakeupSettings::default(), &SystemIds, tasks))
}
