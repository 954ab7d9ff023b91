//! Connections to SQLite: one that writes, four that read.

use std::time::Duration;

use codeflow_engine::Error;
use deadpool::Runtime;
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::Pool as ConnPool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio::time::sleep;

use crate::conn::LiteConn;
use crate::error::unreachable;
use crate::settings::DatabaseSettings;

const READERS: usize = 4;

/// Waiting for another process comes first: the other settings need the file, too.
const SETUP: &str = "PRAGMA busy_timeout = 10000; PRAGMA foreign_keys = ON; PRAGMA cache_size = -2000;";
const WRITER: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
const READER: &str = "PRAGMA query_only = ON;";

/// How often a connection is set up before it is given up, and the pause in between.
const TRIES: u32 = 200;
const PAUSE: Duration = Duration::from_millis(25);

/// The connections to one file.
#[derive(Clone)]
pub(super) struct Pools {
    /// SQLite admits one writer; waiting for this one is fair and costs no thread.
    pub(super) write: ConnPool<LiteConn>,
    /// These see the last commit and never wait for the writer.
    pub(super) read: ConnPool<LiteConn>,
}

pub(super) fn pools(path: &str, settings: &DatabaseSettings) -> Result<Pools, Error> {
    Ok(Pools { write: pool(path, settings, 1, WRITER)?, read: pool(path, settings, READERS, READER)? })
}

fn pool(
    path: &str,
    settings: &DatabaseSettings,
    size: usize,
    role: &'static str,
) -> Result<ConnPool<LiteConn>, Error> {
    let mut config = ManagerConfig::<LiteConn>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |path| establish(path.to_owned(), role).boxed());
    let manager = AsyncDieselConnectionManager::new_with_config(path, config);
    ConnPool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(settings.pool_timeout))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(unreachable)
}

async fn establish(path: String, role: &'static str) -> ConnectionResult<LiteConn> {
    let mut conn = LiteConn::establish(&path).await?;
    conn.batch_execute(SETUP).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    // The timeout does not hold for the change of a new file to WAL, which several processes may want at once.
    for _ in 1..TRIES {
        if conn.batch_execute(role).await.is_ok() {
            return Ok(conn);
        }
        sleep(PAUSE).await;
    }
    conn.batch_execute(role).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}
