//! Sessions and the fence.

use std::time::Duration;

use codeflow_core::{ExecutionId, SessionId};
use codeflow_engine::{Advance, Dead, Error, ErrorKind, Flushed, NewTask, Renewal, Session};
use serde_json::json;

use super::Subject;
use super::subject::{advance, settled};

const MINUTE: Duration = Duration::from_secs(60);

fn lost<T>(result: Result<T, Error>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::LeaseLost)
}

/// Tries every kind of write, and checks that nothing of it is left.
async fn refused(subject: &Subject, session: Session, execution: ExecutionId) {
    let before = subject.read(execution).await;
    let small = Advance {
        done: before.tasks.iter().map(|task| task.id).collect(),
        tasks: vec![NewTask { taken: Some(subject.wanted(0).batch), ..subject.task("late") }],
        ..advance(execution, before.record.seq, vec![settled("late", json!("x"))])
    };
    let large = Advance {
        tasks: vec![subject.task("late")],
        facts: vec![settled("late", json!("x".repeat(9_000)))],
        ..small.clone()
    };

    assert!(lost(subject.try_flush(session, small).await));
    assert!(lost(subject.try_flush(session, large).await));
    assert!(lost(subject.store.claim(session, subject.wanted(10)).await));
    assert!(lost(subject.renew(session, MINUTE, &[execution]).await));
    assert_eq!(subject.read(execution).await, before);
}

/// A worker that was frozen past its lease wakes up, and nobody has noticed yet.
pub async fn a_stale_session_writes_nothing_after_its_lease(subject: &Subject) {
    let (id, _) = subject.started(2).await;
    let session = subject.session().await;
    subject.claim(session, 1).await;

    subject.expire(session).await;

    refused(subject, session, id).await;
}

/// The same, after somebody else took over; its old epoch does not help it, nor does the new one.
pub async fn a_stale_session_writes_nothing_after_its_recovery(subject: &Subject) {
    let (id, tasks) = subject.started(1).await;
    let (stale, other) = (subject.session().await, subject.session().await);
    subject.claim(stale, 1).await;
    subject.store.recover(Dead::AllBut(other.id)).await.unwrap();

    refused(subject, stale, id).await;
    refused(subject, Session { epoch: stale.epoch + 1, ..stale }, id).await;

    let taken = subject.claim_suspect(other).await.tasks;
    assert_eq!(taken.iter().map(|task| task.id).collect::<Vec<_>>(), tasks);
}

/// A boot has an id of its own.
pub async fn a_session_opens_only_once(subject: &Subject) {
    let session = subject.session().await;
    let unknown = Session { id: subject.id(SessionId::generate), epoch: 1 };

    let again = subject.store.open_session(session.id, MINUTE).await.unwrap_err();

    assert_eq!(again.kind(), ErrorKind::Conflict);
    assert!(lost(subject.renew(unknown, MINUTE, &[]).await));
}

/// So a cancel reaches work that runs elsewhere.
pub async fn a_renewal_tells_what_is_to_be_stopped(subject: &Subject) {
    let (stopped, _) = subject.started(1).await;
    let (running, _) = subject.started(1).await;
    let (not_mine, _) = subject.started(1).await;
    let session = subject.session().await;
    for id in [stopped, not_mine] {
        subject.flush(session, Advance { stopping: true, ..advance(id, 1, vec![]) }).await;
    }

    let told = subject.renew(session, MINUTE, &[running, stopped]).await.unwrap();
    subject.flush(session, advance(stopped, 2, vec![])).await;
    let later = subject.renew(session, MINUTE, &[running, stopped]).await.unwrap();

    assert_eq!(told, [stopped]);
    assert!(later.is_empty(), "a move without the mark takes it away");
}

