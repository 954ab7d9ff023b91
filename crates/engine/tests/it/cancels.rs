//! Stopping an execution, wherever it stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, Fact, Progress};
use codeflow_core::{ActionErrorKind, Clock};
use codeflow_engine::{ErrorKind, WorkerSettings};
use serde_json::json;
use tokio::time::sleep;

use crate::script::{done, failed};
use crate::world::{World, name, workflow};

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_cancelled_before_anybody_picked_it_up_calls_no_action() {
    let world = World::new();
    let id = world
        .start(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }\n  c: { uses: test/x, needs: b, always: true }"))
        .await;
    world.engine.cancel(id, "ann", None).await.unwrap();

    let view = world.finish(id).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Cancelled, "execution.cancelled"));
    assert_eq!((view.is("a"), view.is("b"), view.is("c")), ("cancelled", "cancelled", "cancelled"));
    assert!(world.script.made().is_empty());
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_read_together_are_each_taken_once() {
    let world = World::new();
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    for by in ["ann", "bob"] {
        world.engine.cancel(id, by, None).await.unwrap();
    }

    let view = world.finish(id).await;

    let logs = world.engine.logs(id, 0, 10).await.unwrap();
    let said: Vec<_> = logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(view.status(), ExecutionStatus::Cancelled);
    assert_eq!(said, ["cancelled by ann", "cancelled by bob"]);
}

#[tokio::test(start_paused = true)]
async fn running_work_is_told_to_stop_and_what_follows_is_not_begun() {
    let world = World::new();
    world.script.on("a", |_, stop| async move {
        stop.cancelled().await;
        failed(ActionErrorKind::Cancelled)
    });
    let id =
        world.start(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a, always: true }")).await;
    let worker = world.work();
    world.called("a", 1).await;
    let asked = world.clock.now();

    world.engine.cancel(id, "ann", Some("wrong branch".to_owned())).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Cancelled);
    assert_eq!((view.is("a"), view.is("b"), world.script.count("b")), ("cancelled", "cancelled", 0));
    assert!(world.clock.now().since(asked) < Duration::from_secs(1));
    let logs = world.engine.logs(id, 0, 10).await.unwrap();
    assert_eq!(logs[0].message, "cancelled by ann");
    let said =
        |fact: &Fact| matches!(fact, Fact::Cancelled { reason: Some(why), .. } if why == "wrong branch");
    assert!(view.snapshot.facts.iter().any(|(_, fact)| said(fact)));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_action_that_does_not_listen_is_dropped_after_a_grace_period() {
    let world = World::new();
    world.script.hangs("deaf");
    let id = world.start(&workflow("  deaf: { uses: test/x }")).await;
    let worker = world.work();
    world.called("deaf", 1).await;
    let asked = world.clock.now();

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Cancelled);
    assert_eq!((view.is("deaf"), view.why("deaf")), ("cancelled", "action.cancelled"));
    let waited = world.clock.now().since(asked).as_millis();
    assert!((5_000..6_000).contains(&waited), "waited {waited} ms");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn work_that_ends_well_after_all_keeps_its_result() {
    let world = World::new();
    world.script.on("a", |_, stop| async move {
        stop.cancelled().await;
        done(json!({ "v": 1 }))
    });
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    let worker = world.work();
    world.called("a", 1).await;

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.is("a")), (ExecutionStatus::Cancelled, "succeeded"));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_waits_is_cancelled_at_once() {
    for step in ["approval: {}", "wait: { event: go }", "sleep: 1h"] {
        let world = World::new();
        let id = world.start(&workflow(&format!("  w: {{ {step} }}"))).await;
        let worker = world.work();
        world.standing(id, ExecutionStatus::Waiting).await;
        let asked = world.clock.now();

        world.engine.cancel(id, "ann", None).await.unwrap();
        let view = world.ended(id).await;

        assert_eq!((view.status(), view.is("w")), (ExecutionStatus::Cancelled, "cancelled"));
        assert!(world.clock.now().since(asked) < Duration::from_secs(1));
        assert!(view.snapshot.tasks.is_empty());
        worker.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_waits_for_its_time_is_dropped() {
    let world = World::new();
    world.script.fails("a", ActionErrorKind::Unavailable);
    let retry = "{ attempts: 3, initial: 1h }";
    let id = world.start(&workflow(&format!("  a: {{ uses: test/x, retry: {retry} }}"))).await;
    let worker = world.work();
    world.until(id, |view| view.snapshot.tasks.iter().any(|task| task.attempt == 2)).await;

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.is("a")), (ExecutionStatus::Cancelled, "cancelled"));
    assert_eq!(world.script.count("a"), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_runs_is_waited_for_like_a_first_attempt() {
    let world = World::new();
    // Another step runs all the time, so that the worker keeps the execution in memory.
    world.script.on("beside", |_, stop| async move {
        stop.cancelled().await;
        done(json!({}))
    });
    world.script.on("a", |call, stop| async move {
        if call.attempt == 1 {
            return failed(ActionErrorKind::Unavailable);
        }
        stop.cancelled().await;
        done(json!({ "tidy": true }))
    });
    let steps = "  beside: { uses: test/x }\n  a: { uses: test/x, retry: { attempts: 2 } }";
    let id = world.start(&workflow(steps)).await;
    let worker = world.work();
    world.called("a", 2).await;

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.is("a"), view.outputs("a")), ("succeeded", json!({ "tidy": true })));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn work_on_another_worker_is_told_with_its_next_heartbeat() {
    let world = World::new();
    world.script.on("a", |_, stop| async move {
        stop.cancelled().await;
        failed(ActionErrorKind::Cancelled)
    });
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    let busy = WorkerSettings { concurrency: 1, ..Default::default() };
    let first = world.work_as(&world.engine, busy);
    world.called("a", 1).await;
    let second = world.work_as(&world.other_engine(), Default::default());
    let asked = world.clock.now();

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.is("a")), (ExecutionStatus::Cancelled, "cancelled"));
    let waited = world.clock.now().since(asked);
    assert!(waited < Duration::from_secs(3), "it ended after {waited:?}, by its own deadline");
    first.stop().await;
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_repeated_step_ends_when_its_running_items_have_ended() {
    let world = World::new();
    world.script.on("each", |_, stop| async move {
        stop.cancelled().await;
        failed(ActionErrorKind::Cancelled)
    });
    let step = "  each: { uses: test/x, for_each: { items: [1, 2, 3, 4, 5], parallel: 2 } }";
    let id = world.start(&workflow(step)).await;
    let worker = world.work();
    world.called("each[1]", 1).await;

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.is("each")), (ExecutionStatus::Cancelled, "cancelled"));
    assert_eq!(world.script.made().len(), 2);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_has_ended_cannot_be_cancelled() {
    let world = World::new();
    let view = world.run(&workflow("  a: { uses: test/x }")).await;

    let error = world.engine.cancel(view.snapshot.record.id, "ann", None).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().ends_with("is succeeded and cannot be cancelled"));
}

