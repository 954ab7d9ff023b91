//! Copies of SQLite files, and their way back.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use codeflow_engine::ErrorKind;
use codeflow_persistence::{TableRows, check_sqlite, copy_sqlite, overwrite_sqlite};
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::identity::fill;

use crate::sql::Sql;

/// The tables of identity.
const IDENTITY: [&str; 11] = [
    "app_user",
    "role",
    "api_key",
    "login",
    "login_attempt",
    "lockout",
    "revocation",
    "signing_key",
    "installation_secret",
    "connection",
    "audit_log",
];

/// What is the same in every database that is filled with it, whenever that was made.
const ROWS: &str = "
  INSERT INTO blob VALUES (x'00', 'ä'), (x'01ff', '');
  INSERT INTO dedup VALUES ('s', 'k', 'e', 7), ('s', 'l', 'e', -1);
  INSERT INTO workflows VALUES ('w', 'acme/name', 'v', 1, 'acme');
  INSERT INTO workflow_versions VALUES ('v', 'w', 'doc''ument', 1);
  UPDATE __diesel_schema_migrations SET run_on = '2026-01-01 00:00:00';";

async fn filled() -> TestDb {
    let test_db = TestDb::sqlite().await;
    Sql::connect(&test_db).await.run(ROWS).await;
    let database = test_db.open().await;
    fill(Arc::new(database.clone())).await;
    database.close();
    test_db
}

/// How many rows of one file the other does not have, in all columns and both ways.
async fn differences(test_db: &TestDb, other: &Path, tables: &TableRows) -> i64 {
    let mut sql = Sql::connect(test_db).await;
    sql.run(&format!("ATTACH '{}' AS other", other.display())).await;
    let mut sum = 0;
    for table in tables.keys() {
        for (one, two) in [("main", "other"), ("other", "main")] {
            let query = format!(
                "SELECT count(*) AS n FROM (SELECT * FROM {one}.{table} EXCEPT SELECT * FROM {two}.{table})"
            );
            sum += sql.number(&query).await;
        }
        let counts =
            format!("SELECT (SELECT count(*) FROM main.{table}) - (SELECT count(*) FROM other.{table}) AS n");
        sum += sql.number(&counts).await.abs();
    }
    sum
}

#[tokio::test]
async fn every_row_of_every_table_is_in_the_copy_and_in_what_is_restored_from_it() {
    let (source, target) = (filled().await, TestDb::sqlite().await);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy");

    let copied = copy_sqlite(Path::new(source.url()), &file).unwrap();
    let restored = overwrite_sqlite(&file, Path::new(target.url()), false).unwrap();

    assert_eq!((copied["blob"], copied["dedup"], copied["task"]), (2, 2, 0));
    for table in IDENTITY {
        assert!(copied[table] > 0, "there is nothing in `{table}`");
    }
    assert!(copied.len() > 15 && copied == restored, "{copied:?}");
    assert_eq!(differences(&source, &file, &copied).await, 0);
    assert_eq!(differences(&source, Path::new(target.url()), &copied).await, 0);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "the copy has companions");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_made_while_others_write_is_of_one_moment() {
    static OVER: AtomicBool = AtomicBool::new(false);
    let source = TestDb::sqlite().await;
    let mut sql = Sql::connect(&source).await;
    let mut writer = tokio::task::JoinSet::new();
    writer.spawn(async move {
        let mut number = 0;
        while !OVER.load(Ordering::Relaxed) {
            number += 1;
            let pair = format!(
                "BEGIN IMMEDIATE; INSERT INTO blob VALUES (x'{number:08x}', '{}'); \
                 INSERT INTO dedup VALUES ('s', '{number}', 'e', 1); COMMIT",
                "x".repeat(500)
            );
            sql.run(&pair).await;
        }
        number
    });
    let folder = tempfile::tempdir().unwrap();

    let mut seen = Vec::new();
    for number in 0..20 {
        let (url, file) = (source.url().to_owned(), folder.path().join(number.to_string()));
        let copy = tokio::task::spawn_blocking(move || copy_sqlite(Path::new(&url), &file));
        seen.push(copy.await.unwrap().unwrap());
    }
    OVER.store(true, Ordering::Relaxed);

    let written: u64 = writer.join_next().await.unwrap().unwrap();
    assert!(seen.iter().all(|rows| rows["blob"] == rows["dedup"]), "{seen:?}");
    assert!(seen[0]["blob"] < seen[19]["blob"] && seen[19]["blob"] <= written, "nobody wrote: {seen:?}");
}

#[tokio::test]
async fn wrong_files_are_refused_and_the_database_stays_as_it_was() {
    let (source, target) = (filled().await, filled().await);
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    copy_sqlite(Path::new(source.url()), &place("whole")).unwrap();
    let whole = std::fs::read(place("whole")).unwrap();
    std::fs::write(place("cut"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(place("garbage"), [7; 5_000]).unwrap();
    std::fs::write(place("empty"), "").unwrap();
    let mut holed = whole.clone();
    holed[4_096..12_288].fill(0xa5);
    std::fs::write(place("holed"), holed).unwrap();
    let foreign = TestDb::empty_sqlite();
    Sql::connect(&foreign).await.run("CREATE TABLE mine (x)").await;
    std::fs::copy(foreign.url(), place("foreign")).unwrap();
    std::fs::copy(place("whole"), place("newer")).unwrap();
    let mut newer = TestSql::at(&place("newer"));
    newer.run("INSERT INTO __diesel_schema_migrations (version) VALUES ('99999999')");

    for name in ["cut", "garbage", "empty", "holed", "foreign", "newer"] {
        let refused = overwrite_sqlite(&place(name), Path::new(target.url()), true).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{name}: {refused}");
    }
    let gone = overwrite_sqlite(&place("gone"), Path::new(target.url()), true).unwrap_err();

    assert_eq!(gone.kind(), ErrorKind::NotFound);
    let rows = check_sqlite(&place("whole")).unwrap();
    assert_eq!(differences(&target, &place("whole"), &rows).await, 0);
}

#[tokio::test]
async fn what_a_database_holds_is_only_overwritten_by_force() {
    let (source, target) = (filled().await, filled().await);
    Sql::connect(&target).await.run("INSERT INTO blob VALUES (x'77', 'mine')").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy");
    let rows = copy_sqlite(Path::new(source.url()), &file).unwrap();
    let database = target.open().await;

    let refused = overwrite_sqlite(&file, Path::new(target.url()), false).unwrap_err();
    let kept = Sql::connect(&target).await.number("SELECT count(*) AS n FROM blob").await;
    overwrite_sqlite(&file, Path::new(target.url()), true).unwrap();

    assert_eq!((refused.kind(), kept), (ErrorKind::Conflict, 3));
    assert_eq!(differences(&target, &file, &rows).await, 0);
    database.migrate().await.unwrap();
}

#[tokio::test]
async fn a_database_that_is_not_there_is_not_made_by_its_backup() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("nothing.db");

    let refused = copy_sqlite(&source, &folder.path().join("copy")).unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// A file beside those of the test databases.
struct TestSql(diesel::SqliteConnection);

impl TestSql {
    fn at(file: &Path) -> Self {
        use diesel::Connection;
        Self(diesel::SqliteConnection::establish(&file.display().to_string()).unwrap())
    }

    fn run(&mut self, statement: &str) {
        use diesel::connection::SimpleConnection;
        self.0.batch_execute(statement).unwrap();
    }
}
