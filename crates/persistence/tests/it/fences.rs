//! Fences that only show while statements of PostgreSQL overlap: who is in the middle of a write is not taken over.

use std::time::Duration;

use codeflow_engine::{Advance, Dead, Flushed, Recovered, Session};
use codeflow_testkit::TestDb;
use codeflow_testkit::conformance::Subject;
use tokio::time::timeout;

use crate::sql::Sql;

const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a statement of this database waits for a lock.
async fn somebody_waits(sql: &mut Sql) {
    let waiting = "SELECT count(*) AS n FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let look = async {
        while sql.number(waiting).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, look).await.expect("the statement waits");
}

/// Lets the lease end, and looks for dead sessions.
async fn recover(subject: &Subject, sql: &mut Sql, session: Session) -> Recovered {
    let ended = "UPDATE session SET expires_at = clock_timestamp() - INTERVAL '1 second'";
    sql.run(&format!("{ended} WHERE id = '{}'", session.id.uuid())).await;
    let recovering = subject.store.recover(Dead::Expired);
    timeout(PATIENCE, recovering).await.expect("it waits for nobody").unwrap()
}

#[tokio::test]
async fn a_session_in_the_middle_of_a_commit_is_not_taken_over() {
    in_the_middle_of_a_commit(|subject| subject).await;
}

/// A move alone has a statement of its own.
#[tokio::test]
async fn a_session_in_the_middle_of_a_commit_of_many_is_not_taken_over() {
    in_the_middle_of_a_commit(Subject::in_company).await;
}

async fn in_the_middle_of_a_commit(prepared: impl FnOnce(Subject) -> Subject) {
    let test_db = TestDb::postgres().await;
    let (mut blocker, mut sql) = (Sql::connect(&test_db).await, Sql::connect(&test_db).await);
    let subject = prepared(test_db.into_subject().await);
    let (id, tasks) = subject.started(1).await;
    let session = subject.session().await;
    subject.claim(session, 1).await;
    let done = Advance {
        execution: id,
        expected_seq: 1,
        generation: 0,
        status: codeflow_core::execution::ExecutionStatus::Running,
        stopping: false,
        ending: None,
        facts: vec![],
        began: None,
        done: tasks,
        dropped: vec![],
        tasks: vec![],
        slot: None,
        read: vec![],
        logs: vec![],
    };

    blocker.run("BEGIN; SELECT FROM workflow_executions FOR UPDATE").await;
    let meanwhile = async {
        somebody_waits(&mut sql).await;
        let recovered = recover(&subject, &mut sql, session).await;
        blocker.run("ROLLBACK").await;
        recovered
    };
    let (flushed, recovered) = tokio::join!(subject.flush(session, done), meanwhile);

    assert_eq!((flushed, recovered), (Flushed::Committed, Recovered::default()));
    let later = subject.store.recover(Dead::Expired).await.unwrap();
    assert_eq!(later, Recovered { sessions: 1, tasks: 0, quarantined: vec![] });
}

#[tokio::test]
async fn a_session_in_the_middle_of_a_claim_is_not_taken_over() {
    let test_db = TestDb::postgres().await;
    let (mut blocker, mut sql) = (Sql::connect(&test_db).await, Sql::connect(&test_db).await);
    let subject = test_db.into_subject().await;
    subject.started(1).await;
    let session = subject.session().await;
    let wanted = subject.wanted(1);
    let (batch, holder) = (wanted.batch.uuid(), session.id.uuid());

    let same = format!(
        "INSERT INTO claim (batch, session_id, epoch, ids) VALUES ('{batch}', '{holder}', 1, '{{}}')"
    );
    blocker.run(&format!("BEGIN; {same}")).await;
    let meanwhile = async {
        somebody_waits(&mut sql).await;
        let recovered = recover(&subject, &mut sql, session).await;
        blocker.run("ROLLBACK").await;
        recovered
    };
    let (claimed, recovered) = tokio::join!(subject.store.claim(session, wanted), meanwhile);

    assert_eq!((claimed.unwrap().tasks.len(), recovered), (1, Recovered::default()));
    let later = subject.store.recover(Dead::Expired).await.unwrap();
    assert_eq!(later, Recovered { sessions: 1, tasks: 1, quarantined: vec![] });
}

#[tokio::test]
async fn a_claim_waits_for_nobody() {
    let test_db = TestDb::postgres().await;
    let mut blocker = Sql::connect(&test_db).await;
    let subject = test_db.into_subject().await;
    subject.started(3).await;
    let session = subject.session().await;

    blocker.run("BEGIN; SELECT FROM ready ORDER BY task_id LIMIT 1 FOR UPDATE").await;
    let claimed = timeout(PATIENCE / 6, subject.claim(session, 10)).await;

    assert_eq!(claimed.expect("it waits for nobody").tasks.len(), 2);
}
