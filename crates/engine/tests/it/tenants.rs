//! Two tenants that have the same workflows share nothing of them.

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ExecutionId, Tenant};
use codeflow_engine::StartRequest;
use serde_json::{Map, json};

use crate::world::{World, workflow};

const CHILD: &str = "
version: 1
name: child
steps: { work: { uses: test/x, with: { whose: ours } } }
outputs: { whose: ours }
";

fn acme() -> Tenant {
    "acme".parse().expect("it is a name")
}

async fn start(world: &World, tenant: &Tenant, document: &str) -> ExecutionId {
    let version = world.register_for(tenant, document).await.expect("storage answers");
    let request = StartRequest { version, inputs: Map::new(), idempotency_key: None };
    world.engine.start(request).await.expect("it starts").0
}

#[tokio::test(start_paused = true)]
async fn a_step_calls_the_workflow_of_its_own_tenant() {
    let world = World::new();
    world.register(CHILD).await.unwrap();
    world.register_for(&acme(), &CHILD.replace("ours", "theirs")).await.unwrap();
    let document = workflow("\n  call: { uses: workflow/child }");

    let ours = start(&world, &Tenant::default(), &document).await;
    let theirs = start(&world, &acme(), &document).await;

    assert_eq!(world.finish(ours).await.outputs("call"), json!({ "whose": "ours" }));
    let view = world.finish(theirs).await;
    assert_eq!(view.outputs("call"), json!({ "whose": "theirs" }));
    assert_eq!(view.snapshot.record.tenant, acme());
    let records = world.engine.list(Default::default(), 9).await.unwrap();
    assert_eq!(
        records.iter().filter(|record| record.tenant == acme()).count(),
        2,
        "the child is theirs, too"
    );
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_only_another_tenant_has_is_unknown() {
    let world = World::new();
    world.register(CHILD).await.unwrap();

    let id = start(&world, &acme(), &workflow("\n  call: { uses: workflow/child }")).await;

    assert_eq!(world.finish(id).await.status(), ExecutionStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn places_under_a_key_are_a_tenants_own() {
    let world = World::new();
    let document =
        "version: 1\nname: alone\nconcurrency: { key: \"'same'\" }\nsteps: { work: { uses: test/x } }\n";

    let ours = start(&world, &Tenant::default(), document).await;
    let second = start(&world, &Tenant::default(), document).await;
    let theirs = start(&world, &acme(), document).await;

    let delayed = async |id| world.engine.get(id, None).await.unwrap().tasks.iter().any(|task| task.delayed);
    assert_eq!((delayed(ours).await, delayed(second).await, delayed(theirs).await), (false, true, false));
}
