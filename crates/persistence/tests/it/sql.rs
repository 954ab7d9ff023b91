//! A connection of a test's own, to look behind the ports.

use codeflow_testkit::TestDb;
use diesel::connection::SimpleConnection;
use diesel::sql_types::BigInt;
use diesel::{Connection, QueryableByName, SqliteConnection};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

/// A connection to either database.
pub(crate) enum Sql {
    Postgres(Box<AsyncPgConnection>),
    Sqlite(SqliteConnection),
}

impl Sql {
    pub(crate) async fn connect(test_db: &TestDb) -> Self {
        if test_db.url().starts_with("postgres") {
            Self::Postgres(Box::new(AsyncPgConnection::establish(test_db.url()).await.unwrap()))
        } else {
            let mut conn = SqliteConnection::establish(test_db.url()).unwrap();
            conn.batch_execute("PRAGMA busy_timeout = 5000").unwrap();
            Self::Sqlite(conn)
        }
    }

    /// The number `n` that a query gives.
    pub(crate) async fn number(&mut self, query: &str) -> i64 {
        let query = diesel::sql_query(query);
        let count: Count = match self {
            Self::Postgres(conn) => query.get_result(&mut **conn).await.unwrap(),
            Self::Sqlite(conn) => diesel::RunQueryDsl::get_result(query, conn).unwrap(),
        };
        count.n
    }

    pub(crate) async fn run(&mut self, statements: &str) {
        self.try_run(statements).await.unwrap();
    }

    /// Runs what may be refused, and says why it was.
    pub(crate) async fn try_run(&mut self, statements: &str) -> Result<(), String> {
        let run = match self {
            Self::Postgres(conn) => conn.batch_execute(statements).await,
            Self::Sqlite(conn) => conn.batch_execute(statements),
        };
        run.map_err(|error| error.to_string())
    }
}
