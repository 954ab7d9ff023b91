//! One connection of either database, and the macro that compiles a query for both.

#[cfg(feature = "sqlite")]
use diesel::SqliteConnection;
#[cfg(feature = "postgres")]
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Object;
#[cfg(feature = "sqlite")]
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

/// A connection to PostgreSQL.
#[cfg(feature = "postgres")]
pub(crate) type PgConn = AsyncPgConnection;
/// A connection to SQLite, whose calls run on blocking threads.
#[cfg(feature = "sqlite")]
pub(crate) type LiteConn = SyncConnectionWrapper<SqliteConnection>;

/// A connection taken from its pool.
pub(crate) enum Conn {
    #[cfg(feature = "postgres")]
    Postgres(Box<Object<PgConn>>),
    #[cfg(feature = "sqlite")]
    Sqlite(Object<LiteConn>),
}

/// A connection that queries run on, within a transaction or not.
pub(crate) enum Tx<'a> {
    #[cfg(feature = "postgres")]
    Postgres(&'a mut PgConn),
    #[cfg(feature = "sqlite")]
    Sqlite(&'a mut LiteConn),
}

impl Conn {
    /// The connection, for queries.
    pub(crate) fn tx(&mut self) -> Tx<'_> {
        match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(conn) => Tx::Postgres(conn),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(conn) => Tx::Sqlite(conn),
        }
    }
}

/// Compiles a body of queries once for each database; the second form takes a body for each.
macro_rules! on_conn {
    ($tx:expr, $conn:ident => $body:expr) => {
        match $tx {
            #[cfg(feature = "postgres")]
            $crate::conn::Tx::Postgres($conn) => {
                let $conn = &mut **$conn;
                $body
            }
            #[cfg(feature = "sqlite")]
            $crate::conn::Tx::Sqlite($conn) => {
                let $conn = &mut **$conn;
                $body
            }
        }
    };
    ($tx:expr, postgres $pg:ident => $pg_body:expr, sqlite $lite:ident => $lite_body:expr) => {
        match $tx {
            #[cfg(feature = "postgres")]
            $crate::conn::Tx::Postgres($pg) => {
                let $pg = &mut **$pg;
                $pg_body
            }
            #[cfg(feature = "sqlite")]
            $crate::conn::Tx::Sqlite($lite) => {
                let $lite = &mut **$lite;
                $lite_body
            }
        }
    };
}

/// Inserts many rows: in one statement on PostgreSQL, on one blocking thread on SQLite.
macro_rules! insert_all {
    ($tx:expr, $table:expr, $rows:expr) => {{
        let rows = $rows;
        if rows.is_empty() {
            Ok(0)
        } else {
            on_conn!($tx,
                postgres conn => {
                    diesel_async::RunQueryDsl::execute(diesel::insert_into($table).values(rows), conn).await
                },
                sqlite conn => {
                    let insert = move |conn: &mut diesel::SqliteConnection| {
                        diesel::RunQueryDsl::execute(diesel::insert_into($table).values(rows), conn)
                    };
                    conn.spawn_blocking(insert).await
                }
            )
        }
    }};
}

pub(crate) use {insert_all, on_conn};
