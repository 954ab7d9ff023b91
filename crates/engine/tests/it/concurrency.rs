//! Workflows that limit how many of their executions run at once.

use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{ErrorKind, Started};
use serde_json::{Map, Value, json};

use crate::script::done;
use crate::world::World;

fn limited(concurrency: &str) -> String {
    format!(
        "version: 1\nname: test\ninputs: {{ pr: {{ type: integer, default: 1 }}, n: {{ type: integer, default: 0 }} }}\n\
         concurrency: {{ {concurrency} }}\nsteps:\n  a: {{ uses: test/x }}\n"
    )
}

fn inputs(pr: u32, n: u32) -> Map<String, Value> {
    json!({ "pr": pr, "n": n }).as_object().unwrap().clone()
}

/// Makes the step take a minute, or until it is told to stop.
fn slow(world: &World) {
    world.script.on("a", |_, stop| async move {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60)) => done(json!({})),
            () = stop.cancelled() => crate::script::failed(codeflow_core::ActionErrorKind::Cancelled),
        }
    });
}

#[tokio::test(start_paused = true)]
async fn executions_with_one_key_run_one_after_the_other_and_others_beside_them() {
    let world = World::new();
    slow(&world);
    let document = limited("key: inputs.pr");
    let worker = world.work();
    let mut ids = Vec::new();
    for (pr, n) in [(1, 0), (1, 1), (2, 0)] {
        ids.push(world.start_with(&document, inputs(pr, n), None).await.unwrap().0);
    }

    let mut ends = Vec::new();
    for id in &ids {
        ends.push(world.ended(*id).await.snapshot.record);
    }

    assert!(ends.iter().all(|record| record.status == ExecutionStatus::Succeeded));
    let began: Vec<_> = world.script.made().iter().map(|made| made.at).collect();
    assert!(began[1].since(began[0]) < Duration::from_secs(1), "another key does not wait: {began:?}");
    assert!(began[2].since(began[0]) >= Duration::from_secs(60), "the same key does: {began:?}");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn as_many_run_as_there_are_places() {
    let world = World::new();
    slow(&world);
    let document = limited("key: inputs.pr, max: 3");
    let worker = world.work();
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(world.start_with(&document, inputs(1, n), None).await.unwrap().0);
    }
    for id in ids {
        world.ended(id).await;
    }

    let made = world.script.made();
    let together =
        |at: usize| made.iter().filter(|one| one.at.since(made[at].at) < Duration::from_secs(30)).count();
    assert_eq!((made.len(), together(0)), (7, 3));
    assert!(made[6].at.since(made[0].at) >= Duration::from_secs(120));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_newer_one_replaces_what_runs_and_what_waits() {
    let world = World::new();
    slow(&world);
    let document = limited("key: inputs.pr, on_new: replace");
    let worker = world.work();
    let first = world.start_with(&document, inputs(1, 0), None).await.unwrap().0;
    world.called("a", 1).await;
    let second = world.start_with(&document, inputs(1, 1), None).await.unwrap().0;
    let third = world.start_with(&document, inputs(1, 2), None).await.unwrap().0;

    let ends = [world.ended(first).await, world.ended(second).await, world.ended(third).await];

    let statuses: Vec<_> = ends.iter().map(|view| view.status()).collect();
    assert_eq!(
        statuses,
        [ExecutionStatus::Cancelled, ExecutionStatus::Cancelled, ExecutionStatus::Succeeded]
    );
    let third_began = ends[2].snapshot.record.started_at.unwrap();
    let first_began = ends[0].snapshot.record.started_at.unwrap();
    assert!(third_began.since(first_began) < Duration::from_secs(20), "it need not wait for the minute");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_newer_one_is_skipped_while_another_runs() {
    let world = World::new();
    slow(&world);
    let document = limited("key: inputs.pr, on_new: skip");
    let worker = world.work();
    let (first, _) = world.start_with(&document, inputs(1, 0), None).await.unwrap();

    let skipped = world.start_with(&document, inputs(1, 1), None).await.unwrap();
    world.ended(first).await;
    let later = world.start_with(&document, inputs(1, 2), None).await.unwrap();

    assert_eq!(skipped, (first, Started::Skipped(first)));
    assert_eq!(later.1, Started::Created);
    world.ended(later.0).await;
    worker.stop().await;
    assert_eq!(world.script.count("a"), 2);
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_cancelled_while_it_waits_ends_without_having_run() {
    let world = World::new();
    slow(&world);
    let document = limited("key: inputs.pr");
    let worker = world.work();
    let first = world.start_with(&document, inputs(1, 0), None).await.unwrap().0;
    let second = world.start_with(&document, inputs(1, 1), None).await.unwrap().0;
    let third = world.start_with(&document, inputs(1, 2), None).await.unwrap().0;

    world.engine.cancel(second, "ana", None).await.unwrap();
    let cancelled = world.ended(second).await;
    let (first, third) = (world.ended(first).await, world.ended(third).await);

    assert_eq!(cancelled.status(), ExecutionStatus::Cancelled);
    assert_eq!((first.status(), third.status()), (ExecutionStatus::Succeeded, ExecutionStatus::Succeeded));
    assert_eq!(world.script.count("a"), 2);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_gives_no_place_away_and_loses_none() {
    let world = World::new();
    slow(&world);
    let document = limited("key: inputs.pr");
    let worker = world.work();
    let first = world.start_with(&document, inputs(1, 0), None).await.unwrap().0;
    let second = world.start_with(&document, inputs(1, 1), None).await.unwrap().0;
    world.called("a", 1).await;
    worker.kill().await;

    let next = world.work();

    let (first, second) = (world.ended(first).await, world.ended(second).await);
    assert_eq!((first.status(), second.status()), (ExecutionStatus::Succeeded, ExecutionStatus::Succeeded));
    let made = world.script.made();
    assert!(
        made[2].at.since(made[1].at) >= Duration::from_secs(60),
        "the second waits for the first: {made:?}"
    );
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_reads_what_only_a_trigger_gives_limits_nothing_started_by_hand() {
    let world = World::new();
    slow(&world);
    let document = limited("key: \"[repo.id, pr.number]\"");
    let worker = world.work();
    let first = world.start_with(&document, inputs(1, 0), None).await.unwrap().0;
    let second = world.start_with(&document, inputs(1, 0), None).await.unwrap().0;

    world.ended(first).await;
    world.ended(second).await;

    let made = world.script.made();
    assert!(made[1].at.since(made[0].at) < Duration::from_secs(1), "{made:?}");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_evaluated_is_told_at_the_start() {
    let world = World::new();

    let refused = world.start_with(&limited("key: 1 / inputs.n"), inputs(1, 0), None).await.unwrap_err();

    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    assert!(refused.to_string().contains("concurrency.key"), "{refused}");
}
