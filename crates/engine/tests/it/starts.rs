//! Starting executions: keys, inputs, and what can be asked about them.

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::workflow::VersionId;
use codeflow_core::{Class, Coded, ExecutionId, Tenant, WorkflowId};
use codeflow_engine::{Error, ErrorKind, ExecutionFilter, NewVersion, StartRequest, Started, WorkflowStore};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::world::{World, workflow};

const ONE: &str = "version: 1\nname: test\nsteps: { a: { uses: test/x } }\n";
const TAKES: &str = "
version: 1
name: test
inputs:
  range: { type: string, default: HEAD }
  depth: { type: integer }
  files: { type: list }
steps: { a: { uses: test/x, with: { r: '${{ inputs.range }}', d: '${{ inputs.depth }}' } } }
";

fn map(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_key_has_an_end() {
    let world = World::new();

    let (id, _) = world.start_with(ONE, Map::new(), Some(&"k".repeat(255))).await.unwrap();
    let error = world.start_with(ONE, Map::new(), Some(&"k".repeat(256))).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    world.finish(id).await;
}

/// A worker took it with the commit, and nobody told it.
#[tokio::test(start_paused = true)]
async fn a_start_whose_answer_is_lost_runs_all_the_same() {
    let world = World::new();
    let before = world.start(ONE).await;
    let worker = world.work();
    world.ended(before).await;
    world.store.lose_starts(1);

    let refused = world.start_with(ONE, Map::new(), None).await.unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    let newest = world.engine.list(ExecutionFilter::default(), 1).await.unwrap().remove(0);
    assert_ne!(newest.id, before, "it was started");
    assert_eq!(world.ended(newest.id).await.status(), ExecutionStatus::Succeeded);
    assert_eq!(world.script.count("a"), 2);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_second_start_with_the_same_key_finds_the_first() {
    let world = World::new();
    let (first, _) = world.start_with(ONE, Map::new(), Some("delivery-1")).await.unwrap();

    let second = world.start_with(ONE, Map::new(), Some("delivery-1")).await.unwrap();
    let (third, started) = world.start_with(ONE, Map::new(), Some("delivery-2")).await.unwrap();

    assert_eq!(second, (first, Started::Existing(first)));
    assert_eq!(started, Started::Created);
    world.finish(first).await;
    world.finish(third).await;
    assert_eq!(world.script.count("a"), 2);
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_wrong_with_the_inputs_is_said_at_once() {
    let world = World::new();
    let inputs = map(json!({ "depth": "three", "rnage": "x" }));

    let error = world.start_with(TAKES, inputs, None).await.unwrap_err();

    assert_eq!(
        (error.kind(), error.code(), error.class()),
        (ErrorKind::InvalidInput, "engine.invalid_input", Class::Invalid)
    );
    let text = error.to_string();
    assert!(text.contains("unknown input `rnage`"), "{text}");
    assert!(text.contains("input `depth` must be of type integer, not string"), "{text}");
    assert!(text.contains("input `files` (list) is missing"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn defaults_stand_in_for_inputs_that_are_not_given() {
    let world = World::new();
    let (id, _) = world.start_with(TAKES, map(json!({ "depth": 3, "files": [] })), None).await.unwrap();

    let view = world.finish(id).await;

    assert_eq!(view.outputs("a"), json!({ "r": "HEAD", "d": 3 }));
    assert_eq!(*view.snapshot.record.inputs, json!({ "range": "HEAD", "depth": 3, "files": [] }));
}

#[tokio::test(start_paused = true)]
async fn a_value_of_every_wrong_type_is_refused_by_name() {
    for (value, named) in [
        (json!(null), "null"),
        (json!(true), "boolean"),
        (json!(1.5), "number"),
        (json!([]), "list"),
        (json!({}), "object"),
    ] {
        let world = World::new();
        let inputs = map(json!({ "depth": value, "files": [] }));

        let error = world.start_with(TAKES, inputs, None).await.unwrap_err();

        assert_eq!(error.to_string(), format!("input `depth` must be of type integer, not {named}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_workflow_without_inputs_says_that_it_takes_none() {
    let world = World::new();

    let error = world.start_with(ONE, map(json!({ "a": 1 })), None).await.unwrap_err();

    assert!(error.to_string().contains("takes: it takes none"));
}

#[tokio::test(start_paused = true)]
async fn a_version_that_was_never_registered_cannot_be_started() {
    let world = World::new();
    let version = VersionId::from_hash("0".repeat(64));

    let request = StartRequest { version, inputs: Map::new(), idempotency_key: None };
    let error = world.engine.start(request).await.unwrap_err();

    assert_eq!((error.kind(), error.class()), (ErrorKind::NotFound, Class::NotFound));
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_does_not_exist_is_not_found() {
    let world = World::new();
    let id = ExecutionId::from_uuid(Uuid::from_u128(99));

    for error in [
        world.engine.get(id, None).await.unwrap_err(),
        world.engine.cancel(id, "ann", None).await.unwrap_err(),
        world.engine.restart(id, None, "ann").await.unwrap_err(),
        world.engine.signal(id, "go", json!(1)).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn executions_are_listed_newest_first_by_status_and_in_pages() {
    let world = World::new();
    let done = world.run(ONE).await.snapshot.record.id;
    let second = world.start(ONE).await;
    let third = world.start(ONE).await;
    let list = |filter| async { world.engine.list(filter, 2).await.unwrap() };

    let newest = list(ExecutionFilter::default()).await;
    let older = list(ExecutionFilter { before: Some(second), ..Default::default() }).await;
    let queued = list(ExecutionFilter { status: Some(ExecutionStatus::Queued), ..Default::default() }).await;
    let other = "other".parse().unwrap();
    let none = list(ExecutionFilter { workflow: Some(other), ..Default::default() }).await;

    assert_eq!(newest.iter().map(|record| record.id).collect::<Vec<_>>(), [third, second]);
    assert_eq!(older.iter().map(|record| record.id).collect::<Vec<_>>(), [done]);
    assert_eq!(queued.len(), 2);
    assert!(none.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_watcher_that_has_read_a_part_gets_the_rest() {
    let world = World::new();
    let view = world.run(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }")).await;
    let record = &view.snapshot.record;

    let tail = world.engine.get(record.id, Some(record.seq - 1)).await.unwrap();
    let nothing = world.engine.get(record.id, Some(record.seq)).await.unwrap();

    assert_eq!(tail.facts.as_slice(), &view.snapshot.facts[1..]);
    assert!(nothing.facts.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_execution_keeps_the_version_it_started_with() {
    let world = World::new();
    let old = world.start("version: 1\nname: test\nsteps: { a: { uses: test/x, with: { v: 1 } } }\n").await;
    let new = world.start("version: 1\nname: test\nsteps: { a: { uses: test/x, with: { v: 2 } } }\n").await;

    let (old, new) = (world.finish(old).await, world.finish(new).await);

    assert_eq!((old.outputs("a"), new.outputs("a")), (json!({ "v": 1 }), json!({ "v": 2 })));
    let name = "test".parse().unwrap();
    let latest = world.store.latest_version(&Tenant::default(), &name).await.unwrap().unwrap();
    assert_eq!(latest.version, new.snapshot.record.version);
    let kept = world.engine.workflow(&old.snapshot.record.version).await.unwrap();
    assert_eq!(kept.version, old.snapshot.record.version);
}

#[tokio::test(start_paused = true)]
async fn a_stored_version_that_cannot_be_read_any_more_says_why() {
    let world = World::new();
    let version = VersionId::from_hash("1".repeat(64));
    let unreadable = NewVersion {
        tenant: Tenant::default(),
        workflow_id: WorkflowId::from_uuid(Uuid::from_u128(5)),
        name: "old".parse().unwrap(),
        version: version.clone(),
        document: "version: 99".to_owned(),
        steps: vec![],
        triggers: vec![],
        schedules: vec![],
    };
    world.store.put_version(unreadable).await.unwrap();

    let error = world.engine.workflow(&version).await.unwrap_err();

    assert_eq!((error.kind(), error.code()), (ErrorKind::Corrupt, "engine.corrupt"));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("version") && !error.to_string().contains(&cause));
}

#[test]
fn every_kind_of_error_has_a_code_of_its_own_and_a_class() {
    let kinds = [
        (ErrorKind::NotFound, "engine.not_found", Class::NotFound),
        (ErrorKind::Conflict, "engine.conflict", Class::Conflict),
        (ErrorKind::Forbidden, "engine.forbidden", Class::Denied),
        (ErrorKind::InvalidInput, "engine.invalid_input", Class::Invalid),
        (ErrorKind::LeaseLost, "engine.lease_lost", Class::Conflict),
        (ErrorKind::Locked, "engine.locked", Class::Conflict),
        (ErrorKind::Unavailable, "engine.unavailable", Class::Unavailable),
        (ErrorKind::Corrupt, "engine.corrupt", Class::Internal),
        (ErrorKind::Internal, "engine.internal", Class::Internal),
    ];

    for (kind, code, class) in kinds {
        let error = Error::new(kind, "what happened");
        assert_eq!((error.kind(), error.code(), error.class()), (kind, code, class));
        assert_eq!(error.to_string(), "what happened");
    }
}
