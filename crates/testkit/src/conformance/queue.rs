//! Claims and timers.

use std::collections::BTreeSet;
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, StepPath};
use codeflow_engine::{Advance, Claim, Dead, ErrorKind, Flushed, NewTask, Promoted, Renewal, Work};

use super::subject::{advance, step_name};
use super::{Subject, doctor};

/// Within a priority, first come, first served.
pub async fn higher_priority_goes_first_and_then_the_older(subject: &Subject) {
    let version = subject.workflow("review").await;
    let with = |priority: i16| NewTask { priority, ..subject.task("any") };
    let tasks = vec![with(0), with(5), with(-5), with(0), with(5)];
    let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
    subject.store.start(subject.execution(&version, tasks)).await.unwrap();
    let session = subject.session().await;

    let first = subject.claim(session, 3).await.tasks;
    let rest = subject.claim(session, 10).await.tasks;

    let order: Vec<_> = first.iter().chain(&rest).map(|task| task.id).collect();
    assert_eq!(order, [ids[1], ids[4], ids[0], ids[3], ids[2]]);
    assert_eq!(first.len(), 3);
}

/// A lane is a queue of its own.
pub async fn only_the_lanes_asked_for_are_served(subject: &Subject) {
    let version = subject.workflow("review").await;
    let on = |lane: &str, priority| NewTask { lane: lane.to_owned(), priority, ..subject.task(lane) };
    let tasks = vec![on("slow", 1), on("default", 0), on("fast", 2)];
    let ids: Vec<_> = tasks.iter().map(|task| task.id).collect();
    subject.store.start(subject.execution(&version, tasks)).await.unwrap();
    let session = subject.session().await;
    let lanes = vec!["fast".to_owned(), "slow".to_owned(), "empty".to_owned()];

    let claimed = subject.store.claim(session, Claim { lanes, ..subject.wanted(10) }).await.unwrap();

    assert_eq!(claimed.tasks.iter().map(|task| task.id).collect::<Vec<_>>(), [ids[2], ids[0]]);
    assert_eq!(subject.claim(session, 10).await.tasks[0].id, ids[1]);
}

/// What a worker gets is what was put in; that it works on it, it says with its next sign of life.
pub async fn a_claimed_execution_runs_from_the_next_renewal_on(subject: &Subject) {
    let version = subject.workflow("review").await;
    let work = Work::Attempt(StepPath::iteration(step_name("each"), 7));
    let new_task = NewTask { attempt: 3, priority: 9, work: work.clone(), ..subject.task("each") };
    let new = subject.execution(&version, vec![new_task.clone()]);
    subject.store.start(new.clone()).await.unwrap();
    let session = subject.session().await;
    let claim = subject.wanted(10);

    let claimed = subject.store.claim(session, claim.clone()).await.unwrap();

    let claimed_only = subject.read(new.id).await.record;
    let (ttl, began) = (Duration::from_secs(60), vec![(new.id, Duration::from_secs(5))]);
    let renewal = Renewal { ttl, began, ..Renewal::default() };
    subject.store.renew(session, renewal.clone()).await.unwrap();
    let record = subject.read(new.id).await.record;
    subject.flush(session, advance(new.id, 1, vec![])).await;
    subject.store.renew(session, renewal).await.unwrap();
    let moved = subject.read(new.id).await.record;
    let task = &claimed.tasks[0];
    assert_eq!(record.status, ExecutionStatus::Running);
    assert_eq!((claimed_only.status, claimed_only.started_at), (ExecutionStatus::Queued, None));
    let earlier = record.started_at.expect("it has begun");
    assert!(earlier < record.created_at, "it began before the renewal, by as much as was said");
    assert_eq!(moved.started_at, Some(earlier), "it begins once");
    assert_eq!(record.seq, 1, "a claim is no move");
    assert_eq!((task.id, task.execution, task.batch), (new_task.id, new.id, claim.batch));
    assert_eq!((&task.work, task.attempt, task.generation), (&work, 3, 0));
    assert_eq!((task.lane.as_str(), task.priority, task.deaths), ("default", 9, 0));
    assert!(!claimed.suspects_waiting);
    assert!(subject.claim(session, 10).await.tasks.is_empty(), "it is claimed once");
}

