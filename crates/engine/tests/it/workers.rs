//! Workers that stop, die, freeze and race.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, Fact};
use codeflow_engine::{Engine, WorkerSettings};
use serde_json::json;
use tokio::time::sleep;

use crate::script::done;
use crate::world::{View, World, workflow};

/// Makes the first call of a step go on for `long`, and the others return at once; each gives its number.
fn slow_at_first(world: &World, step: &str, long: Duration) {
    let calls = Arc::new(AtomicU32::new(0));
    world.script.on(step, move |_, _| {
        let call = calls.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            if call == 1 {
                sleep(long).await;
            }
            done(json!({ "call": call }))
        }
    });
}

/// The steps that were settled, in the order of the journal.
fn settled(view: &View) -> Vec<String> {
    let path = |fact: &Fact| match fact {
        Fact::Settled(settled) => Some(settled.path.to_string()),
        _ => None,
    };
    view.snapshot.facts.iter().filter_map(|(_, fact)| path(fact)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_told_to_stop_lets_running_work_end_and_begins_nothing() {
    let world = World::new();
    slow_at_first(&world, "a", Duration::from_secs(5));
    let id = world.start(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }")).await;
    let worker = world.work();
    world.called("a", 1).await;

    worker.stop().await;
    let view = world.view(id).await;

    assert_eq!((view.is("a"), view.is("b")), ("succeeded", "open"));
    assert_eq!(world.script.paths(), ["a"]);
    let view = world.finish(id).await;
    assert_eq!((view.status(), world.script.count("a")), (ExecutionStatus::Succeeded, 1));
}

#[tokio::test(start_paused = true)]
async fn work_that_outlasts_the_grace_period_is_given_back_and_another_worker_finishes_it() {
    let world = World::new();
    slow_at_first(&world, "a", Duration::from_secs(3_600));
    let id = world.start(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }")).await;
    let worker = world.work();
    world.called("a", 1).await;

    worker.stop().await;
    let other = world.work_as(&world.other_engine(), WorkerSettings::default());
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!((view.step("a").attempt, view.outputs("a")), (1, json!({ "call": 2 })));
    assert_eq!(settled(&view), ["a", "b"]);
    other.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_lease_has_ended_is_taken_over_and_its_late_result_is_refused() {
    let world = World::new();
    slow_at_first(&world, "a", Duration::from_secs(4));
    let id = world.start(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }")).await;
    let frozen = world.work();
    world.called("a", 1).await;

    world.clock.advance(Duration::from_secs(16));
    let other = world.work_as(&world.other_engine(), WorkerSettings::default());
    let view = world.ended(id).await;

    assert_eq!(view.outputs("a"), json!({ "call": 2 }));
    assert_eq!((settled(&view), world.script.count("b")), (vec!["a".to_owned(), "b".to_owned()], 1));
    other.stop().await;
    let next = world.start(&workflow("  c: { uses: test/x }")).await;
    assert_eq!(world.ended(next).await.status(), ExecutionStatus::Succeeded, "it works on, in a new session");
    frozen.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_result_that_meets_the_end_of_the_lease_in_its_commit_is_refused_and_made_again() {
    let world = World::new();
    slow_at_first(&world, "a", Duration::ZERO);
    let frozen_once = Arc::new(AtomicU32::new(0));
    let clock = world.clock.clone();
    world.store.before_flush(move || {
        if frozen_once.fetch_add(1, Ordering::Relaxed) == 0 {
            clock.advance(Duration::from_secs(16));
        }
        std::future::ready(())
    });
    let id = world.start(&workflow("  a: { uses: test/x }")).await;

    let view = world.finish(id).await;

    assert_eq!((view.status(), view.outputs("a")), (ExecutionStatus::Succeeded, json!({ "call": 2 })));
    assert_eq!(settled(&view), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_gone_from_one_moment_to_the_next_is_taken_over_when_its_lease_ends() {
    let world = World::new();
    slow_at_first(&world, "a", Duration::from_secs(3_600));
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    let gone = world.work();
    world.called("a", 1).await;

    gone.kill().await;
    let other = world.work_as(&world.other_engine(), WorkerSettings::default());
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.outputs("a")), (ExecutionStatus::Succeeded, json!({ "call": 2 })));
    let waited = world.script.made()[1].at.since(world.script.made()[0].at).as_secs();
    assert!((14..40).contains(&waited), "waited {waited} s");
    other.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_works_alone_takes_over_at_once_what_earlier_ones_left() {
    let world = World::new();
    slow_at_first(&world, "a", Duration::from_secs(3_600));
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    let gone = world.work();
    world.called("a", 1).await;

    gone.kill().await;
    let alone = WorkerSettings { exclusive: true, ..WorkerSettings::default() };
    let next = world.work_as(&world.other_engine(), alone);
    let view = world.ended(id).await;

    assert_eq!(view.outputs("a"), json!({ "call": 2 }));
    assert!(world.script.made()[1].at.since(world.script.made()[0].at) < Duration::from_secs(2));
    next.stop().await;
}

/// Both parents of a join end at once, on two workers; the one that planned first commits last.
async fn fan_in(world: &World, other: &Engine) -> View {
    for parent in ["left", "right"] {
        world.script.on(parent, |call, _| async move {
            sleep(Duration::from_millis(if call.path.step.as_str() == "left" { 1_000 } else { 1_001 })).await;
            done(json!({ "v": 1 }))
        });
    }
    let flushes = Arc::new(AtomicU32::new(0));
    world.store.before_flush(move || {
        let first = flushes.fetch_add(1, Ordering::Relaxed) == 0;
        sleep(Duration::from_millis(if first { 500 } else { 0 }))
    });
    let steps = "
  left: { uses: test/x }
  right: { uses: test/x }
  join: { uses: test/x, needs: [left, right], with: { v: '${{ steps.left.outputs.v + steps.right.outputs.v }}' } }";
    let id = world.start(&workflow(steps)).await;
    let one = WorkerSettings { concurrency: 1, ..WorkerSettings::default() };
    let first = world.work_as(&world.engine, one.clone());
    let second = world.work_as(other, one);

    let view = world.ended(id).await;

    first.stop().await;
    second.stop().await;
    view
}

#[tokio::test(start_paused = true)]
async fn a_join_whose_parents_end_at_once_on_two_workers_runs_exactly_once() {
    let world = World::new();
    let other = world.other_engine();

    let view = fan_in(&world, &other).await;

    assert_eq!((view.status(), view.outputs("join")), (ExecutionStatus::Succeeded, json!({ "v": 2 })));
    assert_eq!(settled(&view), ["right", "left", "join"]);
    assert_eq!(world.script.made().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn two_workers_of_one_engine_do_not_build_on_what_the_other_has_not_committed() {
    let world = World::new();
    let same = world.engine.clone();

    let view = fan_in(&world, &same).await;

    assert_eq!((view.status(), view.outputs("join")), (ExecutionStatus::Succeeded, json!({ "v": 2 })));
    assert_eq!(settled(&view), ["right", "left", "join"]);
    assert_eq!(world.script.made().len(), 3);
}

const EXECUTIONS: usize = 1_500;

#[tokio::test(start_paused = true)]
async fn many_executions_on_three_workers_settle_every_step_once() {
    let world = World::new();
    let mut ids = Vec::new();
    // More than one session keeps in memory.
    for _ in 0..EXECUTIONS {
        ids.push(
            world
                .start(&workflow(
                    "
  a: { uses: test/x }
  b: { uses: test/x, needs: a }
  c: { uses: test/x, needs: a }
  d: { uses: test/x, needs: [b, c] }",
                ))
                .await,
        );
    }
    let others = [world.other_engine(), world.other_engine(), world.engine.clone()];
    let workers: Vec<_> =
        others.iter().map(|engine| world.work_as(engine, WorkerSettings::default())).collect();

    for id in ids {
        let view = world.ended(id).await;
        assert_eq!((view.status(), settled(&view).len()), (ExecutionStatus::Succeeded, 4));
    }

    assert_eq!(world.script.made().len(), 4 * EXECUTIONS);
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_committer_breaks_down_starts_over() {
    let world = World::new();
    let id = world.start(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }")).await;
    world.seen.break_down();

    let one = WorkerSettings { concurrency: 1, ..WorkerSettings::default() };
    let worker = world.work_as(&world.engine, one);
    let view = world.ended(id).await;

    assert_eq!((view.status(), settled(&view)), (ExecutionStatus::Succeeded, vec!["a".into(), "b".into()]));
    assert_eq!(world.script.paths(), ["a", "b"]);
    worker.stop().await;
}

/// From so many slots on a worker has two committers, and an execution always goes to the same one.
#[tokio::test(start_paused = true)]
async fn a_worker_with_many_slots_does_everything_once() {
    let world = World::new();
    let document = workflow(
        "  a: { uses: test/x }\n  b: { uses: test/x }\n  c: { uses: test/x, needs: [a, b] }\n  d: { uses: test/x, needs: c }",
    );
    let mut ids = Vec::new();
    for _ in 0..60 {
        ids.push(world.start(&document).await);
    }
    let settings = WorkerSettings { concurrency: 256, ..WorkerSettings::default() };
    let worker = world.work_as(&world.engine, settings);

    for id in ids {
        assert_eq!(world.ended(id).await.status(), ExecutionStatus::Succeeded);
    }

    worker.stop().await;
    for step in ["a", "b", "c", "d"] {
        assert_eq!(world.script.count(step), 60);
    }
}
