//! Databases that are damaged on purpose: every disorder is found, and what was lost is put back once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::TaskId;
use codeflow_engine::{Disorder, NewExecution};
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::{Subject, doctor};
use serde_json::json;
use tokio::task::JoinSet;

use crate::sql::Sql;

/// A database with an execution that has one ready and one claimed task, and a large input.
struct Patient {
    subject: Subject,
    sql: Sql,
    ready: TaskId,
}

impl Patient {
    async fn new(test_db: TestDb) -> Self {
        let sql = Sql::connect(&test_db).await;
        let subject = test_db.into_subject().await;
        Self::made_of(subject, sql).await
    }

    async fn made_of(subject: Subject, sql: Sql) -> Self {
        let version = subject.workflow("review").await;
        let (claimed, ready) = (subject.task("diff"), subject.task("scan"));
        let ready_id = ready.id;
        let inputs = Arc::new(json!("x".repeat(9_000)));
        let new = NewExecution { inputs, ..subject.execution(&version, vec![claimed, ready]) };
        subject.store.start(new).await.unwrap();
        let session = subject.session().await;
        subject.claim(session, 1).await;
        Self { subject, sql, ready: ready_id }
    }

    async fn disorders(&self) -> BTreeSet<Disorder> {
        doctor::findings(&self.subject).await.iter().map(|finding| finding.disorder).collect()
    }
}

/// A moment that both databases know.
const MOMENT: &str = "(SELECT created_at FROM workflow_executions LIMIT 1)";

const EMPTY: &str = "DELETE FROM workflow_executions; DELETE FROM task; DELETE FROM ready; DELETE FROM timer; \
    DELETE FROM claim; DELETE FROM session; DELETE FROM schedule_slot; DELETE FROM blob";

fn damages(postgres: bool) -> Vec<(String, Vec<Disorder>)> {
    let (long_ago, id) = match postgres {
        true => ("now() - interval '1 day'", "gen_random_uuid()"),
        false => ("0", "'00000000-0000-4000-8000-000000000000'"),
    };
    vec![
        (String::new(), vec![]),
        ("DELETE FROM ready".into(), vec![Disorder::LostTask]),
        ("DELETE FROM claim".into(), vec![Disorder::LostTask]),
        (
            format!("INSERT INTO timer (task_id, due) SELECT task_id, {MOMENT} FROM ready"),
            vec![Disorder::DoubledTask],
        ),
        (format!("UPDATE task SET quarantined_at = {MOMENT}"), vec![Disorder::DoubledTask]),
        (
            format!(
                "INSERT INTO claim (batch, session_id, epoch, ids) SELECT {id}, session_id, epoch, ids FROM claim"
            ),
            vec![Disorder::DoubledTask],
        ),
        ("DELETE FROM workflow_executions".into(), vec![Disorder::OrphanedTask]),
        ("UPDATE task SET kind = 8".into(), vec![Disorder::MisplacedJob]),
        (
            "UPDATE task SET kind = 8, reason = 'no'; DELETE FROM workflow_executions".into(),
            vec![Disorder::MisplacedJob],
        ),
        ("DELETE FROM task WHERE id IN (SELECT task_id FROM ready)".into(), vec![Disorder::EmptyPlace]),
        (
            "DELETE FROM task WHERE id NOT IN (SELECT task_id FROM ready)".into(),
            vec![Disorder::FinishedClaim],
        ),
        ("DELETE FROM ready; DELETE FROM claim; DELETE FROM task".into(), vec![Disorder::StuckExecution]),
        ("UPDATE session SET ended_at = expires_at".into(), vec![Disorder::LostTask, Disorder::StaleClaim]),
        (format!("UPDATE session SET expires_at = {long_ago}"), vec![Disorder::StaleClaim]),
        (
            format!(
                "INSERT INTO schedule_slot (schedule_id, slot, version_id, overlap, settled) \
                 VALUES ({id}, {long_ago}, 'v', 'skip', FALSE)"
            ),
            vec![Disorder::UnsettledSlot],
        ),
        ("DELETE FROM blob".into(), vec![Disorder::MissingPayload]),
    ]
}

async fn every_damage(postgres: bool) {
    let test_db = if postgres { TestDb::postgres().await } else { TestDb::sqlite().await };
    let mut patient = Patient::new(test_db).await;
    for (damage, expected) in damages(postgres) {
        patient.sql.run(EMPTY).await;
        patient = Patient::made_of(patient.subject, patient.sql).await;
        patient.sql.run(&damage).await;

        let found = patient.disorders().await;

        assert_eq!(found, expected.into_iter().collect(), "after {damage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_disorder_is_found_on_postgres() {
    every_damage(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_disorder_is_found_on_sqlite() {
    every_damage(false).await;
}

async fn lost_and_put_back(test_db: TestDb) {
    let mut patient = Patient::new(test_db).await;
    patient.sql.run("DELETE FROM ready").await;
    let mut repairs = JoinSet::new();
    for _ in 0..8 {
        let (store, task) = (Arc::clone(&patient.subject.store), patient.ready);
        let session = patient.subject.session().await;
        let claim = patient.subject.wanted(10);
        repairs.spawn(async move {
            let back = store.put_back(task).await.unwrap();
            (back, store.claim(session, claim).await.unwrap().tasks.len())
        });
    }

    let repairs = repairs.join_all().await;

    assert_eq!(repairs.iter().filter(|(back, _)| *back).count(), 1, "{repairs:?}");
    assert_eq!(repairs.iter().map(|(_, claimed)| claimed).sum::<usize>(), 1, "{repairs:?}");
    assert_eq!(patient.disorders().await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_task_is_put_back_once_on_postgres() {
    lost_and_put_back(TestDb::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_task_is_put_back_once_on_sqlite() {
    lost_and_put_back(TestDb::sqlite().await).await;
}

/// Work that is claimed, finished, delayed, given back and recovered all the time is never out of order for long.
async fn a_busy_storage(test_db: TestDb) {
    let subject = Arc::new(test_db.into_subject().await);
    let mut busy = JoinSet::new();
    for _ in 0..3 {
        let subject = Arc::clone(&subject);
        busy.spawn(async move {
            for _ in 0..15 {
                subject.started(4).await;
                let session = subject.session().await;
                subject.claim(session, 7).await;
                subject.store.close_session(session).await.unwrap();
            }
        });
    }
    let mut looks = 0;
    while !busy.is_empty() {
        let found = doctor::findings(&subject).await;
        assert_eq!(found, BTreeSet::new(), "each piece is looked at with one statement");
        looks += 1;
        let _ended = tokio::time::timeout(Duration::from_millis(1), busy.join_next()).await;
    }
    assert!(looks > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moves_is_in_order_on_postgres() {
    a_busy_storage(TestDb::postgres().await).await;
}
