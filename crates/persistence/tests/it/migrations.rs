//! Bringing the tables up to date.

use std::sync::Arc;

use codeflow_core::workflow::VersionId;
use codeflow_engine::{ErrorKind, WorkflowStore};
use codeflow_persistence::Database;
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::identity::fill;
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

/// The files of all migrations, the oldest first.
fn files(of: &str, name: &str) -> Vec<String> {
    let folder = format!("{}/migrations/{of}", env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort_unstable();
    folders.iter().map(|folder| std::fs::read_to_string(folder.join(name)).unwrap()).collect()
}

const ON_SQLITE: &str = "SELECT count(*) AS n FROM sqlite_master
  WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT LIKE '\\_\\_diesel%' ESCAPE '\\'";
const ON_POSTGRES: &str = "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)
  + (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace)
  + (SELECT count(*) FROM pg_trigger) + (SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace)
  - (SELECT count(*) FROM pg_class WHERE relname LIKE '\\_\\_diesel%')
  - (SELECT count(*) FROM pg_constraint WHERE conrelid = '__diesel_schema_migrations'::regclass) AS n";

#[tokio::test]
async fn every_migration_can_be_undone_and_done_again() {
    for (test_db, of, things) in
        [(TestDb::sqlite().await, "sqlite", ON_SQLITE), (TestDb::postgres().await, "postgres", ON_POSTGRES)]
    {
        let mut sql = Sql::connect(&test_db).await;
        let before = sql.number(things).await;
        let database = test_db.open().await;
        fill(Arc::new(database.clone())).await;

        for undo in files(of, "down.sql").iter().rev() {
            sql.run(undo).await;
        }
        let (left, applied) = (sql.number(things).await, "DELETE FROM __diesel_schema_migrations");
        sql.run(applied).await;
        database.migrate().await.unwrap();

        assert!(before > 50, "{before} things are few");
        assert_eq!((left, sql.number(things).await), (0, before), "on {of}");
        drop(sql);
        database.close();
        test_db.remove().await;
    }
}
