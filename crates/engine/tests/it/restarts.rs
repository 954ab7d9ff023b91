//! Taking an execution up again after it has ended.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codeflow_core::ActionErrorKind;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Decider, Decision, ErrorKind, MessageBody, WorkerSettings};
use serde_json::json;
use tokio::time::sleep;

use crate::script::done;
use crate::world::{View, World, name, workflow};

async fn restarted(world: &World, view: &View, from: Option<&str>) -> View {
    let id = view.snapshot.record.id;
    let generation = view.snapshot.record.generation;
    let worker = world.work();
    world.engine.restart(id, from.map(name), "ann").await.unwrap();
    let view = world
        .until(id, |view| view.snapshot.record.generation > generation && view.status().is_final())
        .await;
    worker.stop().await;
    world.replays(id).await;
    view
}

const LINE: &str = "
  a: { uses: test/x }
  b: { uses: test/x, needs: a }
  c: { uses: test/x, needs: b }
  beside: { uses: test/x }";

fn counts(world: &World) -> [usize; 4] {
    ["a", "b", "c", "beside"].map(|path| world.script.count(path))
}

#[tokio::test(start_paused = true)]
async fn a_restart_from_a_step_runs_it_and_what_follows_and_keeps_the_rest() {
    let world = World::new();
    let first = world.run(&workflow(LINE)).await;
    world.script.gives("b", json!({ "second": true }));

    let view = restarted(&world, &first, Some("b")).await;

    assert_eq!((view.status(), view.snapshot.record.generation), (ExecutionStatus::Succeeded, 1));
    assert_eq!(counts(&world), [1, 2, 2, 1]);
    assert_eq!(view.outputs("b"), json!({ "second": true }));
    assert_eq!(view.step("a"), first.step("a"));
    let generations: Vec<_> = view.snapshot.facts.iter().map(|(generation, _)| *generation).collect();
    assert!(generations.is_sorted() && generations.contains(&0) && generations.contains(&1));
}

