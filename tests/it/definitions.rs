//! A workflow changes while executions of it run: they keep the version that they started with, through restarts of
//! their workers.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_core::workflow::Workflow;
use codeflow_core::{NoActions, Tenant, workflow};
use codeflow_engine::{Engine, StartRequest};
use codeflow_persistence::Database;
use codeflow_runtime::SystemClock;
use codeflow_testkit::TestDb;
use codeflow_tests::chaos::{Actions, Effects, Fleet, WorkerOptions, engine_over};
use rustix::process::Signal;
use serde_json::{Map, Value, json};
use tokio::time::{sleep, timeout};

use crate::programs::chaos_worker;

/// What the second step adds, and a step that only one of them has.
fn document(adds: i64, more: &str) -> String {
    format!(
        "version: 1\nname: changing\nsteps:\n  a: {{ uses: test/work, with: {{ left: 1, right: 1 }} }}\n  \
         go: {{ needs: [a], wait: {{ event: go, timeout: 1h }} }}\n  \
         b: {{ needs: [go, a], uses: test/work, with: {{ left: '${{{{ steps.a.outputs.sum }}}}', right: {adds} }} }}\n\
         {more}outputs: {{ sum: '${{{{ steps.b.outputs.sum }}}}' }}\n"
    )
}

async fn register(engine: &Engine, document: &str) -> Workflow {
    let workflow = workflow::parse(document, &NoActions).expect("the document is sound");
    engine.register(&workflow, document).await.expect("it is kept");
    workflow
}

async fn start(engine: &Engine) -> ExecutionId {
    let version = engine
        .latest(&Tenant::default(), &"changing".parse().expect("it is well formed"))
        .await
        .expect("there is one")
        .version;
    let request = StartRequest { version, inputs: Map::new(), idempotency_key: None };
    engine.start(request).await.expect("it starts").0
}

async fn until(engine: &Engine, id: ExecutionId, status: ExecutionStatus) -> Option<Value> {
    let reached = async {
        loop {
            let record = engine.get(id, Some(i64::MAX)).await.expect("it is there").record;
            if record.status == status {
                return record.outputs.as_deref().cloned();
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), reached).await.unwrap_or_else(|_| panic!("it was never {status}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_keeps_its_version_through_restarts_when_the_workflow_changes() {
    let test_db = TestDb::postgres().await;
    let folder = tempfile::tempdir().expect("a folder can be made");
    let effects = Effects::at(folder.path().join("effects"));
    let database = Database::open(&test_db.settings()).await.expect("it is there");
    let engine =
        engine_over(Arc::new(database), Actions::new("nobody", effects.clone()), Arc::new(SystemClock));
    let at = effects.path().display().to_string();
    let arguments =
        ["--database-url", test_db.url(), "--effects", &at, "--lease-ms", "500", "--load", "nothing"];
    let arguments = arguments.map(str::to_owned).to_vec();
    let mut fleet = Fleet::new(chaos_worker().get_program().into(), folder.path().to_owned());
    let worker = fleet.add(WorkerOptions { name: "worker".to_owned(), arguments });
    let old = register(&engine, &document(10, "")).await;
    let early = start(&engine).await;
    until(&engine, early, ExecutionStatus::Waiting).await;

    let new = register(&engine, &document(100, "  c: { needs: [b], uses: test/work }\n")).await;
    fleet.signal(worker, Signal::KILL);
    while fleet.revive().is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    let late = start(&engine).await;
    until(&engine, late, ExecutionStatus::Waiting).await;
    for id in [early, late] {
        engine.signal(id, "go", json!({})).await.expect("it waits");
    }

    let sums = [early, late].map(|id| until(&engine, id, ExecutionStatus::Succeeded));
    let sums = futures_util::future::join_all(sums).await;
    assert_eq!(sums, [Some(json!({ "sum": 12 })), Some(json!({ "sum": 102 }))]);
    let version = async |id| engine.get(id, None).await.expect("it is there").record.version;
    assert_eq!((version(early).await, version(late).await), (old.version, new.version));
    let steps = effects.all().iter().filter(|effect| effect.execution == early.uuid()).count();
    assert_eq!(steps, 2, "`c` is not in its version");
    assert!(fleet.dismiss(worker).success());
}
