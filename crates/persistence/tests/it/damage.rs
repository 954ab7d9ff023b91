//! Storage that somebody tampered with is reported as such, and nothing is made up.

use std::sync::Arc;

use codeflow_engine::{ErrorKind, ExecutionFilter, NewExecution};
use codeflow_testkit::TestDb;
use serde_json::json;

use crate::sql::Sql;

/// Stores an execution with one large input, one fact and one task; damages it; reads it.
async fn read_after(statement: &str) -> ErrorKind {
    let test_db = TestDb::sqlite().await;
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let version = subject.workflow("review").await;
    let new = NewExecution {
        inputs: Arc::new(json!("x".repeat(9_000))),
        facts: vec![codeflow_core::execution::Fact::DeadlinePassed],
        ..subject.execution(&version, vec![subject.task("diff")])
    };
    subject.store.start(new.clone()).await.unwrap();
    assert!(subject.store.read(new.id, None).await.unwrap().is_some());
    sql.run(statement).await;

    let refused = subject.store.read(new.id, None).await.unwrap_err();

    refused.kind()
}

#[tokio::test]
async fn a_missing_blob_is_reported() {
    assert_eq!(read_after("DELETE FROM blob").await, ErrorKind::Corrupt);
}

#[tokio::test]
async fn a_cut_blob_is_reported() {
    assert_eq!(read_after("UPDATE blob SET body = substr(body, 1, 100)").await, ErrorKind::Corrupt);
}

#[tokio::test]
async fn an_unreadable_fact_is_reported() {
    assert_eq!(
        read_after("UPDATE step_result SET fact = '{\"fact\":\"invented\"}'").await,
        ErrorKind::Corrupt
    );
}

#[tokio::test]
async fn an_unknown_kind_of_task_is_reported() {
    assert_eq!(read_after("UPDATE task SET kind = 99").await, ErrorKind::Corrupt);
}

#[tokio::test]
async fn an_unreadable_path_of_a_task_is_reported() {
    assert_eq!(read_after("UPDATE task SET path = 'diff[['").await, ErrorKind::Corrupt);
}

#[tokio::test]
async fn an_unknown_status_is_reported() {
    assert_eq!(read_after("UPDATE workflow_executions SET status = 'lost'").await, ErrorKind::Corrupt);
}

#[tokio::test]
async fn an_unreadable_name_is_reported_wherever_it_is_read() {
    let test_db = TestDb::sqlite().await;
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let version = subject.workflow("review").await;
    subject.store.start(subject.execution(&version, vec![])).await.unwrap();
    sql.run("UPDATE workflows SET name = '1 2 3'").await;

    let listed = subject.store.list(ExecutionFilter::default(), 10).await.unwrap_err();
    let found = subject.store.find_version(&version).await.unwrap_err();

    assert_eq!((listed.kind(), found.kind()), (ErrorKind::Corrupt, ErrorKind::Corrupt));
}

#[tokio::test]
async fn an_id_that_is_none_is_reported() {
    let test_db = TestDb::sqlite().await;
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let (id, _) = subject.started(1).await;
    sql.run("UPDATE task SET id = 'no id'").await;

    let refused = subject.store.read(id, None).await.unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::Corrupt);
}
