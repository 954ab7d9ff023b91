//! Beginnings, and reading.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::ExecutionId;
use codeflow_core::execution::{ExecutionStatus, Fact, StepError};
use codeflow_core::workflow::VersionId;
use codeflow_engine::{Claim, Ending, ErrorKind, ExecutionFilter, NewExecution, NewTask, Started};
use serde_json::json;
use tokio::task::JoinSet;

use super::Subject;
use super::subject::{settled, step_name, workflow_name};

/// Everything that a start says is there afterwards.
pub async fn a_start_is_read_back_whole(subject: &Subject) {
    let version = subject.workflow("review").await;
    let scan = subject.task("scan");
    let later = NewTask { after: Some(Duration::from_secs(60)), ..subject.task("later") };
    let new = NewExecution {
        facts: vec![settled("diff", json!({ "files": 3 })), Fact::DeadlinePassed],
        ..subject.execution(&version, vec![scan, later])
    };

    let started = subject.store.start(new.clone()).await.unwrap();

    let snapshot = subject.read(new.id).await;
    assert_eq!(started, Started::Created);
    assert_eq!(snapshot.record.workflow, new.workflow);
    assert_eq!(snapshot.record.version, version);
    assert_eq!(snapshot.record.status, ExecutionStatus::Queued);
    assert_eq!(snapshot.record.inputs, new.inputs);
    assert_eq!((snapshot.record.generation, snapshot.record.started_at), (0, None));
    assert_eq!(snapshot.facts, new.facts.into_iter().map(|fact| (0, fact)).collect::<Vec<_>>());
    let open: Vec<_> = snapshot.tasks.iter().map(|task| (task.id, task.delayed, task.quarantined)).collect();
    assert_eq!(open, [(new.tasks[0].id, false, false), (new.tasks[1].id, true, false)]);
    assert_eq!(snapshot.tasks[1].work, new.tasks[1].work);
}

/// The second start with a key leaves nothing behind.
pub async fn a_start_with_a_known_key_finds_the_first(subject: &Subject) {
    let version = subject.workflow("review").await;
    let keyed = |new: NewExecution| NewExecution { idempotency_key: Some("push ü 1".to_owned()), ..new };
    let first = keyed(subject.execution(&version, vec![subject.task("diff")]));
    let second = keyed(subject.execution(&version, vec![subject.task("diff")]));

    let created = subject.store.start(first.clone()).await.unwrap();
    let existing = subject.store.start(second.clone()).await.unwrap();

    let session = subject.session().await;
    assert_eq!(created, Started::Created);
    assert_eq!(existing, Started::Existing(first.id));
    assert_eq!(subject.store.read(second.id, None).await.unwrap(), None);
    assert_eq!(subject.claim(session, 10).await.tasks.len(), 1);
}

/// PostgreSQL's text has no zero character, so no storage takes one in a key.
pub async fn a_key_with_a_zero_character_is_refused(subject: &Subject) {
    let version = subject.workflow("review").await;
    let key = Some("push \u{0} 1".to_owned());
    let new = NewExecution { idempotency_key: key, ..subject.execution(&version, vec![]) };

    let refused = subject.store.start(new).await.unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

/// Two workflows may use the same key.
pub async fn a_key_belongs_to_one_workflow(subject: &Subject) {
    let review = subject.workflow("review").await;
    let other = subject.workflow("other").await;
    let key = Some("push-1".to_owned());
    let first = NewExecution { idempotency_key: key.clone(), ..subject.execution(&review, vec![]) };
    let second = NewExecution {
        workflow: workflow_name("other"),
        idempotency_key: key,
        ..subject.execution(&other, vec![])
    };

    subject.store.start(first).await.unwrap();

    assert_eq!(subject.store.start(second).await.unwrap(), Started::Created);
}

/// Starts that come at the same time agree on one.
pub async fn eight_starts_with_one_key_make_one_execution(subject: &Subject) {
    let version = subject.workflow("review").await;
    let mut starts = JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&subject.store);
        let new = NewExecution {
            idempotency_key: Some("once".to_owned()),
            ..subject.execution(&version, vec![subject.task("diff")])
        };
        starts.spawn(async move { (new.id, store.start(new).await.unwrap()) });
    }

    let answers = starts.join_all().await;

    let created: Vec<ExecutionId> =
        answers.iter().filter(|(_, started)| *started == Started::Created).map(|(id, _)| *id).collect();
    assert_eq!(created.len(), 1, "{answers:?}");
    let agreed = |(id, started): &(ExecutionId, Started)| match started {
        Started::Created => *id == created[0],
        Started::Existing(first) => *first == created[0],
        Started::Skipped(_) => false,
    };
    assert!(answers.iter().all(agreed), "{answers:?}");
}

