//! A database of either kind: its pools, its clock, and how a transaction runs on it.

mod migrations;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "postgres")]
use std::sync::Mutex;

use codeflow_core::{Clock, Timestamp};
use codeflow_engine::{Error, ErrorKind};
use codeflow_runtime::{SystemClock, Tasks};
use deadpool::managed::Status;
#[cfg(feature = "sqlite")]
use diesel::SqliteConnection;
#[cfg(feature = "postgres")]
use diesel_async::AsyncConnection;
#[cfg(feature = "postgres")]
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use secrecy::ExposeSecret;

#[cfg(feature = "sqlite")]
use crate::conn::LiteConn;
#[cfg(feature = "postgres")]
use crate::conn::PgConn;
use crate::conn::{Conn, Tx, on_conn};
use crate::error::{Fault, from_pool};
use crate::probe::{CommitProbe, Moment};
#[cfg(feature = "postgres")]
use crate::queue::Floors;
use crate::settings::{ConnectionInfo, DatabaseSettings, PoolInfo};

pub(crate) use migrations::known as known_migrations;

/// Executions, journals and the queue, in PostgreSQL or SQLite. Clones share their connections.
#[derive(Clone)]
pub struct Database {
    pools: Pools,
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "only SQLite has no clock of its own"))]
    clock: Arc<dyn Clock>,
    probe: Option<Arc<dyn CommitProbe>>,
    calls: Tasks,
    #[cfg(feature = "postgres")]
    pub(crate) floors: Arc<Mutex<Floors>>,
}

#[derive(Clone)]
enum Pools {
    #[cfg(feature = "postgres")]
    Postgres(Pool<PgConn>),
    #[cfg(feature = "sqlite")]
    Sqlite(sqlite::Pools),
}

/// Which database an address means.
#[cfg_attr(
    not(all(feature = "postgres", feature = "sqlite")),
    expect(dead_code, reason = "one of them is not built")
)]
enum Address<'a> {
    Postgres(&'a str),
    Sqlite(&'a str),
}

impl<'a> Address<'a> {
    fn of(url: &'a str) -> Self {
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Self::Postgres(url);
        }
        let path = url.strip_prefix("sqlite:").unwrap_or(url);
        Self::Sqlite(path.strip_prefix("//").unwrap_or(path))
    }
}

