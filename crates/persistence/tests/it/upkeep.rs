//! Removal on real databases: pieces are bounded, and whoever writes at the same time loses nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Archive as _, Finished, Litter, MessageBody, NewExecution, Old};
use codeflow_persistence::FolderArchive;
use codeflow_testkit::conformance::{Subject, doctor, upkeep};
use codeflow_testkit::{ManualClock, TestDb};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::sql::Sql;

const ROWS: &str = "SELECT (SELECT count(*) FROM workflow_executions) + (SELECT count(*) FROM step_result) \
    + (SELECT count(*) FROM execution_logs) + (SELECT count(*) FROM blob) AS n";

async fn sweep_payloads(subject: &Subject) -> u32 {
    subject.store.sweep(Litter::Payloads, Duration::ZERO, None, 500).await.unwrap().removed
}

async fn nothing_is_left(test_db: TestDb) {
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let version = subject.workflow("review").await;
    let mut old = Vec::new();
    for _ in 0..3 {
        old.push(upkeep::ended(&subject, &version, ExecutionStatus::Succeeded).await);
    }
    let before = (sql.number(ROWS).await, sweep_payloads(&subject).await);

    let removed = subject.store.remove(old).await.unwrap();
    let between = sql.number(ROWS).await;
    let swept = sweep_payloads(&subject).await;

    assert_eq!(before, (3 + 3 + 3 + 3, 0));
    assert_eq!((removed, between, swept), (3, 3, 3));
    assert_eq!(sql.number(ROWS).await, 0);
}

#[tokio::test]
async fn nothing_of_an_execution_is_left_on_sqlite() {
    nothing_is_left(TestDb::sqlite().await).await;
}

#[tokio::test]
async fn nothing_of_an_execution_is_left_on_postgres() {
    nothing_is_left(TestDb::postgres().await).await;
}

/// A piece is at most 500, whatever is asked for.
#[tokio::test]
async fn a_piece_is_bounded() {
    let subject = TestDb::sqlite().await.into_subject().await;
    let version = subject.workflow("review").await;
    let all = (0..501).map(|_| NewExecution {
        status: ExecutionStatus::Cancelled,
        ending: Some(codeflow_engine::Ending { outputs: None, error: None }),
        ..subject.execution(&version, vec![])
    });
    subject.store.start_all(all.collect(), None).await.unwrap();

    let first =
        subject.store.outlived(ExecutionStatus::Cancelled, Duration::ZERO, None, u32::MAX).await.unwrap();

    assert_eq!(first.found.len(), 500);
    assert_eq!(first.next, first.found.last().map(|last| last.id));
    assert_eq!(subject.store.remove(first.found).await.unwrap(), 500);
}

/// Somebody is about to name a payload that nobody names: it found it there, and so wrote nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_that_is_about_to_be_named_stays() {
    let test_db = TestDb::postgres().await;
    let (mut writer, mut other) = (Sql::connect(&test_db).await, Sql::connect(&test_db).await);
    let subject = test_db.into_subject().await;
    let insert = "INSERT INTO blob (hash, body) VALUES ('\\x01', '1') ON CONFLICT (hash) DO NOTHING";
    other.run(insert).await;
    writer.run(&format!("BEGIN; {insert}")).await;

    let swept = sweep_payloads(&subject).await;
    let fact = "INSERT INTO step_result (execution_id, generation, path, kind, seq, ordinal, fact, payload_hash) \
                VALUES (gen_random_uuid(), 0, '', 1, 1, 0, '{}', '\\x01')";
    writer.run(&format!("{fact}; COMMIT")).await;
    let later = sweep_payloads(&subject).await;

    assert_eq!((swept, later), (0, 0));
    assert_eq!(other.number("SELECT count(*) AS n FROM blob").await, 1);
}

