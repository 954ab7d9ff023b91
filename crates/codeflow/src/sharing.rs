//! Limits that processes count together, over Redis.

use std::sync::Arc;

use codeflow_config::{Environment, LocalSecrets, Settings};
use codeflow_ratelimit::{SharedLimiter, Sharing};
use codeflow_redis::RedisLimits;
use codeflow_runtime::{SystemClock, Tasks};

use crate::{Error, ErrorKind};

/// What counts under this name together with other processes; none where settings do not want that.
pub(crate) fn limiter(
    settings: &Settings,
    environment: &Environment,
    name: &str,
) -> Result<Option<Arc<SharedLimiter>>, Error> {
    let Some(reference) = settings.worker.redis_url.as_ref().filter(|_| settings.limits.shared) else {
        return Ok(None);
    };
    let url = LocalSecrets::new(environment.clone()).read(reference)?;
    let redis = RedisLimits::new(&url, name).map_err(|error| {
        Error::new(ErrorKind::Gateway, "`worker.redis_url` cannot be used").with_source(error)
    })?;
    let sharing = Sharing { part_alone: settings.limits.share_without_redis, ..Sharing::default() };
    Ok(Some(Arc::new(SharedLimiter::new(Arc::new(redis), Arc::new(SystemClock), sharing))))
}

/// Keeps the count with the others in one of `tasks`.
pub(crate) fn run(limiter: &Arc<SharedLimiter>, tasks: &Tasks) {
    let (limiter, stop) = (Arc::clone(limiter), tasks.stop_token());
    tasks.spawn("shared limits", async move { limiter.run(stop).await });
}
