//! An execution that does not succeed undoes what it did.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codeflow_core::ActionErrorKind;
use codeflow_core::execution::{ExecutionStatus, Fact, StepStatus};
use codeflow_engine::WorkerSettings;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::script::{done, failed};
use crate::world::{View, World, name, workflow};

const LINE: &str = "
  a: { uses: test/do, compensate: { uses: test/undo, with: { id: '${{ steps.a.outputs.id }}' } } }
  b: { uses: test/do, needs: a, compensate: { uses: test/undo, with: { id: '${{ steps.b.outputs.id }}' } } }
  bad: { uses: test/do, needs: b, compensate: { uses: test/undo } }";

/// Steps give an id; to undo them is done as well, unless `undo` says something else.
fn scripted(world: &World, undo: fn(&str, u32) -> crate::script::Answer) {
    for step in ["a", "b"] {
        world.script.on(step, move |call, _| {
            let answer = match call.uses.as_str() {
                "test/undo" => undo(call.path.step.as_str(), call.attempt)
                    .map(|_| codeflow_core::ActionOutcome::Done(json!({ "undid": call.inputs["id"] }))),
                _ => done(json!({ "id": format!("id-{}", call.path) })),
            };
            std::future::ready(answer)
        });
    }
}

fn fine(_: &str, _: u32) -> crate::script::Answer {
    done(json!({}))
}

fn undone(view: &View, step: &str) -> Option<(StepStatus, Value)> {
    let settled = view.state.step(&name(step))?.compensated.as_ref()?;
    Some((settled.status, settled.outputs.as_deref().cloned().unwrap_or_default()))
}

#[tokio::test(start_paused = true)]
async fn a_failed_execution_undoes_what_succeeded_the_last_first_and_keeps_its_error() {
    let world = World::new();
    scripted(&world, fine);
    world.script.fails("bad", ActionErrorKind::Denied);

    let view = world.run(&workflow(LINE)).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "action.denied"));
    assert_eq!(world.script.paths(), ["a", "b", "bad", "b", "a"]);
    assert_eq!(undone(&view, "a"), Some((StepStatus::Succeeded, json!({ "undid": "id-a" }))));
    assert_eq!(undone(&view, "b"), Some((StepStatus::Succeeded, json!({ "undid": "id-b" }))));
    assert_eq!((undone(&view, "bad"), view.is("a")), (None, "succeeded"));
    assert!(view.snapshot.tasks.is_empty());
    let logs = world.engine.logs(view.snapshot.record.id, 0, 10).await.unwrap();
    let said: Vec<_> = logs.iter().map(|line| (line.path.as_str(), line.message.as_str())).collect();
    assert_eq!(said, [("", "it does not succeed; what it did is undone"), ("b", "undone"), ("a", "undone")]);
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_succeeds_undoes_nothing() {
    let world = World::new();
    scripted(&world, fine);

    let view = world.run(&workflow(LINE)).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(world.script.paths(), ["a", "b", "bad"]);
    assert!(!view.state.is_compensating());
}

#[tokio::test(start_paused = true)]
async fn outputs_that_cannot_be_made_undo_what_was_done_too() {
    let world = World::new();
    scripted(&world, fine);

    let view = world.run(&(workflow(LINE) + "outputs: { x: '${{ steps.bad.outputs.gone }}' }\n")).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "expr.missing_key"));
    assert_eq!(world.script.paths(), ["a", "b", "bad", "bad", "b", "a"]);
}

