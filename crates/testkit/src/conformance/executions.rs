//! Beginnings, and reading.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::ExecutionId;
use codeflow_core::execution::{ExecutionStatus, Fact, StepError};
use codeflow_core::workflow::VersionId;
use codeflow_engine::{Ending, ErrorKind, ExecutionFilter, NewExecution, NewTask, Started};
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
        let filter = ExecutionFilter { workflow: workflow.map(workflow_name), status, before: None };
        let records = subject.store.list(filter, 10).await.unwrap();
        records.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };

    assert_eq!(listed(Some("review"), None).await, [waiting.id, queued.id]);
    assert_eq!(listed(None, Some(ExecutionStatus::Waiting)).await, [elsewhere.id, waiting.id]);
    assert_eq!(listed(Some("review"), Some(ExecutionStatus::Waiting)).await, [waiting.id]);
    assert!(listed(Some("nothing"), None).await.is_empty());
}
