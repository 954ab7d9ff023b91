//! Jobs.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{JobId, TaskId};
use codeflow_engine::{Dead, Enqueued, ErrorKind, JobEnds, NewJob, NewTask, Work};

use super::Subject;

fn job(subject: &Subject, key: Option<&str>) -> NewJob {
    let id = subject.id(JobId::generate);
    let work = Work::Job(Arc::from(r#"{"uses":"test/add"}"#));
    let task = NewTask { id: TaskId::from_uuid(id.uuid()), work, ..subject.task("any") };
    NewJob { id, key: key.map(str::to_owned), task }
}

/// A job is claimed as any task, and nothing is left of it when it is done.
pub async fn a_job_that_is_done_is_gone(subject: &Subject) {
    let session = subject.session().await;
    let new = job(subject, None);
    let delayed = NewJob {
        task: NewTask { after: Some(Duration::from_secs(60)), ..job(subject, None).task },
        ..job(subject, None)
    };

    let put = subject.store.enqueue(vec![new.clone(), delayed]).await.unwrap();
    let claimed = subject.claim(session, 10).await.tasks;
    let done = vec![claimed[0].id];
    subject.store.finish(session, JobEnds { done: done.clone(), ..JobEnds::default() }).await.unwrap();
    subject.store.finish(session, JobEnds { done, ..JobEnds::default() }).await.unwrap();

    assert_eq!(put, [Enqueued::Created; 2]);
    assert_eq!(claimed.len(), 1, "the other one waits for its time");
    assert_eq!((&claimed[0].work, claimed[0].attempt), (&new.task.work, 1));
    assert_eq!(claimed[0].execution.uuid(), new.id.uuid());
    subject.expire(session).await;
    assert_eq!(subject.store.recover(Dead::Expired).await.unwrap().tasks, 0);
}

/// The second job with a key is the first, also within one call and after the first is done.
pub async fn a_job_with_a_known_key_finds_the_first(subject: &Subject) {
    let (first, twin, other) = (job(subject, Some("a")), job(subject, Some("a")), job(subject, Some("b")));
    let session = subject.session().await;

    let put = subject.store.enqueue(vec![first.clone()]).await.unwrap();
    let again = subject.store.enqueue(vec![twin.clone(), other.clone()]).await.unwrap();
    let done = subject.claim(session, 10).await.tasks.iter().map(|task| task.id).collect::<Vec<_>>();
    subject.store.finish(session, JobEnds { done: done.clone(), ..JobEnds::default() }).await.unwrap();
    let late = subject.store.enqueue(vec![job(subject, Some("a"))]).await.unwrap();
    let zero = subject.store.enqueue(vec![job(subject, Some("\0"))]).await.unwrap_err();

    assert_eq!(put, [Enqueued::Created]);
    assert_eq!(again, [Enqueued::Existing(first.id), Enqueued::Created]);
    assert_eq!(done, [first.task.id, other.task.id]);
    assert_eq!(late, [Enqueued::Existing(first.id)]);
    assert_eq!(zero.kind(), ErrorKind::InvalidInput);
}

/// The next attempt is another task of the same job. What was written already is not written again.
pub async fn a_job_that_failed_is_tried_again_or_given_up(subject: &Subject) {
    let session = subject.session().await;
    let (again, dead) = (job(subject, None), job(subject, None));
    subject.store.enqueue(vec![again.clone(), dead.clone()]).await.unwrap();
    subject.claim(session, 10).await;
    let next = NewTask { attempt: 2, after: Some(Duration::ZERO), ..job(subject, None).task };
    let ends = JobEnds {
        again: vec![(again.task.id, next.clone())],
        dead: vec![(dead.task.id, "it said no \0".to_owned())],
        ..JobEnds::default()
    };

    subject.store.finish(session, ends.clone()).await.unwrap();
    subject.store.finish(session, ends).await.unwrap();

    assert_eq!(subject.store.promote(10).await.unwrap().moved, 1);
    let claimed = subject.claim(session, 10).await.tasks;
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].id, claimed[0].attempt), (next.id, 2));
    assert_eq!(claimed[0].execution.uuid(), again.id.uuid());
    let letters = subject.store.quarantined(None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].id, letters[0].deaths), (dead.task.id, 0));
    assert!(letters[0].reason.as_deref().is_some_and(|reason| reason.starts_with("it said no")));
}