/// What there is to do is the same for whoever claims it, and for whoever looks at the execution.
pub async fn work_of_every_kind_comes_back(subject: &Subject) {
    let version = subject.workflow("review").await;
    let (step, item) = (step_name("each"), StepPath::iteration(step_name("each"), 2));
    let kinds = [
        Work::Attempt(StepPath::step(step.clone())),
        Work::Attempt(item.clone()),
        Work::Expire(step.clone()),
        Work::Deadline,
        Work::Inbox,
        Work::Answer,
        Work::Recall(item),
        Work::Compensate(step),
    ];
    let tasks = kinds.iter().map(|work| NewTask { work: work.clone(), ..subject.task("any") }).collect();
    let new = subject.execution(&version, tasks);
    subject.store.start(new.clone()).await.unwrap();
    let session = subject.session().await;

    let open = subject.read(new.id).await.tasks;
    let claimed = subject.claim(session, 10).await.tasks;

    let mut open: Vec<_> = open.into_iter().map(|task| (task.id, task.work)).collect();
    open.sort();
    assert!(open.iter().map(|(_, work)| work).eq(&kinds));
    assert!(claimed.iter().map(|task| &task.work).eq(&kinds));
}

/// Whoever did not hear the answer asks again, and gets neither more nor less than before.
pub async fn a_repeated_claim_gives_what_its_batch_still_holds(subject: &Subject) {
    let (id, tasks) = subject.started(5).await;
    let (session, other) = (subject.session().await, subject.session().await);
    let claim = subject.wanted(3);
    let first = subject.store.claim(session, claim.clone()).await.unwrap();
    subject.flush(session, Advance { done: vec![tasks[1]], ..advance(id, 1, vec![]) }).await;

    let again = subject.store.claim(session, claim.clone()).await.unwrap();
    let stranger = subject.claim(other, 1).await;

    assert_eq!(first.tasks.iter().map(|task| task.id).collect::<Vec<_>>(), tasks[..3]);
    assert_eq!(again.tasks, [first.tasks[0].clone(), first.tasks[2].clone()]);
    assert_eq!(stranger.tasks[0].id, tasks[3], "nobody else is given it");
    subject.expire(session).await;
    assert_eq!(subject.store.recover(Dead::Expired).await.unwrap().tasks, 2, "it is held once");
    let lost = subject.store.claim(session, claim).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::LeaseLost);
}

/// What a commit takes along is held by its session, and by nobody before the commit.
pub async fn a_task_that_is_taken_with_a_commit_is_held_by_its_session(subject: &Subject) {
    let (id, tasks) = subject.started(1).await;
    let (session, other) = (subject.session().await, subject.session().await);
    subject.claim(session, 1).await;
    let batch = subject.wanted(0).batch;
    let next = NewTask { taken: Some(batch), ..subject.task("next") };
    let later = NewTask { after: Some(Duration::from_secs(60)), ..subject.task("later") };
    let moved = Advance { done: tasks, tasks: vec![next.clone(), later], ..advance(id, 1, vec![]) };

    let flushed = subject.flush(session, moved.clone()).await;
    let lost = Advance { tasks: vec![NewTask { taken: Some(batch), ..subject.task("lost") }], ..moved };
    let conflict = subject.flush(session, lost).await;

    assert_eq!((flushed, conflict), (Flushed::Committed, Flushed::Conflict));
    assert!(subject.claim(other, 10).await.tasks.is_empty(), "it never waits in the queue");
    let asked = Claim { batch, limit: 0, ..subject.wanted(0) };
    let held = subject.store.claim(session, asked).await.unwrap().tasks;
    assert_eq!(held.iter().map(|task| (task.id, task.batch)).collect::<Vec<_>>(), [(next.id, batch)]);
    subject.expire(session).await;
    assert_eq!(subject.store.recover(Dead::Expired).await.unwrap().tasks, 1);
    assert_eq!(subject.claim_suspect(other).await.tasks[0].id, next.id);

    let batch = subject.wanted(0).batch;
    let alone = NewTask { taken: Some(batch), ..subject.task("alone") };
    let moved = Advance { tasks: vec![alone.clone()], ..advance(id, 2, vec![]) };
    assert_eq!(subject.flush(other, moved).await, Flushed::Committed);
    let asked = Claim { batch, limit: 0, ..subject.wanted(0) };
    let held = subject.store.claim(other, asked).await.unwrap().tasks;
    assert_eq!(held.iter().map(|task| (task.id, task.batch)).collect::<Vec<_>>(), [(alone.id, batch)]);
}

