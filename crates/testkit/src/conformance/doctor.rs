//! The doctor: what is in order looks so, what is not is found, and what was lost goes back once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, Fact, StepPath};
use codeflow_core::workflow::Overlap;
use codeflow_core::{SessionId, TaskId, Timestamp};
use codeflow_engine::{
    Checkup, Chore, Disorder, Finding, MAX_DEATHS, NewExecution, NewTask, Part, Renewal, Slot,
};

use super::subject::{advance, step_name};
use super::{Subject, recovery};

/// Looks at everything, in pieces as small as they can be.
pub async fn findings(subject: &Subject) -> BTreeSet<Finding> {
    let mut found = BTreeSet::new();
    for part in Part::ALL {
        let mut after = None;
        loop {
            let piece = subject.store.examine(part, after, 1).await.unwrap();
            found.extend(piece.findings);
            after = piece.next;
            if after.is_none() {
                break;
            }
        }
    }
    found
}

/// Executions that wait, work, are paused or are over, jobs, delays, claims and dead letters are all in order.
pub async fn what_is_in_order_looks_so(subject: &Subject) {
    let (id, tasks) = subject.started(3).await;
    let (paused, _) = subject.started(1).await;
    let session = subject.session().await;
    let claimed = subject.claim(session, 4).await.tasks;
    let mut rest = advance(paused, 1, vec![]);
    rest.status = ExecutionStatus::Paused;
    rest.done = claimed.iter().filter(|task| task.execution == paused).map(|task| task.id).collect();
    subject.flush(session, rest).await;
    let mut delayed = advance(id, 1, vec![]);
    delayed.done = vec![tasks[0]];
    let mut later = subject.task("later");
    later.after = Some(Duration::from_secs(600));
    delayed.tasks = vec![later, subject.task("now")];
    subject.flush(session, delayed).await;

    assert_eq!(findings(subject).await, BTreeSet::new());
}

/// Nothing is due for it, it waits for nobody, and it called nobody.
pub async fn an_execution_that_nothing_moves_is_stuck(subject: &Subject) {
    let version = subject.workflow("review").await;
    let stuck = subject.execution(&version, vec![]);
    let over = NewExecution { status: ExecutionStatus::Succeeded, ..subject.execution(&version, vec![]) };
    let other = NewExecution { status: ExecutionStatus::Waiting, ..subject.execution(&version, vec![]) };
    let ids = BTreeSet::from([stuck.id, other.id]);
    subject.store.start_all(vec![stuck, over, other], None).await.unwrap();

    let found = findings(subject).await;

    assert!(found.iter().all(|finding| finding.disorder == Disorder::StuckExecution), "{found:?}");
    assert_eq!(found.iter().filter_map(|finding| finding.execution).collect::<BTreeSet<_>>(), ids);
}

/// Whoever called an execution waits for its end, and then for the telling of it.
pub async fn a_caller_is_not_stuck_until_its_answer_is_lost(subject: &Subject) {
    let version = subject.workflow("review").await;
    let child = subject.execution(&version, vec![subject.task("diff")]);
    let since = Timestamp::from_micros(1);
    let path = StepPath::step(step_name("call"));
    let called = Fact::Called { path, child: child.id, since };
    let caller = NewExecution { facts: vec![called], ..subject.execution(&version, vec![]) };
    let (caller_id, task) = (caller.id, child.tasks[0].id);
    subject.store.start_all(vec![caller, child.clone()], None).await.unwrap();
    let session = subject.session().await;
    subject.claim(session, 1).await;
    let waiting = findings(subject).await;
    let mut over = advance(child.id, 1, vec![]);
    (over.status, over.done) = (ExecutionStatus::Succeeded, vec![task]);
    subject.flush(session, over).await;

    let found = findings(subject).await;

    assert_eq!(waiting, BTreeSet::new());
    assert_eq!(found.iter().filter_map(|finding| finding.execution).collect::<Vec<_>>(), [caller_id]);
}

