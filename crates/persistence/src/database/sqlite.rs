//! Connections to SQLite: one that writes, four that read.

use codeflow_engine::Error;
use deadpool::Runtime;
use diesel::ConnectionResult;
use diesel_async::pooled_connection::deadpool::Pool as ConnPool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use futures_util::FutureExt;

use crate::conn::LiteConn;
use crate::error::unreachable;
use crate::settings::DatabaseSettings;

const READERS: usize = 4;

/// Waiting for another process comes first: the other settings need the file, too.
const SETUP: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                     PRAGMA foreign_keys = ON; PRAGMA cache_size = -8000;";
const READ_ONLY: &str = "PRAGMA query_only = ON;";

/// The connections to one file.
#[derive(Clone)]
pub(super) struct Pools {
    /// SQLite admits one writer; waiting for this one is fair and costs no thread.
    pub(super) write: ConnPool<LiteConn>,
    /// These see the last commit and never wait for the writer.
    pub(super) read: ConnPool<LiteConn>,
}

pub(super) fn pools(path: &str, settings: &DatabaseSettings) -> Result<Pools, Error> {
    Ok(Pools { write: pool(path, settings, 1, "")?, read: pool(path, settings, READERS, READ_ONLY)? })
}

fn pool(
    path: &str,
    settings: &DatabaseSettings,
    size: usize,
    more: &'static str,
) -> Result<ConnPool<LiteConn>, Error> {
    let mut config = ManagerConfig::<LiteConn>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |path| establish(path.to_owned(), more).boxed());
    let manager = AsyncDieselConnectionManager::new_with_config(path, config);
    ConnPool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(settings.pool_timeout))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(unreachable)
}

async fn establish(path: String, more: &'static str) -> ConnectionResult<LiteConn> {
    let mut conn = LiteConn::establish(&path).await?;
    let setup = format!("{SETUP}{more}");
    conn.batch_execute(&setup).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}