/// A refused start takes neither its key nor its tasks with it.
pub async fn a_start_of_an_unknown_version_leaves_nothing(subject: &Subject) {
    let version = subject.workflow("review").await;
    let key = Some("push-1".to_owned());
    let unknown = NewExecution {
        idempotency_key: key.clone(),
        ..subject.execution(&VersionId::from_hash("f".repeat(64)), vec![subject.task("diff")])
    };

    let refused = subject.store.start(unknown.clone()).await.unwrap_err();

    let again = NewExecution { version, ..unknown };
    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert_eq!(subject.store.read(again.id, None).await.unwrap(), None);
    assert_eq!(subject.store.start(again).await.unwrap(), Started::Created);
}

/// An id names one execution.
pub async fn an_execution_starts_only_once(subject: &Subject) {
    let version = subject.workflow("review").await;
    let new = subject.execution(&version, vec![]);
    subject.store.start(new.clone()).await.unwrap();

    let refused = subject.store.start(new).await.unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::Conflict);
}

/// Nothing to do is an ending, too.
pub async fn an_execution_that_ends_at_once_is_stored_ended(subject: &Subject) {
    let version = subject.workflow("review").await;
    let error = StepError {
        code: "gate.failed".to_owned(),
        message: "no".to_owned(),
        blocked_by: Some(step_name("gate")),
    };
    let ending = Ending { outputs: Some(Arc::new(json!({ "verdict": "no" }))), error: Some(error) };
    let new = NewExecution {
        status: ExecutionStatus::Failed,
        ending: Some(ending.clone()),
        ..subject.execution(&version, vec![])
    };

    subject.store.start(new.clone()).await.unwrap();

    let record = subject.read(new.id).await.record;
    assert_eq!(record.status, ExecutionStatus::Failed);
    assert_eq!((record.outputs, record.error), (ending.outputs, ending.error));
    assert_eq!(record.finished_at, Some(record.created_at));
}

/// Absence is an answer, not an error.
pub async fn an_unknown_execution_is_not_found(subject: &Subject) {
    let unknown = subject.id(ExecutionId::generate);

    assert_eq!(subject.store.read(unknown, None).await.unwrap(), None);
    assert!(subject.store.inbox(unknown).await.unwrap().is_empty());
    assert!(subject.store.logs(unknown, 0, 10).await.unwrap().is_empty());
}

/// A page begins after the last of the page before.
pub async fn executions_are_listed_newest_first_in_pages(subject: &Subject) {
    let version = subject.workflow("review").await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let new = subject.execution(&version, vec![]);
        ids.insert(0, new.id);
        subject.store.start(new).await.unwrap();
    }

    let first = subject.store.list(ExecutionFilter::default(), 3).await.unwrap();
    let rest = ExecutionFilter { before: Some(first[2].id), ..ExecutionFilter::default() };
    let second = subject.store.list(rest, 3).await.unwrap();

    let listed: Vec<ExecutionId> = first.iter().chain(&second).map(|record| record.id).collect();
    assert_eq!(listed, ids);
}

/// Both filters hold at once.
pub async fn a_list_is_filtered_by_workflow_and_status(subject: &Subject) {
    let review = subject.workflow("review").await;
    let other = subject.workflow("other").await;
    let queued = subject.execution(&review, vec![]);
    let waiting = NewExecution { status: ExecutionStatus::Waiting, ..subject.execution(&review, vec![]) };
    let elsewhere = NewExecution {
        workflow: workflow_name("other"),
        status: ExecutionStatus::Waiting,
        ..subject.execution(&other, vec![])
    };
    for new in [&queued, &waiting, &elsewhere] {
        subject.store.start(new.clone()).await.unwrap();
    }
    let listed = async |workflow: Option<&str>, status: Option<ExecutionStatus>| {
        let filter =
            ExecutionFilter { workflow: workflow.map(workflow_name), status, ..ExecutionFilter::default() };
        let records = subject.store.list(filter, 10).await.unwrap();
        records.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };

    assert_eq!(listed(Some("review"), None).await, [waiting.id, queued.id]);
    assert_eq!(listed(None, Some(ExecutionStatus::Waiting)).await, [elsewhere.id, waiting.id]);
    assert_eq!(listed(Some("review"), Some(ExecutionStatus::Waiting)).await, [waiting.id]);
    assert!(listed(Some("nothing"), None).await.is_empty());
}

