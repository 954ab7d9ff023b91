//! How the database is reached.

use std::time::Duration;

use codeflow_core::workflow::VersionId;
use codeflow_engine::{ErrorKind, WorkflowStore};
use codeflow_persistence::{Database, DatabaseSettings};
use codeflow_testkit::TestDb;

use crate::sql::Sql;

#[test]
fn the_usual_settings_allow_thirty_connections() {
    let settings = DatabaseSettings::new("codeflow.db");

    assert_eq!((settings.pool_size, settings.max_overflow, settings.max_connections()), (10, 20, 30));
    assert_eq!((settings.pool_timeout.as_secs(), settings.pool_recycle.as_secs()), (30, 3600));
}

#[tokio::test]
async fn sqlite_has_one_writer_and_four_readers() {
    let test_db = TestDb::sqlite().await;

    let database = test_db.open().await;

    let info = database.connection_info();
    assert_eq!((info.backend, info.writers.max, info.readers.max), ("sqlite", 1, 4));
    assert_eq!((info.writers.open, info.writers.idle, info.writers.waiting), (1, 1, 0));
    assert!(format!("{database:?}").contains("sqlite"));
}

#[tokio::test]
async fn an_sqlite_address_may_have_a_scheme() {
    let test_db = TestDb::sqlite().await;

    for prefix in ["sqlite:", "sqlite://"] {
        let database = Database::open(&DatabaseSettings::new(format!("{prefix}{}", test_db.url()))).await;
        let found = database.unwrap().find_version(&VersionId::from_hash("0".repeat(64))).await;
        assert_eq!(found.unwrap(), None);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_made_is_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("codeflow.db");

    let refused = Database::open(&DatabaseSettings::new(path.display().to_string())).await.unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable_and_its_password_stays_secret() {
    let password = ["cor", "rect"].concat();
    let url = format!("postgres://ana:{password}@127.0.0.1:1/codeflow");
    let settings = DatabaseSettings::new(url);

    let refused = Database::open(&settings).await.unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let shown = format!("{refused} {refused:?} {settings:?}");
    assert!(!shown.contains(&password), "{shown}");
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced() {
    let test_db = TestDb::postgres().await;
    let database = test_db.open().await;
    let version = VersionId::from_hash("0".repeat(64));
    database.find_version(&version).await.unwrap();
    let mut sql = Sql::connect(&test_db).await;
    let kill = "SELECT count(pg_terminate_backend(pid)) AS n FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    assert!(sql.number(kill).await > 0);
    // What the server said when it closed the connection arrives while we ask something else.
    sql.number("SELECT 1::BIGINT AS n FROM pg_sleep(0.05)").await;

    assert_eq!(database.find_version(&version).await.unwrap(), None);
}

#[tokio::test]
async fn an_old_connection_is_replaced() {
    let test_db = TestDb::postgres().await;
    let settings = DatabaseSettings { pool_recycle: Duration::ZERO, ..test_db.settings() };
    let database = Database::open(&settings).await.unwrap();
    let mut sql = Sql::connect(&test_db).await;
    let pid = "SELECT max(pid)::BIGINT AS n FROM pg_stat_activity WHERE application_name = 'codeflow'
               AND datname = current_database()";
    let before = sql.number(pid).await;

    database.find_version(&VersionId::from_hash("0".repeat(64))).await.unwrap();

    assert_ne!(sql.number(pid).await, before);
}

#[tokio::test]
async fn a_closed_database_refuses_calls() {
    let test_db = TestDb::sqlite().await;
    let database = test_db.open().await;

    database.close();

    let refused = database.find_version(&VersionId::from_hash("0".repeat(64))).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}