/// What never waited in the queue does so once its holder gives it up, also where nothing like it ever waited before.
pub async fn what_was_taken_and_is_given_up_is_found_by_others(subject: &Subject) {
    let version = subject.workflow("review").await;
    let (session, other) = (subject.session().await, subject.session().await);
    let taken =
        |priority: i16| NewTask { taken: Some(subject.wanted(0).batch), priority, ..subject.task("diff") };
    let new = subject.execution(&version, vec![taken(1)]);
    subject.store.start_all(vec![new.clone()], Some(session)).await.unwrap();
    let next = taken(2);
    let moved = Advance { tasks: vec![next.clone()], ..advance(new.id, 1, vec![]) };
    subject.flush(session, moved).await;

    subject.store.close_session(session).await.unwrap();

    let claimed = subject.claim(other, 10).await.tasks;
    let found: Vec<_> = claimed.iter().map(|task| task.id).collect();
    assert_eq!(found, [next.id, new.tasks[0].id]);
}

/// Whoever asks for a batch that was never made gets nothing, and nothing else either.
pub async fn a_claim_of_nothing_takes_nothing(subject: &Subject) {
    let (_, tasks) = subject.started(1).await;
    let session = subject.session().await;

    let nothing = subject.store.claim(session, subject.wanted(0)).await.unwrap();

    assert!(nothing.tasks.is_empty());
    assert_eq!(subject.claim(session, 1).await.tasks[0].id, tasks[0]);
}

/// A task that is given back is nobody's, and its holder's end changes nothing about it.
pub async fn what_is_given_back_is_claimed_by_others_and_held_no_more(subject: &Subject) {
    let (_, tasks) = subject.started(3).await;
    let (session, other, late) = (subject.session().await, subject.session().await, subject.session().await);
    let batch = subject.wanted(3);
    subject.store.claim(session, batch.clone()).await.unwrap();

    subject.store.give_back(session, &tasks[1..]).await.unwrap();
    let taken = subject.claim(other, 10).await.tasks;
    subject.store.give_back(session, &tasks[1..]).await.unwrap();
    let again = subject.store.claim(session, batch).await.unwrap().tasks;

    assert_eq!(
        taken.iter().map(|task| (task.id, task.deaths)).collect::<Vec<_>>(),
        [(tasks[1], 0), (tasks[2], 0)]
    );
    assert!(subject.claim(late, 10).await.tasks.is_empty(), "what another one holds is not given back");
    assert_eq!(again.iter().map(|task| task.id).collect::<Vec<_>>(), [tasks[0]]);
    subject.expire(session).await;
    let refused = subject.store.give_back(session, &tasks).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::LeaseLost);
    assert_eq!(subject.store.recover(Dead::Expired).await.unwrap().tasks, 1, "only what it still held");
}

/// Batches of which nothing is left are forgotten; what is held stays held.
pub async fn a_batch_that_is_over_is_forgotten(subject: &Subject) {
    let (id, tasks) = subject.started(2).await;
    let (session, other) = (subject.session().await, subject.session().await);
    let (first, second) = (subject.wanted(1), subject.wanted(1));
    subject.store.claim(session, first.clone()).await.unwrap();
    subject.store.claim(session, second).await.unwrap();
    subject.flush(session, Advance { done: vec![tasks[0]], ..advance(id, 1, vec![]) }).await;

    let ttl = Duration::from_secs(60);
    let renewal = Renewal { ttl, over: vec![first.batch], ..Renewal::default() };
    subject.store.renew(session, renewal).await.unwrap();

    let recovered = subject.store.recover(Dead::AllBut(other.id)).await.unwrap();
    assert_eq!(recovered.tasks, 1);
    assert_eq!(subject.claim_suspect(other).await.tasks[0].id, tasks[1]);
}

