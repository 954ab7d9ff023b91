//! Connections to PostgreSQL.

use std::time::Duration;

use codeflow_core::Timestamp;
use codeflow_engine::Error;
use deadpool::Runtime;
use deadpool::managed::{QueueMode, Timeouts};
use diesel::{ConnectionResult, QueryableByName};
use diesel_async::pooled_connection::deadpool::{Hook, HookError, Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;

use crate::conn::PgConn;
use crate::error::{Fault, unreachable};
use crate::settings::DatabaseSettings;
use crate::sql_types::{At, DbTime};

pub(super) fn pool(url: &str, settings: &DatabaseSettings) -> Result<Pool<PgConn>, Error> {
    let setup = setup(settings);
    let mut config = ManagerConfig::<PgConn>::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |url| establish(url.to_owned(), setup.clone()).boxed());
    let manager = AsyncDieselConnectionManager::new_with_config(url, config);
    let recycle = settings.pool_recycle;
    let fresh = Hook::async_fn(move |conn, metrics| {
        let (old, idle) = (metrics.age() >= recycle, metrics.last_used());
        async move {
            if old {
                return Err(HookError::message("the connection is old"));
            }
            match idle < CHECKED_AFTER {
                true => Ok(()),
                false => check(conn).await,
            }
        }
        .boxed()
    });
    Pool::builder(manager)
        .max_size(settings.max_connections())
        // Whoever was used last has its plans and tables at hand, in the caches of the processor too.
        .queue_mode(QueueMode::Lifo)
        .wait_timeout(Some(settings.pool_timeout))
        .create_timeout(Some(settings.pool_timeout))
        .recycle_timeout(Some(settings.pool_timeout))
        .pre_recycle(fresh)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(unreachable)
}

/// A connection that is open and that nobody uses at this moment.
pub(super) async fn free(pool: &Pool<PgConn>) -> Option<Object<PgConn>> {
    if pool.status().available == 0 {
        return None;
    }
    let timeouts = Timeouts { wait: Some(Duration::ZERO), ..pool.timeouts() };
    pool.timeout_get(&timeouts).await.ok()
}

/// A connection that was used a moment ago is known to work, or known to be closed; one that was idle for longer is
/// asked.
const CHECKED_AFTER: Duration = Duration::from_millis(500);

async fn check(conn: &mut PgConn) -> Result<(), HookError> {
    let asked = diesel::sql_query("SELECT 1").execute(conn).await;
    asked.map(|_| ()).map_err(|_| HookError::message("the connection does not answer"))
}

/// A worker that is frozen in the middle of a statement or a transaction must not hold its locks for
/// longer than its lease. The plans of the hot statements are pinned: made once for each connection, by the indexes,
/// whatever the statistics of tables say that are empty at one moment and full at the next.
fn setup(settings: &DatabaseSettings) -> String {
    let ms = settings.statement_timeout.as_millis();
    format!(
        "SET statement_timeout = {ms}; SET idle_in_transaction_session_timeout = {ms}; \
         SET lock_timeout = {ms}; SET application_name = 'codeflow'; \
         SET plan_cache_mode = force_generic_plan; SET jit = off; SET enable_seqscan = off; \
         SET enable_hashjoin = off; SET enable_mergejoin = off"
    )
}

async fn establish(url: String, setup: String) -> ConnectionResult<PgConn> {
    let mut conn = PgConn::establish(&url).await?;
    conn.batch_execute(&setup).await.map_err(diesel::ConnectionError::CouldntSetupConfiguration)?;
    Ok(conn)
}

/// The server's clock.
pub(super) async fn now(conn: &mut PgConn) -> Result<Timestamp, Fault> {
    #[derive(QueryableByName)]
    struct Now {
        #[diesel(sql_type = DbTime)]
        now: At,
    }
    let row: Now = diesel::sql_query("SELECT clock_timestamp() AS now").get_result(conn).await?;
    Ok(row.now.0)
}
