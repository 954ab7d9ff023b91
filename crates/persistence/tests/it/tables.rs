//! What the tables look like to those who query them.

use std::sync::Arc;

use codeflow_engine::NewExecution;
use codeflow_testkit::TestDb;
use serde_json::json;

use crate::sql::Sql;

async fn equal_payloads(test_db: TestDb) {
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let version = subject.workflow("review").await;
    for diff in ["a", "a", "b", "tiny"] {
        let diff = if diff == "tiny" { diff.to_owned() } else { diff.repeat(9_000) };
        let inputs = Arc::new(json!({ "diff": diff }));
        let new = NewExecution { inputs, ..subject.execution(&version, vec![]) };
        subject.store.start(new).await.unwrap();
    }

    assert_eq!(sql.number("SELECT count(*) AS n FROM blob").await, 2);
    let inline = "SELECT count(*) AS n FROM workflow_executions WHERE inputs IS NOT NULL";
    assert_eq!(sql.number(inline).await, 1);
}

#[tokio::test]
async fn equal_large_payloads_are_stored_once_on_sqlite() {
    equal_payloads(TestDb::sqlite().await).await;
}

#[tokio::test]
async fn equal_large_payloads_are_stored_once_on_postgres() {
    equal_payloads(TestDb::postgres().await).await;
}

async fn finished_claims(test_db: TestDb) {
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let (id, tasks) = subject.started(3).await;
    let session = subject.session().await;
    let first = subject.wanted(2);
    subject.store.claim(session, first.clone()).await.unwrap();
    subject.claim(session, 1).await;
    let done = codeflow_engine::Advance {
        execution: id,
        expected_seq: 1,
        generation: 0,
        status: codeflow_core::execution::ExecutionStatus::Running,
        stopping: false,
        ending: None,
        facts: vec![],
        began: None,
        dropped: vec![],
        slot: None,
        done: tasks[..2].to_vec(),
        tasks: vec![],
        read: vec![],
        logs: vec![],
    };
    subject.flush(session, done).await;
    let before = sql.number("SELECT count(*) AS n FROM claim").await;

    let ttl = std::time::Duration::from_secs(60);
    let renewal = codeflow_engine::Renewal { ttl, over: vec![first.batch], ..Default::default() };
    subject.store.renew(session, renewal).await.unwrap();

    assert_eq!((before, sql.number("SELECT count(*) AS n FROM claim").await), (2, 1));
}

#[tokio::test]
async fn a_renewal_sweeps_finished_claims_on_sqlite() {
    finished_claims(TestDb::sqlite().await).await;
}

#[tokio::test]
async fn a_renewal_sweeps_finished_claims_on_postgres() {
    finished_claims(TestDb::postgres().await).await;
}

#[tokio::test]
async fn steps_triggers_and_inputs_can_be_queried_on_postgres() {
    let test_db = TestDb::postgres().await;
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let version = subject.workflow("review").await;
    for inputs in [json!({ "range": "main" }), json!({ "range": "zero \u{0}" })] {
        let new = NewExecution { inputs: Arc::new(inputs), ..subject.execution(&version, vec![]) };
        subject.store.start(new).await.unwrap();
    }

    let steps = "SELECT count(*) AS n FROM workflow_actions WHERE uses = 'git/diff' AND order_index = 0";
    let triggers = "SELECT count(*) AS n FROM workflow_triggers WHERE config ? 'note'";
    let inputs =
        "SELECT count(*) AS n FROM workflow_executions WHERE queryable(inputs) @> '{\"range\": \"main\"}'";
    let all = "SELECT count(*) AS n FROM workflow_executions";
    let counts = [
        sql.number(steps).await,
        sql.number(triggers).await,
        sql.number(inputs).await,
        sql.number(all).await,
    ];

    assert_eq!(counts, [1, 1, 1, 2]);
}
