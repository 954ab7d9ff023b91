//! Pausing an execution and letting it go on.

use std::time::Duration;

use codeflow_core::execution::ExecutionStatus;
use codeflow_core::{ActionErrorKind, Clock, ExecutionId};
use codeflow_engine::{Decider, Decision, ErrorKind, MessageBody};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::script::{done, failed};
use crate::world::{View, World, name, workflow};

/// Pauses the execution, and waits until that is done.
async fn paused(world: &World, id: ExecutionId) -> View {
    world.engine.pause(id, "ann", None).await.unwrap();
    world.standing(id, ExecutionStatus::Paused).await
}

/// Waits until so many attempts are held.
async fn held(world: &World, id: ExecutionId, count: usize) -> View {
    let look = async {
        loop {
            let view = world.view(id).await;
            if view.state.held().len() == count {
                return view;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(600), look).await.expect("so many are held")
}

#[tokio::test(start_paused = true)]
async fn what_runs_when_an_execution_is_paused_ends_and_what_follows_waits() {
    let world = World::new();
    world.script.on("a", |_, _| async {
        sleep(Duration::from_secs(60)).await;
        done(json!({ "v": 1 }))
    });
    let id = world.start(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }")).await;
    let worker = world.work();
    world.called("a", 1).await;

    paused(&world, id).await;
    world.until(id, |view| view.is("a") == "succeeded").await;
    sleep(Duration::from_secs(3_600)).await;
    let still = world.view(id).await;
    world.engine.resume(id, "bob").await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((still.status(), still.is("b")), (ExecutionStatus::Paused, "open"));
    assert!(still.snapshot.tasks.is_empty());
    assert_eq!((view.status(), view.is("b")), (ExecutionStatus::Succeeded, "succeeded"));
    assert_eq!((world.script.count("a"), world.script.count("b")), (1, 1));
    let logs = world.engine.logs(id, 0, 10).await.unwrap();
    let said: Vec<_> = logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(said, ["paused by ann", "resumed by bob"]);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_falls_due_is_held_without_a_loop_and_made_once_afterwards() {
    let world = World::new();
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    world.engine.pause(id, "ann", None).await.unwrap();
    let worker = world.work();

    let first = held(&world, id, 1).await;
    sleep(Duration::from_secs(3_600)).await;
    let later = world.view(id).await;
    world.engine.resume(id, "ann").await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((first.status(), first.snapshot.tasks.len()), (ExecutionStatus::Paused, 0));
    assert_eq!(later.snapshot, first.snapshot);
    assert_eq!((view.status(), world.script.count("a")), (ExecutionStatus::Succeeded, 1));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_held_again_is_made_once_too() {
    let world = World::new();
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    world.engine.pause(id, "ann", None).await.unwrap();
    let worker = world.work();
    let first = held(&world, id, 1).await;
    worker.stop().await;
    // Both are read together, so that the attempt falls due in between and is claimed after.
    world.engine.resume(id, "ann").await.unwrap();
    world.send(id, MessageBody::Pause { by: "ann".to_owned(), reason: None }).await;
    let worker = world.work();
    let again = |view: &View| view.state.held().len() == 1 && view.snapshot.facts.len() == 5;
    while !again(&world.view(id).await) {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(first.snapshot.facts.len(), 2);

    world.engine.resume(id, "ann").await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), world.script.count("a")), (ExecutionStatus::Succeeded, 1));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_falls_due_keeps_its_number() {
    let world = World::new();
    world.script.on("a", |call, _| async move {
        if call.attempt < 3 { failed(ActionErrorKind::Unavailable) } else { done(json!({})) }
    });
    let retry = "{ attempts: 3, initial: 1m, backoff: constant, cap: 1m }";
    let id = world.start(&workflow(&format!("  a: {{ uses: test/x, retry: {retry} }}"))).await;
    let worker = world.work();
    world.until(id, |view| view.snapshot.tasks.iter().any(|task| task.attempt == 2)).await;
    paused(&world, id).await;
    let view = held(&world, id, 1).await;
    assert_eq!(view.state.held()[0].1, 2);

    world.engine.resume(id, "ann").await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.step("a").attempt), (ExecutionStatus::Succeeded, 3));
    let attempts: Vec<_> = world.script.made().iter().map(|made| made.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn each_item_of_a_repeated_step_is_done_once() {
    let world = World::new();
    let step = "  each: { uses: test/x, for_each: { items: [1, 2, 3, 4, 5], parallel: 2 } }";
    let id = world.start(&workflow(step)).await;
    world.engine.pause(id, "ann", None).await.unwrap();
    let worker = world.work();
    held(&world, id, 2).await;

    world.engine.resume(id, "ann").await.unwrap();
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    let mut paths = world.script.paths();
    paths.sort();
    assert_eq!(paths, ["each[0]", "each[1]", "each[2]", "each[3]", "each[4]"]);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_whose_time_runs_out_ends_when_the_execution_goes_on() {
    let cases = [
        ("sleep: 10m", "succeeded"),
        ("approval: { expires: 10m }", "timed_out"),
        ("wait: { event: go, timeout: 10m }", "timed_out"),
    ];
    for (step, end) in cases {
        let world = World::new();
        let id = world.start(&workflow(&format!("  w: {{ {step} }}"))).await;
        let worker = world.work();
        world.standing(id, ExecutionStatus::Waiting).await;
        paused(&world, id).await;
        sleep(Duration::from_secs(3_600)).await;
        assert_eq!(world.view(id).await.is("w"), "open");
        let asked = world.clock.now();

        world.engine.resume(id, "ann").await.unwrap();
        let view = world.ended(id).await;

        assert_eq!(view.is("w"), end);
        assert!(world.clock.now().since(asked) < Duration::from_secs(2));
        worker.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_sleep_that_is_not_over_goes_on_after_a_pause() {
    let world = World::new();
    let began = world.clock.now();
    let id = world.start(&workflow("  w: { sleep: 1h }")).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;
    paused(&world, id).await;
    sleep(Duration::from_secs(600)).await;
    world.engine.resume(id, "ann").await.unwrap();

    world.ended(id).await;

    let slept = world.clock.now().since(began).as_secs();
    assert!((3_600..3_603).contains(&slept), "slept {slept} s");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_somebody_says_during_a_pause_counts_afterwards_even_if_time_ran_out_meanwhile() {
    let world = World::new();
    let steps = "  ok: { approval: { expires: 10m } }\n  w: { wait: { event: go, timeout: 10m } }";
    let id = world.start(&workflow(steps)).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;
    paused(&world, id).await;
    let answer = Decision { approved: true, by: Decider::operator("ann"), comment: None };
    world.engine.decide(id, &name("ok"), answer).await.unwrap();
    world.engine.signal(id, "go", json!(7)).await.unwrap();
    sleep(Duration::from_secs(3_600)).await;
    let held = world.view(id).await;
    assert_eq!((held.status(), held.is("ok"), held.is("w")), (ExecutionStatus::Paused, "open", "open"));
    assert!(held.state.answer(&name("ok")).is_some() && held.state.signal("go").is_some());

    world.engine.resume(id, "ann").await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.outputs("w")), (ExecutionStatus::Succeeded, json!({ "payload": 7 })));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_execution_is_cancelled_at_once() {
    let world = World::new();
    let steps = "  a: { uses: test/x }\n  ok: { approval: {} }\n  b: { uses: test/x, needs: ok }";
    let id = world.start(&workflow(steps)).await;
    world.engine.pause(id, "ann", None).await.unwrap();
    let worker = world.work();
    held(&world, id, 1).await;
    let asked = world.clock.now();

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Cancelled);
    assert_eq!((view.is("a"), view.is("ok"), view.is("b")), ("cancelled", "cancelled", "cancelled"));
    assert!(world.clock.now().since(asked) < Duration::from_secs(1) && world.script.made().is_empty());
    assert!(view.snapshot.tasks.is_empty() && view.state.held().is_empty());
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn work_that_runs_in_a_paused_execution_is_told_to_stop_when_it_is_cancelled() {
    let world = World::new();
    world.script.on("a", |_, stop| async move {
        stop.cancelled().await;
        failed(ActionErrorKind::Cancelled)
    });
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    let worker = world.work();
    world.called("a", 1).await;
    paused(&world, id).await;

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.is("a")), (ExecutionStatus::Cancelled, "cancelled"));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_time_of_an_execution_runs_out_during_a_pause_too() {
    let world = World::new();
    let id = world.start(&(workflow("  ok: { approval: {} }") + "budget: { wall: 5m }\n")).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;
    paused(&world, id).await;

    let view = world.ended(id).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::TimedOut, "execution.timed_out"));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_whose_last_step_ends_during_a_pause_has_ended() {
    let world = World::new();
    world.script.on("a", |_, _| async {
        sleep(Duration::from_secs(60)).await;
        done(json!({}))
    });
    let id = world.start(&workflow("  a: { uses: test/x }")).await;
    let worker = world.work();
    world.called("a", 1).await;
    paused(&world, id).await;

    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_what_is_under_way_is_paused_and_only_what_is_paused_is_resumed() {
    let world = World::new();
    let id = world.start(&workflow("  ok: { approval: {} }")).await;
    let worker = world.work();

    let early = world.engine.resume(id, "ann").await.unwrap_err();
    paused(&world, id).await;
    let twice = world.engine.pause(id, "ann", None).await.unwrap_err();
    world.engine.cancel(id, "ann", None).await.unwrap();
    world.ended(id).await;
    let late = world.engine.pause(id, "ann", None).await.unwrap_err();

    assert_eq!([early, twice, late].map(|error| error.kind()), [ErrorKind::Conflict; 3]);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_with_a_held_attempt_loses_nothing() {
    let world = World::new();
    let id = world.start(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }")).await;
    world.engine.pause(id, "ann", None).await.unwrap();
    // The pause is committed and the commit that holds the attempt is not.
    let worker = world.work();
    world.standing(id, ExecutionStatus::Paused).await;
    worker.kill().await;
    let second = world.work();
    held(&world, id, 1).await;
    second.kill().await;

    world.engine.resume(id, "ann").await.unwrap();
    let view = world.finish(id).await;

    assert_eq!((view.status(), view.is("b")), (ExecutionStatus::Succeeded, "succeeded"));
    assert_eq!((world.script.count("a"), world.script.count("b")), (1, 1));
}
