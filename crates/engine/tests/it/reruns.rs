//! An execution like another one.

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, Ids, Tenant};
use codeflow_engine::{ErrorKind, Rerun, Started};
use codeflow_testkit::SequentialIds;
use serde_json::{Map, Value, json};

use crate::world::{World, workflow};

const DOCUMENT: &str = "
version: 1
name: test
inputs: { n: { type: integer }, by: { type: integer, default: 2 } }
steps: { a: { uses: test/x, with: { n: '${{ inputs.n }}', by: '${{ inputs.by }}' } } }
";

fn inputs(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

async fn first(world: &World) -> ExecutionId {
    let (id, _) = world.start_with(DOCUMENT, inputs(json!({ "n": 1 })), None).await.unwrap();
    world.finish(id).await;
    id
}

#[tokio::test(start_paused = true)]
async fn it_has_the_inputs_and_the_version_of_the_other_one() {
    let world = World::new();
    let id = first(&world).await;
    world.register(&DOCUMENT.replace("default: 2", "default: 3")).await.unwrap();
    let before = world.view(id).await.snapshot;

    let (again, started) = world.engine.rerun(id, Rerun::default()).await.unwrap();
    let view = world.finish(again).await;

    assert_eq!((view.status(), started), (ExecutionStatus::Succeeded, Started::Created));
    assert_ne!(again, id);
    assert_eq!(view.outputs("a"), json!({ "n": 1, "by": 2 }));
    assert_eq!(view.snapshot.record.version, before.record.version);
    assert_eq!(world.view(id).await.snapshot, before);
}

#[tokio::test(start_paused = true)]
async fn it_may_have_other_inputs_and_another_version() {
    let world = World::new();
    let id = first(&world).await;
    world.register(&DOCUMENT.replace("default: 2", "default: 3")).await.unwrap();
    let version = world.engine.latest(&Tenant::default(), &"test".parse().unwrap()).await.unwrap().version;

    let rerun = Rerun { inputs: Some(inputs(json!({ "n": 7 }))), version: Some(version), ..Rerun::default() };
    let (again, _) = world.engine.rerun(id, rerun).await.unwrap();
    let view = world.finish(again).await;

    assert_eq!(view.outputs("a"), json!({ "n": 7, "by": 3 }));
}

#[tokio::test(start_paused = true)]
async fn the_same_key_makes_it_once() {
    let world = World::new();
    let id = first(&world).await;
    let rerun = || Rerun { idempotency_key: Some("k".to_owned()), ..Rerun::default() };

    let (again, _) = world.engine.rerun(id, rerun()).await.unwrap();
    let twice = world.engine.rerun(id, rerun()).await.unwrap();

    assert_eq!(twice, (again, Started::Existing(again)));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_refused() {
    let world = World::new();
    let id = first(&world).await;
    let document = workflow("  a: { uses: test/x }").replace("name: test", "name: other");
    let other = world.register(&document).await.unwrap();
    let stricter = DOCUMENT.replace("n: { type: integer }", "n: { type: string }");
    let stricter = world.register(&stricter).await.unwrap();
    let with = |version| Rerun { version: Some(version), ..Rerun::default() };

    let of_other = world.engine.rerun(id, with(other)).await.unwrap_err();
    let of_type = world.engine.rerun(id, with(stricter)).await.unwrap_err();
    let nobody = ExecutionId::from_uuid(SequentialIds::new().next());
    let of_nobody = world.engine.rerun(nobody, Rerun::default()).await.unwrap_err();
    let unknown = world.engine.latest(&Tenant::default(), &"nobody".parse().unwrap()).await.unwrap_err();

    assert_eq!((of_other.kind(), of_type.kind()), (ErrorKind::InvalidInput, ErrorKind::InvalidInput));
    assert!(of_other.to_string().contains("`other`"), "{of_other}");
    assert_eq!((of_nobody.kind(), unknown.kind()), (ErrorKind::NotFound, ErrorKind::NotFound));
}
