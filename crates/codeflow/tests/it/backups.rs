//! Backups and their way back, of both databases, through the programs that PostgreSQL comes with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use codeflow::config::{Environment, Settings};
use codeflow::core::Coded;
use codeflow::engine::{Anew, ExecutionFilter, ReplayRequest, StartRequest};
use codeflow::{Backups, ErrorKind, Local, Options, engine};
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::identity::fill;
use serde_json::Map;
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::environment;

const NAPS: &str = "version: 1\nname: naps\nsteps:\n  one: { sleep: 1ms }\n  two: { needs: [one], sleep: 1ms }\n  \
                    three: { needs: [two], sleep: 1ms }\noutputs: { said: \"it's ä\\tdone\" }\n";

struct World {
    folder: TempDir,
    settings: Settings,
}

impl World {
    fn new(url: &str) -> Self {
        let mut settings = Settings::load(None, &Environment::default()).expect("the defaults are valid");
        settings.database.url = Some(url.to_owned().into());
        Self { folder: tempfile::tempdir().expect("a folder can be made"), settings }
    }

    fn backups(&self) -> Backups {
        Backups::of(self.folder.path(), &self.settings, environment()).expect("the address is good")
    }

    async fn open(&self) -> Local {
        let options = Options::new(self.folder.path(), self.settings.clone(), environment());
        Local::open(options).await.expect("it can be opened")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

async fn start(local: &Local, count: usize) {
    let workflow = local.parse(NAPS).expect("it is valid");
    local.engine().register(&workflow, NAPS).await.expect("storage answers");
    let request = StartRequest { version: workflow.version, inputs: Map::new(), idempotency_key: None };
    local.engine().start_all(vec![request; count]).await.expect("they start");
}

/// Works until so many executions have ended.
async fn ended(local: &Local, count: usize) {
    let filter = ExecutionFilter {
        status: Some(codeflow::core::execution::ExecutionStatus::Succeeded),
        ..ExecutionFilter::default()
    };
    while local.engine().list(filter.clone(), 1_000).await.expect("storage answers").len() < count {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every row of every table, with all its columns.
async fn rows(url: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server answers");
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(connection);
    let tables = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'";
    let mut all = BTreeMap::new();
    for table in client.query(tables, &[]).await.expect("it can be asked") {
        let name: String = table.get(0);
        let query = format!("SELECT t::text, count(*) FROM {name} t GROUP BY 1");
        let found = client.query(&query, &[]).await.expect("it can be asked");
        let row =
            |row: &tokio_postgres::Row| format!("{} x {}", row.get::<_, String>(0), row.get::<_, i64>(1));
        all.insert(name, found.iter().map(row).collect());
    }
    all
}

fn code(error: &codeflow::Error) -> &'static str {
    error.code()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_row_of_a_postgres_comes_back_and_what_a_backup_under_load_holds_is_of_one_moment() {
    let (source, target, loaded) =
        (TestDb::postgres().await, TestDb::empty_postgres().await, TestDb::empty_postgres().await);
    let (world, to, during) = (World::new(source.url()), World::new(target.url()), World::new(loaded.url()));
    let local = world.open().await;
    fill(Arc::new(source.open().await)).await;
    start(&local, 300).await;
    let worker = local.work().expect("it works");

    let moving = world.backups().backup(&world.file("moving")).await.expect("it is backed up");
    ended(&local, 300).await;
    worker.stop().await;
    let still = world.backups().backup(&world.file("still")).await.expect("it is backed up");
    let restored = to.backups().restore(&world.file("still"), false).await.expect("it is restored");
    during.backups().restore(&world.file("moving"), false).await.expect("it is restored");

    let (before, after, then) =
        (rows(source.url()).await, rows(target.url()).await, rows(loaded.url()).await);
    assert!(before == after, "the rows differ");
    assert_eq!((still.rows.clone(), before["workflow_executions"].len()), (restored.rows, 300));
    assert_eq!((before["audit_log"].len(), before["app_user"].len(), before["api_key"].len()), (20, 2, 3));
    assert!(moving.rows["step_result"] < still.rows["step_result"], "nobody wrote: {moving:?}");
    for table in ["step_result", "blob", "execution_logs", "workflow_versions", "workflow_actions"] {
        assert!(then[table].is_subset(&before[table]), "{table} has rows that were never there");
    }
    let local = during.open().await;
    for record in local.engine().list(ExecutionFilter::default(), 1_000).await.expect("it can be listed") {
        let request = ReplayRequest { id: record.id, workflow: None, anew: Anew::default() };
        assert!(local.replay(request).await.expect("it can be replayed").is_equal(), "{}", record.id);
    }
    drop(local);
    for test_db in [source, target, loaded] {
        test_db.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_is_in_use_or_not_empty_is_not_overwritten() {
    let test_db = TestDb::postgres().await;
    let world = World::new(test_db.url());
    let local = world.open().await;
    start(&local, 1).await;
    world.backups().backup(&world.file("one")).await.expect("it is backed up");
    start(&local, 1).await;

    let full = world.backups().restore(&world.file("one"), false).await.expect_err("it is not empty");
    let worker = local.work().expect("it works");
    ended(&local, 2).await;
    let used = world.backups().restore(&world.file("one"), true).await.expect_err("somebody works on it");
    worker.stop().await;
    let kept = rows(test_db.url()).await["workflow_executions"].len();
    world.backups().restore(&world.file("one"), true).await.expect("it may be overwritten");

    assert_eq!(
        (full.kind(), used.kind()),
        (ErrorKind::NotEmpty, ErrorKind::Engine(engine::ErrorKind::Locked))
    );
    assert_eq!((kept, rows(test_db.url()).await["workflow_executions"].len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_files_leave_a_postgres_as_it_was() {
    let test_db = TestDb::postgres().await;
    let world = World::new(test_db.url());
    let local = world.open().await;
    start(&local, 50).await;
    world.backups().backup(&world.file("whole")).await.expect("it is backed up");
    let whole = std::fs::read(world.file("whole")).expect("it can be read");
    std::fs::write(world.file("cut"), &whole[..whole.len() - 2_000]).expect("it can be written");
    std::fs::write(world.file("short"), &whole[..200]).expect("it can be written");
    std::fs::write(world.file("garbage"), b"PGDMP and nothing else").expect("it can be written");
    std::fs::write(world.file("text"), b"hello").expect("it can be written");
    std::fs::write(world.file("sqlite"), b"SQLite format 3\0 and so on").expect("it can be written");
    let before = rows(test_db.url()).await;

    for name in ["cut", "short", "garbage", "text", "sqlite", "nowhere"] {
        let refused = world.backups().restore(&world.file(name), true).await.expect_err("it is no backup");
        assert_eq!(code(&refused), "codeflow.bad_backup", "{name}: {refused:?}");
    }

    assert!(rows(test_db.url()).await == before, "something was changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_fails_leaves_no_file_and_no_scratch_database_and_tells_no_password() {
    let test_db = TestDb::empty_postgres().await;
    let url = test_db.url().replacen("postgres@", "postgres:hunter2@", 1);
    let world = World::new(&url);
    std::fs::write(world.file("taken"), "mine").expect("it can be written");

    let empty = world.backups().backup(&world.file("new")).await.expect_err("there is nothing of ours");
    let taken = world.backups().backup(&world.file("taken")).await.expect_err("the file exists");
    let away = World::new(&format!("postgres://ann:{}@127.0.0.1:1/none", "hunter2"));
    let gone = away.backups().backup(&away.file("new")).await.expect_err("nobody is there");

    assert_eq!((code(&empty), code(&taken)), ("codeflow.bad_backup", "codeflow.not_empty"));
    assert_eq!(code(&gone), "codeflow.backup_failed");
    assert!(!format!("{empty:?} {taken:?} {gone:?}").contains("hunter2"));
    let left = std::fs::read_dir(world.folder.path()).expect("it can be listed").count();
    assert_eq!((left, std::fs::read(world.file("taken")).expect("it is there")), (1, b"mine".to_vec()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_sqlite_is_backed_up_while_an_engine_works_on_it_and_restored_only_without_one() {
    let (source, target) = (TestDb::empty_sqlite(), TestDb::empty_sqlite());
    let (world, to) = (World::new(source.url()), World::new(target.url()));
    let local = world.open().await;
    start(&local, 50).await;
    let worker = local.work().expect("it works");

    let report = world.backups().backup(&world.file("moving")).await.expect("it is backed up");
    let used = world.backups().restore(&world.file("moving"), true).await.expect_err("an engine works on it");
    ended(&local, 50).await;
    worker.stop().await;
    to.backups().restore(&world.file("moving"), false).await.expect("it is restored");

    assert_eq!(used.kind(), ErrorKind::Engine(engine::ErrorKind::Locked));
    assert_eq!(report.rows["workflow_executions"], 50);
    let local = to.open().await;
    let worker = local.work().expect("it works");
    ended(&local, 50).await;
    worker.stop().await;
    assert!(Path::new(target.url()).is_file());
}
