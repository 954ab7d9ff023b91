//! Removal of what ended long ago: nothing that is alive, and nothing twice.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::schedule::{Overlap, Turn};
use codeflow_core::workflow::VersionId;
use codeflow_core::{ExecutionId, JobId, TaskId, Timestamp};
use codeflow_engine::{
    Advance, Ending, Enqueued, ErrorKind, Firing, JobEnds, Litter, LogLine, Message, MessageBody,
    NewExecution, NewJob, NewTask, Old, Started, Work,
};
use serde_json::json;

use super::subject::{advance, settled};
use super::{Subject, schedules};

const LONG: Duration = Duration::from_secs(600);

/// An execution that is over, with a result, a log and large payloads.
pub async fn ended(subject: &Subject, version: &VersionId, status: ExecutionStatus) -> Old {
    let task = subject.task("diff");
    let inputs = Arc::new(json!({ "large": "x".repeat(9_000) }));
    let new = NewExecution { inputs, ..subject.execution(version, vec![task.clone()]) };
    let id = new.id;
    subject.store.start(new).await.unwrap();
    let session = subject.session().await;
    let at = Timestamp::from_micros(1);
    let over = Advance {
        status,
        ending: Some(Ending { outputs: Some(Arc::new(json!("y".repeat(9_000)))), error: None }),
        dropped: vec![task.id],
        logs: vec![LogLine { at, path: "diff".to_owned(), message: "it went well".to_owned() }],
        ..advance(id, 1, vec![settled("diff", json!("z".repeat(9_000)))])
    };
    subject.flush(session, over).await;
    Old { id, seq: 2 }
}

async fn outlived(subject: &Subject, status: ExecutionStatus, keep: Duration) -> Vec<Old> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let piece = subject.store.outlived(status, keep, after, 1).await.unwrap();
        found.extend(piece.found);
        after = piece.next;
        if after.is_none() {
            return found;
        }
    }
}

async fn swept(subject: &Subject, litter: Litter, keep: Duration) -> u32 {
    let (mut removed, mut after) = (0, None);
    loop {
        let piece = subject.store.sweep(litter, keep, after, 2).await.unwrap();
        removed += piece.removed;
        after = piece.next;
        if after.is_none() {
            return removed;
        }
    }
}

/// Only with the status asked for, only when it is old enough, and only once.
pub async fn what_ended_long_ago_is_removed_whole(subject: &Subject) {
    let version = subject.workflow("review").await;
    let mut old = Vec::new();
    for _ in 0..3 {
        old.push(ended(subject, &version, ExecutionStatus::Succeeded).await);
    }
    let failed = ended(subject, &version, ExecutionStatus::Failed).await;

    let young = outlived(subject, ExecutionStatus::Succeeded, LONG).await;
    let found = outlived(subject, ExecutionStatus::Succeeded, Duration::ZERO).await;
    let logs = subject.store.logs_of(&[old[0].id, failed.id]).await.unwrap();
    let removed = subject.store.remove(found.clone()).await.unwrap();
    let again = subject.store.remove(found.clone()).await.unwrap();

    assert_eq!(young, []);
    assert_eq!(found, old);
    assert_eq!(logs.len(), 2);
    assert_eq!(logs[&old[0].id][0].message, "it went well");
    assert_eq!((removed, again), (3, 0));
    for gone in &old {
        assert_eq!(subject.store.read(gone.id, None).await.unwrap(), None);
        assert_eq!(subject.store.logs(gone.id, 0, 10).await.unwrap(), []);
    }
    swept(subject, Litter::Payloads, Duration::ZERO).await;
    assert_eq!(
        subject.read(failed.id).await.facts.len(),
        1,
        "its payloads are the same, and are still there"
    );
}

/// A live one, one with a task, with a message, or that was taken up again in the middle.
pub async fn nothing_that_lives_is_removed(subject: &Subject) {
    let version = subject.workflow("review").await;
    let (live, _) = subject.started(1).await;
    let messaged = ended(subject, &version, ExecutionStatus::Succeeded).await;
    let restarted = ended(subject, &version, ExecutionStatus::Succeeded).await;
    let found = outlived(subject, ExecutionStatus::Succeeded, Duration::ZERO).await;
    let body = MessageBody::Restart { from: None, by: "ana".to_owned() };
    let message = Message { id: subject.message_id(), body };
    let task = NewTask { work: Work::Inbox, ..subject.task("any") };
    subject.store.send(messaged.id, message, task).await.unwrap();
    let session = subject.session().await;
    let again =
        Advance { generation: 1, tasks: vec![subject.task("diff")], ..advance(restarted.id, 2, vec![]) };
    subject.flush(session, again).await;

    let mut wanted = found.clone();
    wanted.extend([Old { id: live, seq: 1 }, Old { id: restarted.id, seq: 3 }]);
    let removed = subject.store.remove(wanted).await.unwrap();

    assert_eq!(found, [messaged, restarted]);
    assert_eq!(removed, 0);
    assert_eq!(outlived(subject, ExecutionStatus::Succeeded, Duration::ZERO).await, []);
    for id in [live, messaged.id, restarted.id] {
        assert!(subject.store.read(id, None).await.unwrap().is_some());
    }
}