/// A dead letter is put back or thrown away. The task of an execution is not thrown away like this.
pub async fn a_dead_job_is_released_or_discarded(subject: &Subject) {
    let session = subject.session().await;
    let (kept, gone) = (job(subject, None), job(subject, None));
    subject.store.enqueue(vec![kept.clone(), gone.clone()]).await.unwrap();
    subject.claim(session, 10).await;
    let dead = vec![(kept.task.id, "no".to_owned()), (gone.task.id, "no".to_owned())];
    subject.store.finish(session, JobEnds { dead, ..JobEnds::default() }).await.unwrap();
    let (_, tasks) = subject.started(1).await;

    subject.store.release(kept.task.id).await.unwrap();
    subject.store.discard(gone.task.id).await.unwrap();
    let missing = subject.store.discard(gone.task.id).await.unwrap_err();
    let released = subject.store.discard(kept.task.id).await.unwrap_err();
    let not_a_job = subject.store.discard(tasks[0]).await.unwrap_err();

    for error in [missing, released, not_a_job] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    assert!(subject.store.quarantined(None, 10).await.unwrap().is_empty());
    let back = subject.claim(session, 10).await.tasks;
    assert!(back.iter().any(|task| task.id == kept.task.id), "no worker died of it");
}

/// A dead letter outlives the session that gave it up, whether that dies or is closed, and also when it was put back
/// and somebody else has it.
pub async fn a_dead_job_does_not_come_back_with_its_session(subject: &Subject) {
    let (dying, closing, other) = (subject.session().await, subject.session().await, subject.session().await);
    let mut given_up = Vec::new();
    for session in [dying, closing] {
        let (dead, held) = (job(subject, None), job(subject, None));
        subject.store.enqueue(vec![dead.clone(), held]).await.unwrap();
        assert_eq!(subject.claim(session, 10).await.tasks.len(), 2);
        let ends = JobEnds { dead: vec![(dead.task.id, "no".to_owned())], ..JobEnds::default() };
        subject.store.finish(session, ends).await.unwrap();
        given_up.push(dead.task.id);
    }
    subject.store.release(given_up[1]).await.unwrap();
    assert_eq!(subject.claim(other, 10).await.tasks[0].id, given_up[1]);

    subject.store.close_session(closing).await.unwrap();
    subject.expire(dying).await;
    let recovered = subject.store.recover(Dead::Expired).await.unwrap();

    assert_eq!((recovered.sessions, recovered.tasks), (1, 1));
    let letters = subject.store.quarantined(None, 10).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.id).collect::<Vec<_>>(), given_up[..1]);
    let next = subject.session().await;
    let mut back = subject.claim(next, 10).await.tasks;
    back.extend(subject.claim_suspect(next).await.tasks);
    assert_eq!(back.len(), 2, "what the two held beside it, and nothing else");
    assert!(back.iter().all(|task| !given_up.contains(&task.id)));
}

/// Whoever lost its lease ends nothing.
pub async fn a_stale_session_ends_no_job(subject: &Subject) {
    let (stale, next) = (subject.session().await, subject.session().await);
    subject.store.enqueue(vec![job(subject, None), job(subject, None), job(subject, None)]).await.unwrap();
    let tasks: Vec<TaskId> = subject.claim(stale, 10).await.tasks.iter().map(|task| task.id).collect();
    subject.expire(stale).await;
    let again = NewTask { attempt: 2, ..job(subject, None).task };
    let ends = JobEnds {
        done: vec![tasks[0]],
        again: vec![(tasks[1], again)],
        dead: vec![(tasks[2], "no".to_owned())],
    };

    let all = subject.store.finish(stale, ends).await.unwrap_err();
    let plain = JobEnds { done: tasks.clone(), ..JobEnds::default() };
    let done = subject.store.finish(stale, plain).await.unwrap_err();

    assert_eq!((all.kind(), done.kind()), (ErrorKind::LeaseLost, ErrorKind::LeaseLost));
    assert_eq!(subject.store.recover(Dead::Expired).await.unwrap().tasks, 3);
    let mut back = Vec::new();
    for _ in 0..3 {
        back.extend(subject.claim_suspect(next).await.tasks.iter().map(|task| task.id));
    }
    assert_eq!(back, tasks);
    assert!(subject.store.quarantined(None, 10).await.unwrap().is_empty());
}