/// Executions with the same few payloads come and go, while others remove and sweep without a pause.
async fn come_and_go(test_db: TestDb) {
    let subject = Arc::new(test_db.into_subject().await);
    let version = subject.workflow("review").await;
    let mut tasks: JoinSet<u32> = JoinSet::new();
    let writing = Arc::new(AtomicU32::new(3));
    for _ in 0..3 {
        let (subject, version, writing) = (Arc::clone(&subject), version.clone(), Arc::clone(&writing));
        tasks.spawn(async move {
            for _ in 0..12 {
                upkeep::ended(&subject, &version, ExecutionStatus::Succeeded).await;
                let (live, _) = subject.started(1).await;
                subject.store.send(live, message(&subject), inbox(&subject)).await.unwrap();
            }
            writing.fetch_sub(1, Ordering::Relaxed);
            0
        });
    }
    for _ in 0..2 {
        let (subject, writing) = (Arc::clone(&subject), Arc::clone(&writing));
        tasks.spawn(async move {
            let mut removed = 0;
            loop {
                let last = writing.load(Ordering::Relaxed) == 0;
                let store = &subject.store;
                let old = store.outlived(ExecutionStatus::Succeeded, Duration::ZERO, None, 5).await.unwrap();
                removed += store.remove(old.found).await.unwrap();
                sweep_payloads(&subject).await;
                if last {
                    return removed;
                }
            }
        });
    }

    let removed: u32 = tasks.join_all().await.into_iter().sum();

    let found = doctor::findings(&subject).await;
    assert!(found.is_empty(), "{found:?}");
    let left = subject.store.outlived(ExecutionStatus::Succeeded, Duration::ZERO, None, 500).await.unwrap();
    assert_eq!(removed as usize + left.found.len(), 36, "each one was removed once");
    assert!(removed > 0);
    for Old { id, .. } in left.found {
        subject.read(id).await;
    }
}

fn message(subject: &Subject) -> codeflow_engine::Message {
    let body = MessageBody::Resume { by: "ana".to_owned(), budget: None };
    codeflow_engine::Message { id: subject.message_id(), body }
}

fn inbox(subject: &Subject) -> codeflow_engine::NewTask {
    codeflow_engine::NewTask { work: codeflow_engine::Work::Inbox, ..subject.task("any") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sweepers_and_three_writers_lose_nothing_on_postgres() {
    come_and_go(TestDb::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sweepers_and_three_writers_lose_nothing_on_sqlite() {
    come_and_go(TestDb::sqlite().await).await;
}

/// A message that is being left for an execution keeps it, and one that comes too late finds nobody: no task is left
/// without an execution.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_and_a_removal_never_miss_each_other() {
    let subject = TestDb::postgres().await.into_subject().await;
    let version = subject.workflow("review").await;
    let mut kept = 0;
    for _ in 0..25 {
        let old = upkeep::ended(&subject, &version, ExecutionStatus::Succeeded).await;
        let sent = subject.store.send(old.id, message(&subject), inbox(&subject));
        let removed = subject.store.remove(vec![old]);
        let (sent, removed) = tokio::join!(sent, removed);
        let (sent, removed) = (sent.is_ok(), removed.unwrap());
        assert!(!(sent && removed == 1), "a message was left for an execution that is gone");
        kept += u32::from(sent);
    }

    let found = doctor::findings(&subject).await;

    assert!(found.is_empty(), "{found:?}");
    assert!(kept <= 25);
}

#[tokio::test]
async fn an_archive_has_a_line_for_each_execution_also_after_one_that_was_cut_off() {
    let subject = TestDb::sqlite().await.into_subject().await;
    let version = subject.workflow("review").await;
    let old = upkeep::ended(&subject, &version, ExecutionStatus::Succeeded).await;
    let logs = subject.store.logs_of(&[old.id]).await.unwrap().remove(&old.id).unwrap();
    let finished = Finished { snapshot: subject.read(old.id).await, logs };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("archive");
    let archive = FolderArchive::new(&path, Arc::new(ManualClock::default()));

    archive.keep(vec![finished.clone(), finished.clone()]).await.unwrap();
    let file = std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, &text[..text.len() - 20]).unwrap();
    archive.keep(vec![finished]).await.unwrap();

    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.starts_with("executions-") && name.ends_with(".jsonl"), "{name}");
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Result<Value, _>> = text.lines().map(serde_json::from_str).collect();
    assert_eq!(lines.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let line = lines[0].as_ref().unwrap();
    assert_eq!((&line["id"], &line["status"]), (&json!(old.id.to_string()), &json!("succeeded")));
    assert_eq!(line["logs"][0]["message"], "it went well");
    assert_eq!(line["facts"][0]["fact"]["outputs"].as_str().map(str::len), Some(9_000));
}
