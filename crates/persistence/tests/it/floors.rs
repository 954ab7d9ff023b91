//! Where claims on PostgreSQL begin to read: above what was taken before, and below everything that may still come.

use std::time::Duration;

use codeflow_engine::Session;
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::Subject;
use tokio::time::timeout;

use crate::sql::Sql;

const PATIENCE: Duration = Duration::from_secs(30);

/// The lowest floor that was written down.
const FLOOR: &str = "SELECT coalesce(min(floor), 0)::BIGINT AS n FROM ready_group";

/// After so many tasks it is seen whether floors may rise.
const DUE: u32 = 500;

/// Starts so many tasks and claims them, again and again, so that the floor rises as far as it may.
async fn work(subject: &Subject, session: Session, rounds: usize) {
    for _ in 0..rounds {
        subject.started(DUE as usize).await;
        assert_eq!(subject.claim(session, DUE).await.tasks.len(), DUE as usize);
    }
}

#[tokio::test]
async fn a_claim_begins_above_what_was_taken_before() {
    let test_db = TestDb::postgres().await;
    let mut sql = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let session = subject.session().await;

    // Transactions in other databases of the server hold floors down while they last.
    let risen = async {
        while sql.number(FLOOR).await == 0 {
            work(&subject, session, 1).await;
        }
    };
    timeout(PATIENCE, risen).await.expect("the floor rises and is written down for others");

    sql.run("UPDATE ready_group SET floor = 1000000").await;
    subject.started(1).await;
    assert!(subject.claim(session, 1).await.tasks.is_empty(), "who starts later trusts it");
}

#[tokio::test]
async fn what_comes_late_with_a_low_position_is_claimed() {
    let test_db = TestDb::postgres().await;
    let (mut late, mut sql) = (Sql::connect(&test_db).await, Sql::connect(&test_db).await);
    let subject = test_db.into_subject().await;
    let session = subject.session().await;
    let (_, tasks) = subject.started(1).await;
    subject.claim(session, 1).await;

    let id = tasks[0].uuid();
    late.run(&format!(
        "BEGIN; INSERT INTO ready (task_id, lane, priority, suspect, fair)
           SELECT id, lane, priority, FALSE, fair FROM task WHERE id = '{id}'"
    ))
    .await;
    work(&subject, session, 6).await;
    let below = sql.number(FLOOR).await;
    late.run("COMMIT").await;

    let claimed = subject.claim(session, 9).await.tasks;
    assert_eq!(claimed.iter().map(|task| task.id).collect::<Vec<_>>(), tasks, "the floor was {below}");
    work(&subject, session, 4).await;
}

#[tokio::test]
async fn what_a_claim_that_was_rolled_back_leaves_is_claimed() {
    let test_db = TestDb::postgres().await;
    let mut other = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    let session = subject.session().await;
    let (_, tasks) = subject.started(1).await;
    let id = tasks[0].uuid();

    // What is taken above it makes a floor to come; whoever takes it then has a higher number than that asks about.
    other.run("BEGIN; SELECT FROM ready FOR UPDATE").await;
    work(&subject, session, 1).await;
    other.run(&format!("ROLLBACK; BEGIN; DELETE FROM ready WHERE task_id = '{id}'")).await;
    work(&subject, session, 8).await;
    other.run("ROLLBACK").await;

    let claimed = subject.claim(session, 9).await.tasks;
    assert_eq!(claimed.iter().map(|task| task.id).collect::<Vec<_>>(), tasks);
}