#[tokio::test(start_paused = true)]
async fn cancelling_twice_is_cancelling_once() {
    let world = World::new();
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    world.engine.cancel(id, "ann", None).await.unwrap();
    world.engine.cancel(id, "bob", None).await.unwrap();

    let view = world.finish(id).await;

    assert_eq!(view.status(), ExecutionStatus::Cancelled);
    assert!(world.store_inbox_is_empty(id).await);
}

/// The renewal is asked while the execution is being stopped, and answered when it runs again.
#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_answered_late_does_not_stop_what_was_begun_since() {
    let world = World::new();
    world.store.after_renewal(|| sleep(Duration::from_secs(3)));
    let calls = Arc::new(AtomicU32::new(0));
    world.script.on("a", move |_, stop| {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            tokio::select! {
                () = stop.cancelled() => failed(ActionErrorKind::Cancelled),
                () = sleep(Duration::from_secs(if first { 6 } else { 20 })) => done(json!({ "first": first })),
            }
        }
    });
    let id = world.start(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }")).await;
    let worker = world.work_as(&world.engine, WorkerSettings { concurrency: 1, ..WorkerSettings::default() });
    world.called("a", 1).await;
    let canceller = world.work_as(&world.other_engine(), WorkerSettings::default());
    world.engine.cancel(id, "ann", None).await.unwrap();
    world.until(id, |view| view.state.progress() == Progress::Cancelled).await;
    canceller.stop().await;
    world.ended(id).await;

    world.engine.restart(id, Some(name("a")), "ann").await.unwrap();
    world.called("a", 2).await;
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.is("a")), (ExecutionStatus::Succeeded, "succeeded"));
    assert_eq!(view.outputs("a"), json!({ "first": false }));
    worker.stop().await;
}