/// A task that has a place stays there.
pub async fn only_a_lost_task_is_put_back(subject: &Subject) {
    let (_, tasks) = subject.started(2).await;
    let session = subject.session().await;
    subject.claim(session, 1).await;

    let back = [
        subject.store.put_back(tasks[0]).await.unwrap(),
        subject.store.put_back(tasks[1]).await.unwrap(),
        subject.store.put_back(subject.task("nobody").id).await.unwrap(),
    ];

    assert_eq!(back, [false; 3]);
    assert_eq!(subject.claim(session, 10).await.tasks.len(), 1);
}

/// Neither what waits for its time, nor what waits for a place under its key, nor a dead letter.
pub async fn what_waits_for_something_is_not_lost(subject: &Subject) {
    let (_, poison) = subject.started(1).await;
    for _ in 0..MAX_DEATHS {
        recovery::die_of(subject, poison[0]).await;
    }
    let version = subject.workflow("review").await;
    let delayed = NewTask { after: Some(Duration::from_secs(600)), ..subject.task("later") };
    let slot = Some(Slot { key: "one".to_owned(), most: 1, on_new: Overlap::Queue });
    let first = NewExecution { slot, ..subject.execution(&version, vec![delayed.clone()]) };
    let waiting = NewExecution {
        slot: first.slot.clone(),
        ..subject.execution(&version, vec![subject.task("diff"), subject.task("scan")])
    };
    subject.store.start(first).await.unwrap();
    subject.store.start(waiting.clone()).await.unwrap();

    for task in [poison[0], delayed.id, waiting.tasks[0].id, waiting.tasks[1].id] {
        assert!(!subject.store.put_back(task).await.unwrap(), "{task} has a place");
    }

    assert_eq!(findings(subject).await, BTreeSet::new());
    let session = subject.session().await;
    assert!(subject.claim(session, 10).await.tasks.is_empty());
    assert!(subject.claim_suspect(session).await.tasks.is_empty());
}

/// Two people may repair at once, and on what was found some time ago.
pub async fn what_was_lost_is_repaired_once(subject: &Subject) {
    let (_, tasks) = subject.started(3).await;
    let session = subject.session().await;
    let claim = subject.wanted(2);
    subject.store.claim(session, claim.clone()).await.unwrap();
    // Its holder says that nothing is left of the batch, and is wrong.
    let ttl = Duration::from_secs(600);
    let renewal = Renewal { ttl, over: vec![claim.batch], ..Renewal::default() };
    subject.store.renew(session, renewal).await.unwrap();
    let engine = subject.engine();
    let checkup = Checkup { patience: Duration::ZERO, piece: 1, ..Checkup::default() };

    let found = engine.examine(&checkup).await.unwrap();
    let (one, other) = tokio::join!(engine.repair(&found), engine.repair(&found));
    let claimed = subject.claim(session, 10).await.tasks;
    let again = engine.repair(&found).await.unwrap();

    assert_eq!(found.counts(), BTreeMap::from([(Disorder::LostTask, 2)]));
    let mut back = [one.unwrap(), other.unwrap()].concat();
    back.sort();
    assert_eq!(back, tasks[..2], "each is put back by one of them");
    assert_eq!(again, [], "they are held by now");
    let claimed: BTreeSet<TaskId> = claimed.iter().map(|task| task.id).collect();
    assert_eq!(claimed, tasks.into_iter().collect());
    assert!(engine.examine(&checkup).await.unwrap().is_sound());
}

/// Others get a chore when its time is up; whoever has it keeps it for longer.
pub async fn a_chore_has_one_holder(subject: &Subject) {
    let (one, other) = (subject.id(SessionId::generate), subject.id(SessionId::generate));
    let (long, no) = (Duration::from_secs(600), Duration::ZERO);
    let take = async |chore, holder, ttl| subject.store.take_chore(chore, holder, ttl).await.unwrap();

    assert!(take(Chore::Examination, one, long).await);
    assert!(!take(Chore::Examination, other, long).await);
    assert!(take(Chore::Retention, other, long).await, "it is another chore");
    assert!(take(Chore::Examination, one, no).await);
    assert!(take(Chore::Examination, other, long).await);
    assert!(!take(Chore::Examination, one, long).await);
}
