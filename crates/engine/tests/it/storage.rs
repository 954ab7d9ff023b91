//! Storage that is away for a while, or does not say what it did.

use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::ErrorKind;
use serde_json::json;
use tokio::time::sleep;

use crate::script::done;
use crate::world::{World, workflow};

const LINE: &str = "  a: { uses: test/x }\n  b: { uses: test/x, needs: a }";

fn takes(world: &World, step: &str, seconds: u64) {
    world.script.on(step, move |_, _| async move {
        sleep(Duration::from_secs(seconds)).await;
        done(json!({}))
    });
}

#[tokio::test(start_paused = true)]
async fn a_result_is_kept_until_storage_is_back() {
    let world = World::new();
    takes(&world, "a", 3);
    let id = world.start(&workflow(LINE)).await;
    let worker = world.work();
    world.called("a", 1).await;

    world.store.set_away(true);
    sleep(Duration::from_secs(8)).await;
    world.store.set_away(false);
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(world.script.paths(), ["a", "b"]);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_outlives_an_absence_that_is_longer_than_its_lease() {
    let world = World::new();
    takes(&world, "a", 3);
    let id = world.start(&workflow(LINE)).await;
    let worker = world.work();
    world.called("a", 1).await;

    world.store.set_away(true);
    sleep(Duration::from_secs(120)).await;
    world.store.set_away(false);
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(world.script.paths(), ["a", "a", "b"], "the result was not durable, so it is made again");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_can_be_stopped_while_storage_is_away() {
    for gone_for in [1, 60] {
        let world = World::new();
        takes(&world, "a", 3_600);
        world.start(&workflow(LINE)).await;
        let worker = world.work();
        world.called("a", 1).await;
        world.store.set_away(true);
        sleep(Duration::from_secs(gone_for)).await;

        tokio::time::timeout(Duration::from_secs(60), worker.stop()).await.expect("it stops");
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_cannot_reach_storage_at_first_says_so() {
    let world = World::new();
    world.store.set_away(true);

    let worker = world.engine.worker(codeflow_engine::WorkerSettings::default());
    let error = worker.run(tokio_util::sync::CancellationToken::new()).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_is_refused_is_tried_again() {
    let world = World::new();
    world.store.refuse_flushes(5);

    let view = world.run(&workflow(LINE)).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(world.script.paths(), ["a", "b"]);
}

/// Ten large results together may take longer than storage allows, for ever.
#[tokio::test(start_paused = true)]
async fn a_commit_that_is_too_large_is_made_in_parts() {
    let world = World::new();
    takes(&world, "a", 1);
    world.store.refuse_flushes_over(2);
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(world.start(&workflow(LINE)).await);
    }
    let worker = world.work();

    for id in ids {
        assert_eq!(world.ended(id).await.status(), ExecutionStatus::Succeeded);
    }

    assert_eq!((world.script.count("a"), world.script.count("b")), (10, 10));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_commit_whose_answer_is_lost_counts_once() {
    let world = World::new();
    world.store.lose_answers(2);

    let view = world.run(&workflow(LINE)).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(world.script.paths(), ["a", "b"]);
    assert_eq!(view.snapshot.facts.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_is_lost_is_made_again_and_runs_its_tasks_once() {
    let world = World::new();
    world.store.lose_claims(3);

    let view = world.run(&workflow(LINE)).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(world.script.paths(), ["a", "b"]);
    assert_eq!(view.step("a").attempt, 1);
}

#[tokio::test(start_paused = true)]
async fn retries_are_scheduled_once_even_if_the_answer_is_lost() {
    let world = World::new();
    world.script.fails("a", codeflow_core::ActionErrorKind::Unavailable);
    world.store.lose_answers(1);

    let view = world.run(&workflow("  a: { uses: test/x, retry: { attempts: 3 } }")).await;

    assert_eq!((view.status(), world.script.count("a")), (ExecutionStatus::Failed, 3));
}

#[tokio::test(start_paused = true)]
async fn work_is_dropped_when_storage_has_not_answered_for_as_long_as_the_lease() {
    let world = World::new();
    let (dropped, gone) = tokio::sync::oneshot::channel::<()>();
    let dropped = std::sync::Mutex::new(Some(dropped));
    world.script.on("a", move |_, _| {
        let held = dropped.lock().unwrap().take();
        async move {
            match held {
                Some(held) => {
                    let () = std::future::pending().await;
                    drop(held);
                    done(json!({}))
                }
                None => done(json!({ "call": 2 })),
            }
        }
    });
    let id = world.start(&workflow(LINE)).await;
    let worker = world.work();
    world.called("a", 1).await;
    let began = tokio::time::Instant::now();

    world.store.set_hanging(true);
    assert!(gone.await.is_err(), "the attempt was dropped");
    let held = began.elapsed().as_secs_f64();
    world.store.set_hanging(false);
    let view = world.ended(id).await;

    assert!((9.0..=15.1).contains(&held), "the attempt went on for {held} s");
    assert_eq!((view.status(), view.outputs("a")), (ExecutionStatus::Succeeded, json!({ "call": 2 })));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_can_be_stopped_while_storage_does_not_answer() {
    for hung_for in [1, 60] {
        let world = World::new();
        takes(&world, "a", 3_600);
        world.start(&workflow(LINE)).await;
        let worker = world.work();
        world.called("a", 1).await;
        world.store.set_hanging(true);
        sleep(Duration::from_secs(hung_for)).await;

        tokio::time::timeout(Duration::from_secs(120), worker.stop()).await.expect("it stops");
    }
}