/// A heartbeat forgets what is finished and keeps what is not.
pub async fn a_renewal_keeps_what_is_held(subject: &Subject) {
    let (id, tasks) = subject.started(3).await;
    let (session, other) = (subject.session().await, subject.session().await);
    subject.claim(session, 2).await;
    subject.claim(session, 1).await;
    subject.flush(session, Advance { done: tasks[1..].to_vec(), ..advance(id, 1, vec![]) }).await;

    subject.renew(session, MINUTE, &[]).await.unwrap();

    let recovered = subject.store.recover(Dead::AllBut(other.id)).await.unwrap();
    let back = subject.claim_suspect(other).await.tasks;
    assert_eq!(recovered.tasks, 1);
    assert_eq!(back.iter().map(|task| (task.id, task.deaths)).collect::<Vec<_>>(), [(tasks[0], 1)]);
}

/// It may think that a batch is over because its results are written; they are not.
pub async fn a_stale_session_forgets_no_batch(subject: &Subject) {
    let (_, tasks) = subject.started(1).await;
    let (session, other) = (subject.session().await, subject.session().await);
    let claim = subject.wanted(1);
    subject.store.claim(session, claim.clone()).await.unwrap();
    subject.expire(session).await;

    let renewal = Renewal { ttl: MINUTE, over: vec![claim.batch], ..Renewal::default() };
    let refused = subject.store.renew(session, renewal).await;

    assert!(lost(refused));
    assert_eq!(subject.store.recover(Dead::Expired).await.unwrap().tasks, 1);
    assert_eq!(subject.claim_suspect(other).await.tasks[0].id, tasks[0]);
}

/// An orderly end is no death, and what was under suspicion stays so.
pub async fn a_closed_session_gives_its_work_back_uncounted(subject: &Subject) {
    let (id, tasks) = subject.started(3).await;
    let (dead, closing, next) = (subject.session().await, subject.session().await, subject.session().await);
    subject.claim(dead, 1).await;
    subject.expire(dead).await;
    subject.store.recover(Dead::Expired).await.unwrap();
    subject.claim_suspect(closing).await;
    subject.claim(closing, 2).await;
    subject.flush(closing, Advance { done: vec![tasks[2]], ..advance(id, 1, vec![]) }).await;

    subject.store.close_session(closing).await.unwrap();

    let ordinary = subject.claim(next, 10).await;
    let suspects = subject.claim_suspect(next).await.tasks;
    let counted =
        |tasks: &[codeflow_engine::Task]| tasks.iter().map(|task| (task.id, task.deaths)).collect::<Vec<_>>();
    assert_eq!(counted(&ordinary.tasks), [(tasks[1], 0)]);
    assert!(ordinary.suspects_waiting);
    assert_eq!(counted(&suspects), [(tasks[0], 1)]);
    refused(subject, closing, id).await;
}

/// Whoever ends late has nothing to give back.
pub async fn closing_twice_is_no_error(subject: &Subject) {
    let (_, tasks) = subject.started(1).await;
    let (session, other) = (subject.session().await, subject.session().await);
    subject.claim(session, 1).await;
    subject.store.recover(Dead::AllBut(other.id)).await.unwrap();
    let taken = subject.claim_suspect(other).await.tasks;

    subject.store.close_session(session).await.unwrap();
    subject.store.close_session(session).await.unwrap();

    assert_eq!(taken[0].id, tasks[0]);
    assert!(subject.claim_suspect(other).await.tasks.is_empty(), "it is not given back a second time");
}

/// Who knows a session by another epoch is not its holder, and takes nothing from it.
pub async fn a_session_of_another_epoch_closes_nothing(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let (session, other) = (subject.session().await, subject.session().await);
    subject.claim(session, 1).await;

    subject.store.close_session(Session { epoch: session.epoch + 1, ..session }).await.unwrap();

    assert!(subject.claim(other, 1).await.tasks.is_empty(), "it is still held");
    let flushed = subject.flush(session, advance(id, 1, vec![])).await;
    assert_eq!(flushed, Flushed::Committed);
}
