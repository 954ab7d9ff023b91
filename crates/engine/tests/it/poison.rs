//! Tasks that workers die of.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, StepPath};
use codeflow_core::workflow::VersionId;
use codeflow_core::{BatchId, ExecutionId, SessionId, TaskId, Tenant, WorkflowId};
use codeflow_engine::{
    Checkup, Claim, ErrorKind, Journal, MAX_DEATHS, NewExecution, NewTask, NewVersion, TaskQueue, Work,
    WorkflowStore,
};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use crate::world::{World, name, workflow};

const SECOND: Duration = Duration::from_secs(1);
const BAD: &str = "  bad: { uses: test/x }\n  after: { uses: test/x, needs: bad }";

/// Makes each attempt of a step freeze the process for longer than its lease.
fn deadly(world: &World, step: &str) {
    let clock = world.clock.clone();
    world.script.on(step, move |_, _| {
        clock.advance(Duration::from_secs(16));
        std::future::pending()
    });
}

#[tokio::test(start_paused = true)]
async fn a_task_that_workers_die_of_is_quarantined_and_its_neighbours_are_not() {
    let world = World::new();
    deadly(&world, "bad");
    world.script.on("slow", |_, _| async {
        sleep(Duration::from_secs(2)).await;
        crate::script::done(serde_json::json!({}))
    });
    let neighbour = world.start(&workflow("  slow: { uses: test/x }")).await;
    let id = world.start(&workflow(BAD)).await;
    let worker = world.work();

    let beside = world.ended(neighbour).await;
    while world.engine.quarantined(None, 10).await.unwrap().is_empty() {
        sleep(Duration::from_secs(1)).await;
    }
    let later = world.start(&workflow("  c: { uses: test/x }")).await;
    let later = world.ended(later).await;

    assert_eq!((beside.status(), later.status()), (ExecutionStatus::Succeeded, ExecutionStatus::Succeeded));
    let quarantined = world.engine.quarantined(None, 10).await.unwrap();
    assert_eq!(quarantined.len(), 1);
    assert_eq!((quarantined[0].execution, quarantined[0].deaths), (id, MAX_DEATHS));
    assert_eq!(world.script.count("bad"), 4, "once beside its neighbour, and three times alone");
    let view = world.view(id).await;
    assert_eq!(view.is("bad"), "open");
    assert!(view.snapshot.tasks[0].quarantined);
    worker.stop().await;
}

/// An execution whose only due task is quarantined.
async fn quarantine(world: &World) -> (ExecutionId, TaskId) {
    deadly(world, "bad");
    let id = world.start(&workflow(BAD)).await;
    let worker = world.work();
    let found = loop {
        if let Some(task) = world.engine.quarantined(None, 1).await.unwrap().pop() {
            break task.id;
        }
        sleep(Duration::from_secs(1)).await;
    };
    worker.stop().await;
    (id, found)
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_released_runs_again_as_if_nobody_had_died_of_it() {
    let world = World::new();
    let (id, task) = quarantine(&world).await;
    world.script.mend("bad");

    world.engine.release(task).await.unwrap();
    let view = world.finish(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert!(world.engine.quarantined(None, 10).await.unwrap().is_empty());
    assert_eq!(world.engine.release(task).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn an_execution_whose_work_is_quarantined_can_be_cancelled() {
    let world = World::new();
    let (id, _) = quarantine(&world).await;

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.finish(id).await;

    assert_eq!((view.status(), view.is("bad")), (ExecutionStatus::Cancelled, "cancelled"));
    assert!(world.engine.quarantined(None, 10).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_worker_ran_beside_other_work_is_run_one_at_a_time() {
    let world = World::new();
    let active = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let most = Arc::new(std::sync::atomic::AtomicU32::new(0));
    for n in 0..4 {
        world.script.hangs(&format!("s{n}"));
    }
    let steps: Vec<_> = (0..4).map(|n| format!("  s{n}: {{ uses: test/x }}")).collect();
    let id = world.start(&workflow(&steps.join("\n"))).await;
    let gone = world.work();
    world.called("s3", 1).await;
    gone.kill().await;
    for n in 0..4 {
        let (active, most) = (active.clone(), most.clone());
        world.script.on(&format!("s{n}"), move |_, _| {
            let (active, most) = (active.clone(), most.clone());
            async move {
                use std::sync::atomic::Ordering::Relaxed;
                most.fetch_max(active.fetch_add(1, Relaxed) + 1, Relaxed);
                sleep(Duration::from_secs(1)).await;
                active.fetch_sub(1, Relaxed);
                crate::script::done(serde_json::json!({}))
            }
        });
    }

    let view = world.finish(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(most.load(std::sync::atomic::Ordering::Relaxed), 1);
}

/// Starts an execution of a version that this engine cannot read, as one that was written by a later release.
async fn unreadable(world: &World) -> TaskId {
    let (version, task) = (VersionId::from_hash("1".repeat(64)), TaskId::from_uuid(Uuid::from_u128(7)));
    let kept = NewVersion {
        tenant: Tenant::default(),
        workflow_id: WorkflowId::from_uuid(Uuid::from_u128(5)),
        name: "later".parse().unwrap(),
        version: version.clone(),
        document: "version: 99".to_owned(),
        steps: vec![],
        triggers: vec![],
        schedules: vec![],
    };
    world.store.put_version(kept).await.unwrap();
    let task = NewTask {
        id: task,
        work: Work::Attempt(StepPath::step(name("a"))),
        attempt: 1,
        lane: "default".to_owned(),
        priority: 0,
        fair: 0,
        after: None,
        taken: None,
    };
    let new = NewExecution {
        tenant: Tenant::default(),
        id: ExecutionId::from_uuid(Uuid::from_u128(6)),
        workflow: "later".parse().unwrap(),
        version,
        inputs: Arc::new(json!({})),
        idempotency_key: None,
        status: ExecutionStatus::Queued,
        slot: None,
        ending: None,
        facts: Vec::new(),
        tasks: vec![task.clone()],
    };
    world.store.start(new).await.unwrap();
    task.id
}

/// It is not lost: others may be able to do it when this worker is gone.
#[tokio::test(start_paused = true)]
async fn what_a_worker_cannot_do_stays_claimed_until_its_session_ends() {
    let world = World::new();
    let task = unreadable(&world).await;
    let session = world.store.open_session(SessionId::from_uuid(Uuid::from_u128(8)), 3_600 * SECOND);
    let session = session.await.unwrap();
    let lanes = vec!["default".to_owned()];
    let batch = BatchId::from_uuid(Uuid::from_u128(9));
    let claim = Claim { batch, lanes, limit: 10, suspect: false };
    let worker = world.work();
    // Time enough to tell storage that nothing is left of a batch.
    sleep(5 * SECOND).await;

    let meanwhile = world.store.claim(session, claim.clone()).await.unwrap().tasks;
    let checkup = Checkup { patience: Duration::ZERO, ..Checkup::default() };
    let examined = world.engine.examine(&checkup).await.unwrap();
    worker.stop().await;
    let afterwards = world.store.claim(session, claim).await.unwrap().tasks;

    assert!(meanwhile.is_empty(), "nobody fails with it again and again");
    assert!(examined.is_sound(), "{examined:?}");
    assert_eq!(afterwards.iter().map(|task| (task.id, task.deaths)).collect::<Vec<_>>(), [(task, 0)]);
}