/// A cancelled execution takes its tasks out of the queue, due or not.
pub async fn a_task_that_is_done_before_it_is_claimed_is_gone(subject: &Subject) {
    let version = subject.workflow("review").await;
    let delayed = NewTask { after: Some(Duration::from_millis(1)), ..subject.task("later") };
    let new = subject.execution(&version, vec![subject.task("now"), delayed]);
    subject.store.start(new.clone()).await.unwrap();
    let session = subject.session().await;

    let dropped = new.tasks.iter().map(|task| task.id).collect();
    subject.flush(session, Advance { dropped, ..advance(new.id, 1, vec![]) }).await;

    assert!(subject.claim(session, 10).await.tasks.is_empty());
    assert_eq!(subject.store.promote(10).await.unwrap(), Promoted { moved: 0, next: None });
    assert!(subject.read(new.id).await.tasks.is_empty());
}

/// What is gone from the queue is not counted among what was asked for.
pub async fn what_is_dropped_takes_no_place_in_a_claim(subject: &Subject) {
    let (id, tasks) = subject.started(2).await;
    let session = subject.session().await;

    subject.flush(session, Advance { dropped: vec![tasks[0]], ..advance(id, 1, vec![]) }).await;

    let claimed = subject.claim(session, 1).await.tasks;
    assert_eq!(claimed.iter().map(|task| task.id).collect::<Vec<_>>(), [tasks[1]]);
    assert_eq!(doctor::findings(subject).await, BTreeSet::new());
}

/// Whoever lost a race thinks that nobody needs them; whoever won it may think otherwise.
pub async fn what_a_lost_move_drops_is_still_there(subject: &Subject) {
    let version = subject.workflow("review").await;
    let delayed = NewTask { after: Some(Duration::from_secs(60)), ..subject.task("later") };
    let new = subject.execution(&version, vec![subject.task("now"), delayed]);
    subject.store.start(new.clone()).await.unwrap();
    let session = subject.session().await;
    let before = subject.read(new.id).await;

    let dropped = new.tasks.iter().map(|task| task.id).collect();
    let flushed = subject.flush(session, Advance { dropped, ..advance(new.id, 9, vec![]) }).await;

    assert_eq!(flushed, Flushed::Conflict);
    assert_eq!(subject.read(new.id).await, before);
    assert_eq!(subject.claim(session, 10).await.tasks[0].id, new.tasks[0].id);
    assert!(subject.store.promote(10).await.unwrap().next.is_some());
}

/// Storage says how long that is.
pub async fn a_delayed_task_waits_for_its_time(subject: &Subject) {
    let version = subject.workflow("review").await;
    let after = |ms| NewTask { after: Some(Duration::from_millis(ms)), ..subject.task("later") };
    let (soon, late) = (after(40), after(60_000));
    let new = subject.execution(&version, vec![late.clone(), soon.clone()]);
    subject.store.start(new).await.unwrap();
    let session = subject.session().await;
    assert!(subject.claim(session, 10).await.tasks.is_empty(), "neither is promoted");

    let promoted = subject
        .until("the promotion of a delayed task", async || {
            let promoted = subject.store.promote(10).await.unwrap();
            let next = promoted.next.expect("something waits");
            assert!(next <= Duration::from_secs(60), "{next:?}");
            (promoted.moved > 0).then_some(promoted)
        })
        .await;

    assert_eq!(promoted.moved, 1);
    assert!(promoted.next > Some(Duration::from_secs(20)), "{promoted:?}");
    let claimed = subject.claim(session, 10).await.tasks;
    assert_eq!(claimed.iter().map(|task| task.id).collect::<Vec<_>>(), [soon.id]);
}

/// What is due and not moved is due at once.
pub async fn promotion_moves_no_more_than_asked(subject: &Subject) {
    let version = subject.workflow("review").await;
    let soon = || NewTask { after: Some(Duration::ZERO), ..subject.task("soon") };
    subject.store.start(subject.execution(&version, vec![soon(), soon(), soon()])).await.unwrap();

    let first = subject.store.promote(2).await.unwrap();
    let second = subject.store.promote(2).await.unwrap();

    assert_eq!(first, Promoted { moved: 2, next: Some(Duration::ZERO) });
    assert_eq!(second, Promoted { moved: 1, next: None });
}