/// A key lasts as long as what it found, and as long as was asked for.
pub async fn a_key_outlives_what_it_found(subject: &Subject) {
    let version = subject.workflow("review").await;
    let keyed = |key: &str| NewExecution {
        idempotency_key: Some(key.to_owned()),
        status: ExecutionStatus::Succeeded,
        ending: Some(Ending { outputs: None, error: None }),
        ..subject.execution(&version, vec![])
    };
    let (gone, kept) = (keyed("gone"), keyed("kept"));
    subject.store.start_all(vec![gone.clone(), kept.clone()], None).await.unwrap();
    subject.store.remove(vec![Old { id: gone.id, seq: 1 }]).await.unwrap();

    let young = swept(subject, Litter::Keys, LONG).await;
    let still = subject.store.start(keyed("gone")).await.unwrap();
    let old = swept(subject, Litter::Keys, Duration::ZERO).await;
    let fresh = subject.store.start(keyed("gone")).await.unwrap();
    let known = subject.store.start(keyed("kept")).await.unwrap();

    assert_eq!((young, old), (0, 1));
    assert_eq!(still, Started::Existing(gone.id));
    assert_eq!((fresh, known), (Started::Created, Started::Existing(kept.id)));
}

/// The key of a job that waits, runs or is a dead letter stays.
pub async fn the_key_of_a_job_lasts_until_it_is_done(subject: &Subject) {
    let job = |key: &str| {
        let id = subject.id(JobId::generate);
        let work = Work::Job("{}".into());
        let task = NewTask { id: TaskId::from_uuid(id.uuid()), work, ..subject.task("job") };
        NewJob { id, key: Some(key.to_owned()), task }
    };
    let (done, waits) = (job("done"), job("waits"));
    subject.store.enqueue(vec![done.clone()]).await.unwrap();
    let session = subject.session().await;
    subject.claim(session, 1).await;
    let ends = JobEnds { done: vec![done.task.id], ..JobEnds::default() };
    subject.store.finish(session, ends).await.unwrap();
    subject.store.enqueue(vec![waits.clone()]).await.unwrap();

    let starts = swept(subject, Litter::Keys, Duration::ZERO).await;
    let jobs = swept(subject, Litter::JobKeys, Duration::ZERO).await;
    let again = subject.store.enqueue(vec![job("done"), job("waits")]).await.unwrap();

    assert_eq!((starts, jobs), (0, 1));
    assert_eq!(again, [Enqueued::Created, Enqueued::Existing(waits.id)]);
}

/// Whoever has no session any more writes nothing, as before.
pub async fn sessions_that_ended_are_removed(subject: &Subject) {
    let (open, closed) = (subject.session().await, subject.session().await);
    subject.store.close_session(closed).await.unwrap();

    let young = swept(subject, Litter::Sessions, LONG).await;
    let old = swept(subject, Litter::Sessions, Duration::ZERO).await;

    assert_eq!((young, old), (0, 1));
    assert!(subject.renew(open, LONG, &[]).await.is_ok());
    assert_eq!(subject.renew(closed, LONG, &[]).await.unwrap_err().kind(), ErrorKind::LeaseLost);
}

/// Decides to start the only schedule for a slot, which is so long ago.
async fn fire(subject: &Subject, ago: Duration) -> Timestamp {
    let record = schedules::only(subject).await;
    let slot = subject.store.due_schedules(1).await.unwrap().now.before(ago);
    let expected = record.next_at.expect("it waits for a slot");
    let turn = Turn { slot: Some(slot), next: record.schedule.next(expected) };
    subject.store.fire(Firing { id: record.id, expected, turn }).await.unwrap();
    slot
}

/// A slot is needed until an execution was started for it and is over, and it is kept for as long as was asked for.
pub async fn slots_that_are_over_are_removed(subject: &Subject) {
    schedules::keep(subject, "review", &[schedules::schedule(schedules::NEW_YEAR, Overlap::Allow)]).await;
    let id = schedules::only(subject).await.id;
    let mut slots = Vec::new();
    for minutes in [60, 6, 5, 4, 3, 2] {
        slots.push(fire(subject, Duration::from_secs(60 * minutes)).await);
    }
    let [long_ago, pending, running, ended, failed, removed] = slots[..] else { unreachable!("six") };
    let running = schedules::start(subject, id, running).await;
    let ended = schedules::start(subject, id, ended).await;
    schedules::end(subject, ended).await;
    for (slot, execution) in
        [(long_ago, None), (failed, None), (removed, Some(subject.id(ExecutionId::generate)))]
    {
        subject.store.settle_slot(id, slot, execution).await.unwrap();
    }

    let young = swept(subject, Litter::Slots, LONG).await;
    let old = swept(subject, Litter::Slots, Duration::ZERO).await;
    let needed = subject.store.unfinished_before(id, removed).await.unwrap();
    schedules::end(subject, running).await;
    let later = swept(subject, Litter::Slots, Duration::ZERO).await;

    assert_eq!((young, old, later), (1, 3, 1));
    assert_eq!(needed, [running], "who replaces must find it");
    let left = schedules::pending(subject).await;
    assert_eq!(left.iter().map(|left| left.slot).collect::<Vec<_>>(), [pending]);
}

/// Everything of an unknown execution is nothing.
pub async fn what_is_not_there_is_not_removed(subject: &Subject) {
    let nobody = subject.id(ExecutionId::generate);

    assert_eq!(subject.store.remove(vec![Old { id: nobody, seq: 1 }]).await.unwrap(), 0);
    assert!(subject.store.logs_of(&[nobody]).await.unwrap().is_empty());
    for litter in Litter::ALL {
        assert_eq!(swept(subject, litter, Duration::ZERO).await, 0);
    }
}
