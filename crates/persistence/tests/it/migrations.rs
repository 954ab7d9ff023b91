//! Bringing the tables up to date.

use codeflow_core::workflow::VersionId;
use codeflow_engine::{ErrorKind, WorkflowStore};
use codeflow_persistence::Database;
use codeflow_testkit::TestDb;
use tokio::task::JoinSet;

use crate::sql::Sql;

async fn four_at_once(test_db: TestDb) {
    let mut starts = JoinSet::new();
    for _ in 0..4 {
        let settings = test_db.settings();
        starts.spawn(async move { Database::open(&settings).await?.migrate().await });
    }

    for migrated in starts.join_all().await {
        migrated.unwrap();
    }

    let again = test_db.open().await;
    again.migrate().await.unwrap();
    assert_eq!(again.find_version(&VersionId::from_hash("0".repeat(64))).await.unwrap(), None);
    let mut sql = Sql::connect(&test_db).await;
    let folders =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres")).unwrap().count();
    let applied = sql.number("SELECT count(*) AS n FROM __diesel_schema_migrations").await;
    assert_eq!(usize::try_from(applied).unwrap(), folders);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_may_migrate_sqlite_at_once() {
    four_at_once(TestDb::empty_sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_processes_may_migrate_postgres_at_once() {
    four_at_once(TestDb::empty_postgres().await).await;
}

#[tokio::test]
async fn one_thread_is_enough_to_migrate() {
    for test_db in [TestDb::empty_sqlite(), TestDb::empty_postgres().await] {
        test_db.open().await.migrate().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_without_tables_is_unavailable() {
    for test_db in [TestDb::empty_sqlite(), TestDb::empty_postgres().await] {
        let database = test_db.open().await;

        let refused = database.find_version(&VersionId::from_hash("0".repeat(64))).await.unwrap_err();

        assert_eq!(refused.kind(), ErrorKind::Unavailable);
        assert!(!refused.to_string().contains("SELECT"), "{refused}");
    }
}