#[tokio::test(start_paused = true)]
async fn what_ended_last_is_undone_first_whatever_the_document_says() {
    let world = World::new();
    scripted(&world, fine);
    world.script.on("slow", |call, _| async move {
        if call.uses.as_str() == "test/do" {
            sleep(Duration::from_secs(60)).await;
        }
        done(json!({}))
    });
    world.script.fails("bad", ActionErrorKind::Failed);
    let steps = "
  slow: { uses: test/do, compensate: { uses: test/undo } }
  a: { uses: test/do, compensate: { uses: test/undo, with: { id: x } } }
  bad: { uses: test/do, needs: a }";

    world.run(&workflow(steps)).await;

    assert_eq!(world.script.paths()[3..], ["slow", "a"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_undone_keeps_nothing_else_from_it() {
    let world = World::new();
    scripted(&world, |step, _| match step {
        "b" => failed(ActionErrorKind::Unavailable),
        _ => done(json!({})),
    });
    world.script.fails("bad", ActionErrorKind::Denied);

    let view = world.run(&workflow(LINE)).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "action.denied"));
    assert_eq!(undone(&view, "b"), Some((StepStatus::Failed, json!(null))));
    assert_eq!(undone(&view, "a").map(|(status, _)| status), Some(StepStatus::Succeeded));
    let logs = world.engine.logs(view.snapshot.record.id, 0, 10).await.unwrap();
    assert!(logs[1].message.contains("could not be undone: the script says so [action.unavailable]"));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_to_undo_is_made_again_as_often_as_the_document_says() {
    let world = World::new();
    scripted(&world, |_, attempt| match attempt {
        3 => done(json!({})),
        _ => failed(ActionErrorKind::Unavailable),
    });
    world.script.fails("bad", ActionErrorKind::Failed);
    let steps = LINE.replace("test/undo,", "test/undo, retry: { attempts: 3 },");

    let view = world.run(&workflow(&steps)).await;

    assert_eq!(world.script.paths()[3..], ["b", "b", "b", "a", "a", "a"]);
    let a = view.state.step(&name("a")).unwrap().compensated.clone().unwrap();
    assert_eq!((a.status, a.attempt), (StepStatus::Succeeded, 3));
}

#[tokio::test(start_paused = true)]
async fn an_attempt_to_undo_that_takes_too_long_is_cut_short() {
    let world = World::new();
    world.script.on("a", |call, _| async move {
        if call.uses.as_str() == "test/undo" {
            std::future::pending::<()>().await;
        }
        done(json!({}))
    });
    world.script.fails("bad", ActionErrorKind::Failed);
    let steps = "
  a: { uses: test/do, compensate: { uses: test/undo, timeout: 5s } }
  bad: { uses: test/do, needs: a }";

    let view = world.run(&workflow(steps)).await;

    assert_eq!(
        (view.status(), undone(&view, "a").unwrap().0),
        (ExecutionStatus::Failed, StepStatus::TimedOut)
    );
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_execution_and_one_whose_time_is_up_undo_what_they_did_without_being_told_to_stop() {
    for by_deadline in [false, true] {
        let world = World::new();
        world.script.on("a", |call, stop| async move {
            if call.uses.as_str() == "test/undo" {
                tokio::select! {
                    () = stop.cancelled() => return failed(ActionErrorKind::Cancelled),
                    () = sleep(Duration::from_secs(120)) => {}
                }
            }
            done(json!({}))
        });
        world.script.hangs("bad");
        let steps = "
  a: { uses: test/do, compensate: { uses: test/undo } }
  bad: { uses: test/do, needs: a, always: true }";
        let id = world.start(&(workflow(steps) + "budget: { wall: 60s }\n")).await;
        let worker = world.work();
        world.called("bad", 1).await;

        if !by_deadline {
            world.engine.cancel(id, "ann", None).await.unwrap();
        }
        world.until(id, |view| view.state.is_compensating()).await;
        world.engine.cancel(id, "bob", None).await.unwrap();
        let view = world.ended(id).await;

        let expected = if by_deadline { ExecutionStatus::TimedOut } else { ExecutionStatus::Cancelled };
        assert_eq!(
            (view.status(), view.is("bad")),
            (expected, if by_deadline { "timed_out" } else { "cancelled" })
        );
        assert_eq!(undone(&view, "a").unwrap().0, StepStatus::Succeeded);
        worker.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_undone_while_an_execution_is_paused() {
    let world = World::new();
    scripted(&world, fine);
    world.script.on("bad", |_, _| async {
        sleep(Duration::from_secs(60)).await;
        failed(ActionErrorKind::Failed)
    });
    let id = world.start(&workflow(LINE)).await;
    let worker = world.work();
    world.called("bad", 1).await;
    world.engine.pause(id, "ann", None).await.unwrap();
    let paused = world.until(id, |view| view.is("bad") == "failed").await;
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!((paused.status(), world.script.paths().len()), (ExecutionStatus::Paused, 3));

    world.engine.resume(id, "ann").await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), world.script.paths().len()), (ExecutionStatus::Failed, 5));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_two_steps_holds_the_next_one() {
    let world = World::new();
    scripted(&world, fine);
    world.script.on("b", |call, _| async move {
        if call.uses.as_str() == "test/undo" {
            sleep(Duration::from_secs(60)).await;
        }
        done(json!({ "id": 1 }))
    });
    world.script.fails("bad", ActionErrorKind::Failed);
    let id = world.start(&workflow(LINE)).await;
    let worker = world.work();
    world.called("b", 2).await;
    world.engine.pause(id, "ann", None).await.unwrap();
    let half = |view: &View| view.state.step(&name("b")).is_some_and(|step| step.compensated.is_some());
    world.until(id, half).await;
    sleep(Duration::from_secs(3_600)).await;
    assert_eq!((world.view(id).await.status(), world.script.count("a")), (ExecutionStatus::Paused, 1));

    world.engine.resume(id, "ann").await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), world.script.count("a")), (ExecutionStatus::Failed, 2));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_does_again_what_was_undone() {
    let world = World::new();
    scripted(&world, fine);
    world.script.fails("bad", ActionErrorKind::Failed);
    let first = world.run(&workflow(LINE)).await;
    let id = first.snapshot.record.id;
    world.script.mend("bad");
    let worker = world.work();

    world.engine.restart(id, Some(name("bad")), "ann").await.unwrap();
    let view = world.until(id, |view| view.status() == ExecutionStatus::Succeeded).await;

    assert_eq!(world.script.paths()[5..], ["a", "b", "bad"]);
    assert_eq!((undone(&view, "a"), view.snapshot.record.generation), (None, 1));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_commit_loses_nothing_that_is_to_be_undone() {
    for nth in 1..=7 {
        let world = World::new();
        scripted(&world, fine);
        world.script.fails("bad", ActionErrorKind::Failed);
        let (count, reached) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
        let tell = reached.clone();
        world.store.before_flush(move || {
            let stops = count.fetch_add(1, Ordering::SeqCst) + 1 == nth;
            let tell = tell.clone();
            async move {
                if stops {
                    tell.notify_one();
                    std::future::pending::<()>().await;
                }
            }
        });
        let id = world.start(&workflow(LINE)).await;
        let first = world.work();
        tokio::select! {
            () = reached.notified() => {}
            _ = world.ended(id) => {}
        }
        first.kill().await;
        let second = world.work_as(&world.other_engine(), WorkerSettings::default());
        let view = world.ended(id).await;

        let facts: Vec<_> = view.snapshot.facts.iter().map(|(_, fact)| fact).collect();
        let undone = facts.iter().filter(|fact| matches!(fact, Fact::Compensated(_))).count();
        assert_eq!((view.status(), undone), (ExecutionStatus::Failed, 2), "crash {nth}");
        second.stop().await;
    }
}
