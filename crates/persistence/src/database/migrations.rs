//! The migrations, in pairs, and how they run when several processes start at once.

use codeflow_engine::{BoxError, Error, ErrorKind};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::error::from_pool;

#[cfg(feature = "postgres")]
const POSTGRES: EmbeddedMigrations = embed_migrations!("migrations/postgres");
#[cfg(feature = "sqlite")]
const SQLITE: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

/// The number under which processes queue for the right to migrate.
#[cfg(feature = "postgres")]
const LOCK: &str = "SELECT pg_advisory_lock(7104112306170921)";
#[cfg(feature = "postgres")]
const UNLOCK: &str = "SELECT pg_advisory_unlock_all()";

/// The versions that this program knows: the same ones for both databases.
pub(crate) fn known() -> Vec<String> {
    use diesel::migration::{Migration, MigrationSource};

    #[cfg(feature = "postgres")]
    let found = MigrationSource::<diesel::pg::Pg>::migrations(&POSTGRES).map(|all| versions(&all));
    #[cfg(not(feature = "postgres"))]
    let found = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE).map(|all| versions(&all));
    return found.unwrap_or_default();

    fn versions<DB: diesel::backend::Backend>(all: &[Box<dyn Migration<DB>>]) -> Vec<String> {
        all.iter().map(|one| one.name().version().to_string()).collect()
    }
}

fn failed(source: impl Into<BoxError>) -> Error {
    Error::with_source(ErrorKind::Unavailable, "could not bring the database up to date", source)
}

#[cfg(feature = "postgres")]
pub(super) async fn run_on_postgres(pool: &Pool<crate::conn::PgConn>) -> Result<(), Error> {
    use deadpool::managed::Object;
    use diesel::connection::SimpleConnection;
    use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;

    // The connection leaves the pool for good: should it fail half-way, its lock goes with it.
    let conn = Object::take(pool.get().await.map_err(from_pool)?);
    let run = move || -> Result<(), BoxError> {
        let mut conn = AsyncConnectionWrapper::<_>::from(conn);
        conn.batch_execute("SET statement_timeout = 0")?;
        conn.batch_execute(LOCK)?;
        conn.run_pending_migrations(POSTGRES)?;
        conn.batch_execute(UNLOCK)?;
        Ok(())
    };
    tokio::task::spawn_blocking(run).await.map_err(failed)?.map_err(failed)
}

#[cfg(feature = "sqlite")]
pub(super) async fn run_on_sqlite(pool: &Pool<crate::conn::LiteConn>) -> Result<(), Error> {
    let run = |conn: &mut diesel::SqliteConnection| {
        conn.immediate_transaction(|conn| {
            conn.run_pending_migrations(SQLITE).map(|_| ()).map_err(diesel::result::Error::QueryBuilderError)
        })
    };
    let mut conn = pool.get().await.map_err(from_pool)?;
    conn.spawn_blocking(run).await.map_err(failed)
}
