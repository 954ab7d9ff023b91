//! The lock of a data folder.

use codeflow_engine::{ErrorKind, ExecutionFilter, Journal, Message, MessageBody};
use codeflow_persistence::EngineLock;
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::Subject;

#[test]
fn a_second_engine_in_a_folder_is_told_who_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let first = EngineLock::acquire(folder.path()).unwrap();

    let refused = EngineLock::acquire(folder.path()).unwrap_err();

    drop(first);
    assert_eq!(refused.kind(), ErrorKind::Locked);
    let message = refused.to_string();
    assert!(message.contains(&format!("process {}", std::process::id())), "{message}");
    assert!(message.contains(&folder.path().display().to_string()), "{message}");
    EngineLock::acquire(folder.path()).unwrap();
}

#[test]
fn two_folders_have_two_locks() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());

    let first = EngineLock::acquire(one.path()).unwrap();
    let second = EngineLock::acquire(two.path()).unwrap();

    drop((first, second));
}

#[test]
fn a_folder_that_is_not_there_cannot_be_locked() {
    let folder = tempfile::tempdir().unwrap();

    let refused = EngineLock::acquire(&folder.path().join("missing")).unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn others_may_list_and_send_while_an_engine_runs() {
    let test_db = TestDb::sqlite().await;
    let folder = std::path::Path::new(test_db.url()).parent().unwrap().to_owned();
    let _lock = EngineLock::acquire(&folder).unwrap();
    let other = test_db.open().await;
    let engine: Subject = test_db.into_subject().await;
    let (id, _) = engine.started(1).await;
    let session = engine.session().await;

    let body = MessageBody::Cancel { by: "ana".to_owned(), reason: None };
    let message = Message { id: engine.message_id(), body };
    other.send(id, message.clone(), engine.task("inbox")).await.unwrap();

    let listed = other.list(ExecutionFilter::default(), 10).await.unwrap();
    assert_eq!(listed.iter().map(|record| record.id).collect::<Vec<_>>(), [id]);
    assert_eq!(engine.claim(session, 10).await.tasks.len(), 2);
    assert_eq!(engine.store.inbox(id).await.unwrap(), [message]);
}
