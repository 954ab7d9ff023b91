//! Calls that are cut short, wait for others, or cannot be made.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use codeflow_engine::{ErrorKind, ExecutionFilter, Journal, NewExecution, WorkflowStore};
use codeflow_persistence::{CommitProbe, Database, DatabaseSettings, Moment};
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::Subject;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::sql::Sql;

/// Holds a start back right before it commits.
struct Gate {
    reached: Notify,
    opened: Mutex<Receiver<()>>,
}

impl Gate {
    fn new() -> (Arc<Self>, Sender<()>) {
        let (open, opened) = channel();
        (Arc::new(Self { reached: Notify::new(), opened: Mutex::new(opened) }), open)
    }
}

impl CommitProbe for Gate {
    fn reached(&self, commit: &'static str, moment: Moment) {
        if (commit, moment) == ("start", Moment::Before) {
            self.reached.notify_one();
            let _opened = self.opened.lock().unwrap().recv_timeout(Duration::from_secs(20));
        }
    }
}

async fn abandoned_start(test_db: TestDb) {
    let (gate, open) = Gate::new();
    let database = test_db.open().await.with_probe(Arc::clone(&gate) as _);
    let subject = Subject::new(Arc::new(test_db.open().await), None, test_db);
    let version = subject.workflow("review").await;
    let new = subject.execution(&version, vec![subject.task("diff")]);
    let id = new.id;
    let mut calls = JoinSet::new();
    calls.spawn(async move { database.start(new).await });

    gate.reached.notified().await;
    calls.shutdown().await;
    open.send(()).unwrap();

    let snapshot = subject.until("the end of the call", async || subject.store.read(id, None).await.unwrap());
    assert_eq!(snapshot.await.tasks.len(), 1);
    for _ in 0..40 {
        subject.store.start(subject.execution(&version, vec![])).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_waits_for_ends_whole_on_sqlite() {
    abandoned_start(TestDb::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_nobody_waits_for_ends_whole_on_postgres() {
    abandoned_start(TestDb::postgres().await).await;
}

/// Drops calls at every point that they reach within a growing time.
async fn impatient_callers(test_db: TestDb) {
    let database = test_db.open().await;
    let subject = Subject::new(Arc::new(database.clone()), None, test_db);
    let version = subject.workflow("review").await;
    let mut ids = Vec::new();
    for patience in 0..60 {
        let new = subject.execution(&version, vec![subject.task("diff"), subject.task("scan")]);
        ids.push(new.id);
        let patience = Duration::from_micros(patience * 50);
        let _cut_short = tokio::time::timeout(patience, database.start(new)).await;
        let _cut_short = tokio::time::timeout(patience, database.list(ExecutionFilter::default(), 5)).await;
    }

    let last = subject.execution(&version, vec![]);
    subject.store.start(last.clone()).await.unwrap();

    assert!(subject.store.read(last.id, None).await.unwrap().is_some());
    for id in ids {
        let snapshot = subject.store.read(id, None).await.unwrap();
        assert!(snapshot.is_none_or(|snapshot| snapshot.tasks.len() == 2), "{id} is there in part");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impatient_callers_leave_sqlite_in_order() {
    impatient_callers(TestDb::sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn impatient_callers_leave_postgres_in_order() {
    impatient_callers(TestDb::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_too_long_for_a_connection_is_told() {
    let test_db = TestDb::postgres().await;
    let (gate, open) = Gate::new();
    let settings = DatabaseSettings {
        pool_size: 1,
        max_overflow: 0,
        pool_timeout: Duration::from_millis(50),
        ..test_db.settings()
    };
    let database = Database::open(&settings).await.unwrap().with_probe(Arc::clone(&gate) as _);
    let subject = Subject::new(Arc::new(test_db.open().await), None, test_db);
    let new: NewExecution = subject.execution(&subject.workflow("review").await, vec![]);
    let mut calls = JoinSet::new();
    let starter = database.clone();
    calls.spawn(async move { starter.start(new).await });
    gate.reached.notified().await;

    let refused = database.list(ExecutionFilter::default(), 1).await.unwrap_err();

    let info = database.connection_info();
    open.send(()).unwrap();
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert_eq!((info.writers.open, info.writers.idle, info.writers.max), (1, 0, 1));
    calls.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_waits_too_long_is_cut_short() {
    let test_db = TestDb::postgres().await;
    let mut sql = Sql::connect(&test_db).await;
    let settings = DatabaseSettings { statement_timeout: Duration::from_millis(100), ..test_db.settings() };
    let database = Database::open(&settings).await.unwrap();
    let subject = Subject::new(Arc::new(database.clone()), None, test_db);
    let version = subject.workflow("review").await;
    sql.run("BEGIN; LOCK TABLE workflow_versions IN ACCESS EXCLUSIVE MODE").await;

    let refused = database.find_version(&version).await.unwrap_err();

    sql.run("ROLLBACK").await;
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    assert!(database.find_version(&version).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_in_another_process_is_waited_for() {
    let test_db = TestDb::sqlite().await;
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let version = subject.workflow("review").await;
    sql.run("BEGIN IMMEDIATE").await;
    let new = subject.execution(&version, vec![]);
    let store = Arc::clone(&subject.store);
    let mut calls = JoinSet::new();
    calls.spawn(async move { store.start(new).await });

    let read_meanwhile = subject.store.list(ExecutionFilter::default(), 1).await;
    sql.run("COMMIT").await;

    assert_eq!(read_meanwhile.unwrap(), []);
    calls.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_give_up_on_a_busy_file_leave_their_connection_in_order() {
    let test_db = TestDb::sqlite().await;
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let version = subject.workflow("review").await;
    let given_up: Vec<NewExecution> = (0..3).map(|_| subject.execution(&version, vec![])).collect();
    sql.run("BEGIN IMMEDIATE").await;
    for new in &given_up {
        let answer = tokio::time::timeout(Duration::from_millis(10), subject.store.start(new.clone())).await;
        assert!(answer.is_err(), "the file is busy");
    }

    sql.run("COMMIT").await;

    let last = subject.execution(&version, vec![]);
    subject.store.start(last.clone()).await.unwrap();
    for id in given_up.iter().map(|new| new.id) {
        let look = async || subject.store.read(id, None).await.unwrap();
        subject.until("a start that nobody waits for", look).await;
    }
}