impl Database {
    /// Connects to a database. Its tables may not be there yet: see [`Database::migrate`].
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) when it cannot be reached,
    /// [`InvalidInput`](ErrorKind::InvalidInput) when this program was built without that kind of database.
    pub async fn open(settings: &DatabaseSettings) -> Result<Self, Error> {
        let pools = match Address::of(settings.url.expose_secret()) {
            #[cfg(feature = "postgres")]
            Address::Postgres(url) => Pools::Postgres(postgres::pool(url, settings)?),
            #[cfg(feature = "sqlite")]
            Address::Sqlite(path) => Pools::Sqlite(sqlite::pools(path, settings)?),
            #[cfg(not(feature = "postgres"))]
            Address::Postgres(_) => return Err(not_built("postgres")),
            #[cfg(not(feature = "sqlite"))]
            Address::Sqlite(_) => return Err(not_built("sqlite")),
        };
        let database = Self {
            pools,
            clock: Arc::new(SystemClock),
            probe: None,
            calls: Tasks::new(),
            #[cfg(feature = "postgres")]
            floors: Arc::default(),
        };
        database.writer().await?;
        Ok(database)
    }

    /// Lets `clock` decide leases and due times where the database has no clock of its own: on SQLite.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Calls `probe` around every durable commit from here on.
    #[must_use]
    pub fn with_probe(self, probe: Arc<dyn CommitProbe>) -> Self {
        Self { probe: Some(probe), ..self }
    }

    /// Brings the tables up to date. Several processes may do it at once.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn migrate(&self) -> Result<(), Error> {
        let migrate = |db: Self| async move {
            match &db.pools {
                #[cfg(feature = "postgres")]
                Pools::Postgres(pool) => migrations::run_on_postgres(pool).await,
                #[cfg(feature = "sqlite")]
                Pools::Sqlite(pools) => migrations::run_on_sqlite(&pools.write).await,
            }
        };
        self.run(migrate).await
    }

    /// How the connections are used at this moment.
    pub fn connection_info(&self) -> ConnectionInfo {
        match &self.pools {
            #[cfg(feature = "postgres")]
            Pools::Postgres(pool) => {
                let info = pool_info(pool.status());
                ConnectionInfo { backend: "postgres", writers: info, readers: info }
            }
            #[cfg(feature = "sqlite")]
            Pools::Sqlite(pools) => ConnectionInfo {
                backend: "sqlite",
                writers: pool_info(pools.write.status()),
                readers: pool_info(pools.read.status()),
            },
        }
    }

    /// Whether it is a server.
    #[cfg(feature = "postgres")]
    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    /// Closes the connections. Whoever still uses a clone gets errors.
    pub fn close(&self) {
        match &self.pools {
            #[cfg(feature = "postgres")]
            Pools::Postgres(pool) => pool.close(),
            #[cfg(feature = "sqlite")]
            Pools::Sqlite(pools) => {
                pools.write.close();
                pools.read.close();
            }
        }
    }

    /// Makes a call that goes on to its end even if nobody waits for it any more: a connection that was
    /// left in the middle of something would be the next caller's trouble.
    pub(crate) async fn run<T, F>(&self, call: impl FnOnce(Self) -> F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        match self.calls.spawn("storage call", call(self.clone())).await {
            Ok(Some(result)) => result,
            Ok(None) | Err(_) => Err(Error::new(ErrorKind::Internal, "a call to storage was cut short")),
        }
    }

    /// A connection that may write.
    pub(crate) async fn writer(&self) -> Result<Conn, Error> {
        match &self.pools {
            #[cfg(feature = "postgres")]
            Pools::Postgres(pool) => Ok(Conn::Postgres(Box::new(pool.get().await.map_err(from_pool)?))),
            #[cfg(feature = "sqlite")]
            Pools::Sqlite(pools) => Ok(Conn::Sqlite(pools.write.get().await.map_err(from_pool)?)),
        }
    }

    /// A connection that is open and free at this moment, if there is one.
    #[cfg(feature = "postgres")]
    pub(crate) async fn free_postgres(&self) -> Option<Object<PgConn>> {
        match &self.pools {
            Pools::Postgres(pool) => postgres::free(pool).await,
            #[cfg(feature = "sqlite")]
            Pools::Sqlite(_) => None,
        }
    }

    /// A connection that only reads.
    pub(crate) async fn reader(&self) -> Result<Conn, Error> {
        match &self.pools {
            #[cfg(feature = "postgres")]
            Pools::Postgres(pool) => Ok(Conn::Postgres(Box::new(pool.get().await.map_err(from_pool)?))),
            #[cfg(feature = "sqlite")]
            Pools::Sqlite(pools) => Ok(Conn::Sqlite(pools.read.get().await.map_err(from_pool)?)),
        }
    }

    /// Runs `body` in a transaction that writes, and tells the probe of its commit under `name`.
    pub(crate) async fn transaction<R, F>(&self, name: &'static str, body: F) -> Result<R, Fault>
    where
        R: Send,
        F: for<'t> AsyncFnOnce(Tx<'t>) -> Result<R, Fault>
            + for<'t> SendAsyncFn<Tx<'t>, Result<R, Fault>, Fut: Send>
            + Send,
    {
        let result = match self.writer().await? {
            #[cfg(feature = "postgres")]
            Conn::Postgres(mut conn) => {
                let guarded = async |conn: &mut PgConn| {
                    let result = body(Tx::Postgres(conn)).await?;
                    self.tell(name, Moment::Before);
                    Ok(result)
                };
                let conn: &mut PgConn = &mut conn;
                conn.transaction(guarded).await
            }
            #[cfg(feature = "sqlite")]
            Conn::Sqlite(mut conn) => {
                let guarded = async |conn: &mut LiteConn| {
                    let result = body(Tx::Sqlite(conn)).await?;
                    self.tell(name, Moment::Before);
                    Ok(result)
                };
                conn.immediate_transaction(guarded).await
            }
        };
        if result.is_ok() {
            self.tell(name, Moment::After);
        }
        result
    }

    /// Tells the probe, if there is one.
    pub(crate) fn tell(&self, commit: &'static str, moment: Moment) {
        if let Some(probe) = &self.probe {
            probe.reached(commit, moment);
        }
    }

    /// The moment it is for the database.
    pub(crate) async fn now(&self, tx: &mut Tx<'_>) -> Result<Timestamp, Fault> {
        on_conn!(tx,
            postgres conn => postgres::now(conn).await,
            sqlite _conn => Ok(self.clock.now())
        )
    }

    /// Runs `body` in one transaction on one blocking thread: whoever stops waiting for it leaves nothing
    /// half-done behind.
    #[cfg(feature = "sqlite")]
    pub(crate) async fn write_on_sqlite<R: Send + 'static>(
        &self,
        conn: &mut LiteConn,
        name: &'static str,
        body: impl FnOnce(&mut SqliteConnection, Timestamp) -> Result<R, Fault> + Send + 'static,
    ) -> Result<R, Fault> {
        let db = self.clone();
        let run = move |conn: &mut SqliteConnection| {
            let result = conn.immediate_transaction(|conn| {
                let result = body(conn, db.clock.now())?;
                db.tell(name, Moment::Before);
                Ok(result)
            });
            if result.is_ok() {
                db.tell(name, Moment::After);
            }
            Ok(result)
        };
        conn.spawn_blocking(run).await?
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("connections", &self.connection_info()).finish_non_exhaustive()
    }
}

/// An async closure whose future may move between threads.
pub(crate) trait SendAsyncFn<T, R>: AsyncFnOnce(T) -> R + FnOnce(T) -> Self::Fut {
    /// The future.
    type Fut: Future<Output = R>;
}

impl<F, T, Fut, R> SendAsyncFn<T, R> for F
where
    F: AsyncFnOnce(T) -> R + FnOnce(T) -> Fut,
    Fut: Future<Output = R>,
{
    type Fut = Fut;
}

#[cfg(not(all(feature = "postgres", feature = "sqlite")))]
fn not_built(feature: &str) -> Error {
    let context = format!("this program was built without the feature `{feature}` of its storage");
    Error::new(ErrorKind::InvalidInput, context)
}

fn pool_info(status: Status) -> PoolInfo {
    let Status { max_size, size, available, waiting } = status;
    PoolInfo { open: size, idle: available, max: max_size, waiting }
}