#[tokio::test(start_paused = true)]
async fn a_restart_without_a_step_runs_what_did_not_succeed() {
    let world = World::new();
    world.script.fails("b", ActionErrorKind::Failed);
    let first = world.run(&workflow(LINE)).await;
    assert_eq!((first.status(), first.is("c")), (ExecutionStatus::Failed, "skipped"));
    world.script.mend("b");

    let view = restarted(&world, &first, None).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Succeeded, ""));
    assert_eq!(counts(&world), [1, 2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_failed_again_can_be_restarted_again() {
    let world = World::new();
    world.script.fails("b", ActionErrorKind::Failed);
    let first = world.run(&workflow(LINE)).await;

    let second = restarted(&world, &first, None).await;
    assert_eq!((second.status(), second.snapshot.record.generation), (ExecutionStatus::Failed, 1));
    world.script.mend("b");
    let third = restarted(&world, &second, None).await;

    assert_eq!((third.status(), third.snapshot.record.generation), (ExecutionStatus::Succeeded, 2));
    assert_eq!(counts(&world), [1, 3, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_execution_goes_on_where_it_was_cut_short() {
    let world = World::new();
    world.script.hangs("b");
    let id = world.start(&workflow(LINE)).await;
    let worker = world.work();
    world.called("b", 1).await;
    world.engine.cancel(id, "ann", None).await.unwrap();
    let cut = world.ended(id).await;
    worker.stop().await;
    assert_eq!(cut.status(), ExecutionStatus::Cancelled);
    world.script.mend("b");

    let view = restarted(&world, &cut, None).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(counts(&world), [1, 2, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_condition_said_no_stays_skipped_when_failures_are_restarted() {
    let world = World::new();
    world.script.fails("bad", ActionErrorKind::Failed);
    let steps = "  no: { uses: test/x, if: 'inputs.list == 1' }\n  bad: { uses: test/x }";
    let document =
        workflow(steps).replace("steps:", "inputs: { list: { type: integer, default: 2 } }\nsteps:");
    let first = world.run(&document).await;
    world.script.mend("bad");

    let view = restarted(&world, &first, None).await;

    assert_eq!((view.status(), view.is("no")), (ExecutionStatus::Succeeded, "skipped"));
    assert_eq!(view.step("no"), first.step("no"));
}

#[tokio::test(start_paused = true)]
async fn an_approval_is_asked_for_again_and_an_old_decision_does_not_count() {
    let world = World::new();
    let id = world.start(&workflow("  ok: { approval: {} }")).await;
    world
        .engine
        .decide(id, &name("ok"), Decision { approved: false, by: Decider::operator("ann"), comment: None })
        .await
        .unwrap();
    let refused = world.finish(id).await;
    assert_eq!(refused.error(), "step.approval_refused");
    let worker = world.work();

    world.engine.restart(id, Some(name("ok")), "ann").await.unwrap();
    world.standing(id, ExecutionStatus::Waiting).await;
    world
        .engine
        .decide(id, &name("ok"), Decision { approved: true, by: Decider::operator("bob"), comment: None })
        .await
        .unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.outputs("ok")["by"].clone()), (ExecutionStatus::Succeeded, json!("bob")));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_has_the_whole_time_budget_again() {
    let world = World::new();
    world.script.hangs("b");
    let document = workflow(LINE) + "budget: { wall: 5m }\n";
    let first = world.run(&document).await;
    assert_eq!(first.status(), ExecutionStatus::TimedOut);
    world.script.on("b", |_, _| async {
        sleep(Duration::from_secs(200)).await;
        done(json!({}))
    });

    let view = restarted(&world, &first, None).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_has_not_ended_cannot_be_restarted() {
    let world = World::new();
    let id = world.start(&workflow("  a: { uses: test/x }")).await;

    let error = world.engine.restart(id, None, "ann").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Conflict);
}

#[tokio::test(start_paused = true)]
async fn a_restart_from_a_step_that_is_not_there_is_refused() {
    let world = World::new();
    let view = world.run(&workflow("  a: { uses: test/x }")).await;

    let error = world.engine.restart(view.snapshot.record.id, Some(name("b")), "ann").await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_restart_with_nothing_left_to_run_changes_nothing_but_the_log() {
    let world = World::new();
    let first = world.run(&workflow("  a: { uses: test/x }")).await;
    let id = first.snapshot.record.id;
    let worker = world.work();

    let refused = world.engine.restart(id, None, "ann").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    // It may have been otherwise when the message was left.
    world.send(id, MessageBody::Restart { from: None, by: "ann".to_owned() }).await;
    let view = world.until(id, |view| view.snapshot.record.seq > first.snapshot.record.seq).await;

    assert_eq!((view.status(), view.snapshot.record.generation), (ExecutionStatus::Succeeded, 0));
    assert_eq!(view.snapshot.record.finished_at, first.snapshot.record.finished_at);
    assert_eq!(view.snapshot.record.outputs, first.snapshot.record.outputs);
    assert_eq!(world.script.count("a"), 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn two_restarts_at_once_are_one() {
    let world = World::new();
    let first = world.run(&workflow(LINE)).await;
    let id = first.snapshot.record.id;
    world.engine.restart(id, Some(name("c")), "ann").await.unwrap();
    world.engine.restart(id, Some(name("c")), "bob").await.unwrap();

    let worker = world.work();
    let view = world.until(id, |view| view.snapshot.record.generation > 0 && view.status().is_final()).await;

    assert_eq!(view.snapshot.record.generation, 1);
    assert_eq!(counts(&world), [1, 1, 2, 1]);
    worker.stop().await;
}

/// It is claimed while a cancel drops it, and the answer to the claim comes when the execution runs again.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_was_dropped_before_a_restart_is_not_made_after_it() {
    let world = World::new();
    world.script.fails("a", ActionErrorKind::Unavailable);
    let id = world.start(&workflow("  a: { uses: test/x, retry: { attempts: 3, initial: 10s } }")).await;
    let (one, two) = (world.work(), world.work_as(&world.other_engine(), WorkerSettings::default()));
    world.until(id, |view| view.snapshot.tasks.iter().any(|task| task.attempt == 2)).await;
    sleep(Duration::from_secs(9)).await;
    world.store.before_flush(|| sleep(Duration::from_secs(2)));
    let claims = AtomicU32::new(0);

    world.engine.cancel(id, "ann", None).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    // The first one is of the retry, which falls due now.
    world.store.after_claim(move || {
        let first = claims.fetch_add(1, Ordering::Relaxed) == 0;
        sleep(Duration::from_secs(if first { 10 } else { 0 }))
    });
    let cancelled = world.ended(id).await;
    world.script.on("a", |_, _| async {
        sleep(Duration::from_secs(60)).await;
        done(json!({}))
    });
    world.engine.restart(id, None, "ann").await.unwrap();
    let again = |view: &View| view.snapshot.record.generation > 0 && view.status().is_final();
    let view = world.until(id, again).await;

    assert_eq!(cancelled.status(), ExecutionStatus::Cancelled);
    assert_eq!((view.status(), world.script.count("a")), (ExecutionStatus::Succeeded, 2));
    one.stop().await;
    two.stop().await;
}