/// A bulk start is one commit: one start that cannot be kept keeps all from beginning.
pub async fn many_start_in_one_commit_or_none_does(subject: &Subject) {
    let version = subject.workflow("review").await;
    let keyed = |key: &str| NewExecution {
        idempotency_key: Some(key.to_owned()),
        ..subject.execution(&version, vec![subject.task("diff")])
    };
    let known = keyed("a");
    subject.store.start(known.clone()).await.unwrap();
    let plain: Vec<_> = (0..50).map(|_| subject.execution(&version, vec![subject.task("diff")])).collect();
    let (again, twin, second) = (keyed("a"), keyed("b"), keyed("b"));
    let ended = NewExecution {
        status: ExecutionStatus::Succeeded,
        ending: Some(Ending { outputs: Some(Arc::new(json!("x".repeat(9_000)))), error: None }),
        ..subject.execution(&version, vec![])
    };
    let mut all = plain.clone();
    all.extend([again.clone(), twin.clone(), second.clone(), ended.clone()]);
    let mut bad = plain.clone();
    bad.push(subject.execution(&VersionId::from_hash("f".repeat(64)), vec![]));

    let refused = subject.store.start_all(bad, None).await.unwrap_err();
    let nothing = subject.store.read_all(&[plain[0].id]).await.unwrap();
    let started = subject.store.start_all(all, None).await.unwrap();

    assert_eq!(refused.kind(), ErrorKind::NotFound);
    assert!(nothing.is_empty(), "nothing of a refused start is left");
    assert_eq!(started[..50], [Started::Created; 50]);
    assert_eq!(started[50], Started::Existing(known.id));
    let keys = [started[51], started[52]];
    let first = if keys[0] == Started::Created { twin.id } else { second.id };
    assert!(keys.contains(&Started::Created) && keys.contains(&Started::Existing(first)), "{keys:?}");
    assert_eq!(started[53], Started::Created);
    assert_eq!(subject.read(ended.id).await.record.outputs, ended.ending.unwrap().outputs);
    let session = subject.session().await;
    assert_eq!(subject.claim(session, 100).await.tasks.len(), 52);
}

/// A worker may take the first tasks as they are written. One whose lease has ended takes nothing, and nothing begins.
pub async fn a_start_may_be_taken_by_a_live_session_only(subject: &Subject) {
    let version = subject.workflow("review").await;
    let (alive, dead) = (subject.session().await, subject.session().await);
    subject.expire(dead).await;
    let batch = subject.wanted(0).batch;
    let taken = || NewTask { taken: Some(batch), ..subject.task("diff") };
    let new = subject.execution(&version, vec![taken(), subject.task("scan")]);
    let late = subject.execution(&version, vec![taken()]);

    let late_two = subject.execution(&version, vec![taken(), subject.task("scan")]);
    let alone = subject.wanted(0).batch;
    let only = NewTask { taken: Some(alone), ..subject.task("diff") };
    let single = subject.execution(&version, vec![only.clone()]);
    let unknown = NewExecution {
        version: VersionId::from_hash("f".repeat(64)),
        ..subject.execution(&version, vec![taken()])
    };

    let started = subject.store.start_all(vec![new.clone()], Some(alive)).await.unwrap();
    assert_eq!(subject.store.start_all(vec![single.clone()], Some(alive)).await.unwrap(), [Started::Created]);
    let absent = subject.store.start_all(vec![unknown.clone()], Some(alive)).await.unwrap_err();

    assert_eq!(started, [Started::Created]);
    for late in [late, late_two] {
        let refused = subject.store.start_all(vec![late.clone()], Some(dead)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::LeaseLost);
        assert_eq!(subject.store.read(late.id, None).await.unwrap(), None);
    }
    assert_eq!(absent.kind(), ErrorKind::NotFound);
    assert_eq!(subject.store.read(unknown.id, None).await.unwrap(), None);
    let begun = subject.read(single.id).await;
    assert_eq!((begun.record.inputs, begun.record.seq), (single.inputs.clone(), 1));
    let held = subject.store.claim(alive, Claim { batch: alone, ..subject.wanted(0) }).await.unwrap().tasks;
    assert_eq!(held.iter().map(|task| (task.id, &task.work)).collect::<Vec<_>>(), [(only.id, &only.work)]);
    let held = subject.store.claim(alive, Claim { batch, ..subject.wanted(0) }).await.unwrap().tasks;
    assert_eq!(held.iter().map(|task| task.id).collect::<Vec<_>>(), [new.tasks[0].id]);
    let waiting = subject.claim(alive, 10).await.tasks;
    assert_eq!(waiting.iter().map(|task| task.id).collect::<Vec<_>>(), [new.tasks[1].id]);
}

/// Each comes as if it had been read alone; one that does not exist is left out.
pub async fn many_are_read_at_once(subject: &Subject) {
    let mut ids = Vec::new();
    for n in 0..4 {
        let (id, _) = subject.started(n).await;
        ids.push(id);
    }
    let session = subject.session().await;
    let fact = settled("step0", json!("y".repeat(9_000)));
    subject.flush(session, super::subject::advance(ids[1], 1, vec![fact])).await;
    let unknown = subject.id(ExecutionId::generate);

    let mut found = subject.store.read_all(&[ids[3], unknown, ids[0], ids[1]]).await.unwrap();

    found.sort_by_key(|snapshot| snapshot.record.id);
    let mut alone = Vec::new();
    for id in [ids[0], ids[1], ids[3]] {
        alone.push(subject.read(id).await);
    }
    assert_eq!(found, alone);
}
