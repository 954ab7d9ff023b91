//! One step: attempts, retries, deadlines, and actions that break down.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codeflow_core::ActionErrorKind;
use codeflow_core::execution::ExecutionStatus;
use serde_json::json;

use crate::script::{done, failed};
use crate::world::{World, workflow};

/// The waits between the attempts of a step, in milliseconds.
fn waits(world: &World, path: &str) -> Vec<u128> {
    let made: Vec<_> = world.script.made().into_iter().filter(|made| made.path == path).collect();
    made.windows(2).map(|pair| pair[1].at.since(pair[0].at).as_millis()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_may_pass_is_tried_again_after_growing_waits_up_to_the_cap() {
    let world = World::new();
    world.script.fails("a", ActionErrorKind::Unavailable);

    let view = world.run(&workflow("  a: { uses: test/x, retry: { attempts: 5 } }")).await;

    assert_eq!(view.status(), ExecutionStatus::Failed);
    assert_eq!((view.step("a").attempt, view.why("a")), (5, "action.unavailable"));
    let attempts: Vec<_> = world.script.made().iter().map(|made| made.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4, 5]);
    for (wait, due) in waits(&world, "a").into_iter().zip([2_000, 4_000, 8_000, 10_000]) {
        assert!((due..due + 50).contains(&wait), "waited {wait} ms, not {due}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_constant_wait_does_not_grow() {
    let world = World::new();
    world.script.fails("a", ActionErrorKind::RateLimited);
    let retry = "{ attempts: 3, backoff: constant, initial: 500ms }";

    world.run(&workflow(&format!("  a: {{ uses: test/x, retry: {retry} }}"))).await;

    assert!(waits(&world, "a").into_iter().all(|wait| (500..550).contains(&wait)));
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_succeeds_is_the_result_and_each_failed_attempt_leaves_a_line() {
    let world = World::new();
    let calls = AtomicU32::new(0);
    world.script.on("a", move |call, _| {
        let first = calls.fetch_add(1, Ordering::Relaxed) < 2;
        let attempt = call.attempt;
        async move { if first { failed(ActionErrorKind::Timeout) } else { done(json!({ "attempt": attempt })) } }
    });

    let view = world.run(&workflow("  a: { uses: test/x, retry: { attempts: 3 } }")).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!((view.step("a").attempt, view.outputs("a")), (3, json!({ "attempt": 3 })));
    let logs = world.engine.logs(view.snapshot.record.id, 0, 10).await.unwrap();
    let lines: Vec<_> = logs.iter().map(|line| (line.path.as_str(), line.message.as_str())).collect();
    assert_eq!(
        lines,
        [
            ("a", "attempt 1 failed: the script says so [action.timeout]; attempt 2 in 2s"),
            ("a", "attempt 2 failed: the script says so [action.timeout]; attempt 3 in 4s"),
        ]
    );
    assert_eq!(world.engine.logs(view.snapshot.record.id, 1, 10).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_the_named_kinds_of_failure_are_tried_again() {
    for (kind, attempts) in [
        (ActionErrorKind::Denied, 1),
        (ActionErrorKind::InvalidInput, 1),
        (ActionErrorKind::Internal, 1),
        (ActionErrorKind::Failed, 3),
    ] {
        let world = World::new();
        world.script.fails("a", kind);

        world.run(&workflow("  a: { uses: test/x, retry: { attempts: 3, on: [failed] } }")).await;

        assert_eq!(world.script.count("a"), attempts, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_has_its_own_deadline() {
    let world = World::new();
    world.script.hangs("slow");
    let retry = "{ attempts: 2, on: [timeout] }";

    let view =
        world.run(&workflow(&format!("  slow: {{ uses: test/x, timeout: 3s, retry: {retry} }}"))).await;

    assert_eq!(view.status(), ExecutionStatus::Failed);
    assert_eq!((view.is("slow"), view.why("slow")), ("timed_out", "action.timeout"));
    assert!((5_000..5_100).contains(&waits(&world, "slow")[0]), "3 s of attempt and 2 s of wait");
}

#[tokio::test(start_paused = true)]
async fn an_action_that_panics_fails_its_step_and_the_worker_lives_on() {
    let world = World::new();
    world.script.on("a", |call, _| async move {
        assert!(call.attempt > 1, "the first attempt breaks down");
        done(json!({}))
    });
    let worker = world.work();

    let broken = world.start(&workflow("  a: { uses: test/x }")).await;
    let broken = world.ended(broken).await;
    let other = world.start(&workflow("  b: { uses: test/x }")).await;
    let other = world.ended(other).await;

    assert_eq!((broken.is("a"), broken.why("a")), ("failed", "action.internal"));
    assert_eq!(other.status(), ExecutionStatus::Succeeded);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_input_that_cannot_be_made_fails_the_step_before_its_action_is_asked() {
    let world = World::new();

    let view = world
        .run(&workflow(
            "
  a: { uses: test/x }
  b: { uses: test/x, needs: [a], with: { v: '${{ steps.a.outputs.gone }}' }, retry: { attempts: 3 } }",
        ))
        .await;

    assert_eq!((view.is("b"), view.why("b")), ("failed", "expr.missing_key"));
    assert!(view.step("b").error.as_ref().unwrap().message.starts_with("input `v`: "));
    assert_eq!(world.script.count("b"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_had_nothing_to_do_is_skipped_with_its_reason_and_blocks_nobody() {
    let world = World::new();
    world.script.on("review", |_, _| async {
        let reason = codeflow_core::execution::StepError {
            code: "action.unavailable".to_owned(),
            message: "no provider is configured".to_owned(),
            blocked_by: None,
        };
        Ok(codeflow_core::ActionOutcome::Skipped(reason))
    });

    let view =
        world.run(&workflow("  review: { uses: test/x }\n  gate: { uses: test/x, needs: review }")).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!((view.is("review"), view.is("gate")), ("skipped", "succeeded"));
    assert_eq!(view.step("review").error.as_ref().unwrap().message, "no provider is configured");
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_may_still_give_outputs() {
    let world = World::new();
    world.script.on("gate", |_, _| async {
        let error = codeflow_core::ActionError::new(ActionErrorKind::Denied, "no");
        Err(error.with_outputs(json!({ "verdict": "deny" })))
    });

    let view = world
        .run(&workflow(
            "
  gate: { uses: test/x }
  report: { uses: test/x, needs: gate, always: true, with: { v: '${{ steps.gate.outputs.verdict }}' } }",
        ))
        .await;

    assert_eq!(view.outputs("report"), json!({ "v": "deny" }));
}

#[tokio::test(start_paused = true)]
async fn no_more_tasks_run_at_once_than_the_worker_is_told() {
    let world = World::new();
    let active = std::sync::Arc::new(AtomicU32::new(0));
    let most = std::sync::Arc::new(AtomicU32::new(0));
    let steps: Vec<_> = (0..10).map(|n| format!("  s{n}: {{ uses: test/x }}")).collect();
    for n in 0..10 {
        let (active, most) = (active.clone(), most.clone());
        world.script.on(&format!("s{n}"), move |_, _| {
            let (active, most) = (active.clone(), most.clone());
            async move {
                most.fetch_max(active.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(1)).await;
                active.fetch_sub(1, Ordering::Relaxed);
                done(json!({}))
            }
        });
    }
    let settings = codeflow_engine::WorkerSettings { concurrency: 3, ..Default::default() };
    let worker = world.work_as(&world.engine, settings);

    let id = world.start(&workflow(&steps.join("\n"))).await;
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(most.load(Ordering::Relaxed), 3);
    worker.stop().await;
}
