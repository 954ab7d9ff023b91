//! Steps that call another workflow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, Fact};
use codeflow_core::{ActionErrorKind, ExecutionId};
use codeflow_engine::{ExecutionRecord, WorkerSettings};
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::script::{done, failed};
use crate::world::{View, World, name, workflow};

const CHILD: &str = "
version: 1
name: child
inputs: { n: { type: integer }, by: { type: integer, default: 1 } }
steps:
  work: { uses: test/x, with: { n: '${{ inputs.n }}', by: '${{ inputs.by }}' } }
outputs: { n: '${{ steps.work.outputs.n }}' }
";

const WAITING: &str = "version: 1\nname: child\nsteps: { ok: { approval: {} } }\n";

const CALL: &str = "
  call: { uses: workflow/child, with: { n: 7 } }
  after: { uses: test/x, needs: call, with: { got: '${{ steps.call.outputs.n }}' } }";

/// The executions that others called, oldest first.
async fn children(world: &World) -> Vec<ExecutionRecord> {
    let mut found = world.engine.list(Default::default(), 100).await.unwrap();
    found.retain(|record| record.workflow.as_str() != "test");
    found.reverse();
    found
}

/// Waits until so many were called.
async fn called(world: &World, count: usize) -> Vec<ExecutionRecord> {
    loop {
        let found = children(world).await;
        if found.len() == count {
            return found;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

fn caller_of(view: &View) -> Option<(ExecutionId, String, u32)> {
    view.state.caller().map(|caller| (caller.execution, caller.path.to_string(), caller.depth))
}

#[tokio::test(start_paused = true)]
async fn a_step_gives_what_the_workflow_gives_that_it_calls() {
    let world = World::new();
    world.register(CHILD).await.unwrap();

    let view = world.run(&workflow(CALL)).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!((view.outputs("call"), view.outputs("after")), (json!({ "n": 7 }), json!({ "got": 7 })));
    let found = children(&world).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].status, &*found[0].inputs),
        (ExecutionStatus::Succeeded, &json!({ "n": 7, "by": 1 }))
    );
    let child = world.view(found[0].id).await;
    assert_eq!(caller_of(&child), Some((view.snapshot.record.id, "call".to_owned(), 1)));
    assert!(view.state.calls().map(|call| call.execution).eq([child.snapshot.record.id]));
    assert!(child.snapshot.tasks.is_empty() && view.snapshot.tasks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_caller_waits_while_the_execution_runs_that_it_called() {
    let world = World::new();
    world.register(WAITING).await.unwrap();
    let id = world.start(&workflow("  call: { uses: workflow/child }")).await;
    let worker = world.work();

    let view = world.standing(id, ExecutionStatus::Waiting).await;
    sleep(Duration::from_secs(3_600)).await;
    let later = world.view(id).await;

    assert_eq!((view.is("call"), later.snapshot), ("open", view.snapshot));
    assert_eq!(children(&world).await[0].status, ExecutionStatus::Waiting);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_the_execution_that_failed_and_keeps_its_code() {
    let world = World::new();
    world.register(CHILD).await.unwrap();
    world.script.fails("work", ActionErrorKind::Denied);

    let view = world.run(&workflow(CALL)).await;

    let child = children(&world).await[0].id;
    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "action.denied"));
    let error = view.step("call").error.clone().unwrap();
    let said = format!("execution `{child}` of workflow `child` is failed: step `work`: the script says so");
    assert_eq!(error.message, said);
    assert_eq!((view.is("call"), view.is("after")), ("failed", "skipped"));
    assert_eq!(view.outputs("call"), json!({ "n": null }), "what there is may be read");
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_is_not_there_fails_its_step_with_a_code_of_its_own() {
    let world = World::new();

    let view = world.run(&workflow("  call: { uses: workflow/nobody }")).await;

    assert_eq!((view.is("call"), view.error()), ("failed", "step.unknown_workflow"));
    assert!(view.step("call").error.as_ref().unwrap().message.contains("`nobody`"));
}

#[tokio::test(start_paused = true)]
async fn inputs_that_the_workflow_does_not_take_start_nothing() {
    let world = World::new();
    world.register(CHILD).await.unwrap();

    let view = world.run(&workflow("  call: { uses: workflow/child, with: { n: x, m: 1 } }")).await;

    assert_eq!((view.is("call"), view.error()), ("failed", "engine.invalid_input"));
    let message = &view.step("call").error.as_ref().unwrap().message;
    assert!(message.contains("unknown input `m`") && message.contains("`n` must be"), "{message}");
    assert!(children(&world).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_latest_version_at_the_time_of_the_call_is_run() {
    let world = World::new();
    world.register(WAITING).await.unwrap();
    let id = world
        .start(&workflow(
            "  nap: { sleep: 1m }\n  call: { uses: workflow/child, needs: nap, with: { n: 1 } }",
        ))
        .await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;
    let newer = world.register(CHILD).await.unwrap();

    world.ended(id).await;

    assert_eq!(children(&world).await[0].version, newer);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_ends_as_soon_as_it_begins_is_heard_of() {
    let world = World::new();
    world.register("version: 1\nname: child\ninputs: { n: { type: integer, default: 1 } }\nsteps: { a: { uses: test/x, if: 'inputs.n == 2' } }\n").await.unwrap();

    let view = world.run(&workflow("  call: { uses: workflow/child }")).await;

    assert_eq!((view.status(), view.outputs("call")), (ExecutionStatus::Succeeded, json!({})));
    assert!(world.script.made().is_empty());
}

#[tokio::test(start_paused = true)]
async fn each_item_of_a_repeated_step_has_an_execution_of_its_own() {
    let world = World::new();
    world.register(CHILD).await.unwrap();
    let step = "  call: { uses: workflow/child, for_each: { items: [5, 6, 7], parallel: 2 }, with: { n: '${{ item }}' } }";

    let view = world.run(&workflow(step)).await;

    let gave = json!({ "items": [{ "n": 5 }, { "n": 6 }, { "n": 7 }], "failed": 0 });
    assert_eq!((view.status(), view.outputs("call")), (ExecutionStatus::Succeeded, gave));
    let mut paths = Vec::new();
    for child in children(&world).await {
        paths.push(caller_of(&world.view(child.id).await).unwrap().1);
    }
    assert_eq!(paths, ["call[0]", "call[1]", "call[2]"]);
}

#[tokio::test(start_paused = true)]
async fn no_more_items_are_called_at_once_than_the_step_says() {
    let world = World::new();
    world.register(WAITING).await.unwrap();
    let step = "  call: { uses: workflow/child, for_each: { items: [1, 2, 3, 4], parallel: 2 } }";
    let id = world.start(&workflow(step)).await;
    let worker = world.work();
    called(&world, 2).await;

    sleep(Duration::from_secs(3_600)).await;

    assert_eq!(children(&world).await.len(), 2);
    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;
    assert_eq!((view.is("call"), children(&world).await.len()), ("cancelled", 2));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_workflow_that_calls_itself_comes_to_an_end() {
    let world = World::new();
    let document = "version: 1\nname: child\nsteps: { deeper: { uses: workflow/child } }\n";
    world.register(document).await.unwrap();

    let view = world.run(&workflow("  call: { uses: workflow/child }")).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "step.too_deep"));
    let depths = children(&world).await.len();
    assert_eq!(depths, 10);
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_what_was_called_however_deep_and_the_callers_wait_for_it() {
    let world = World::new();
    world.script.on("work", |_, stop| async move {
        stop.cancelled().await;
        sleep(Duration::from_secs(2)).await;
        failed(ActionErrorKind::Cancelled)
    });
    world.register(CHILD).await.unwrap();
    let middle = "version: 1\nname: middle\nsteps: { call: { uses: workflow/child, with: { n: 1 } } }\n";
    world.register(middle).await.unwrap();
    let id = world.start(&workflow("  call: { uses: workflow/middle }")).await;
    let worker = world.work();
    world.called("work", 1).await;

    world.engine.cancel(id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.is("call")), (ExecutionStatus::Cancelled, "cancelled"));
    let found = children(&world).await;
    assert_eq!(found.iter().map(|one| one.status).collect::<Vec<_>>(), [ExecutionStatus::Cancelled; 2]);
    assert!(found.iter().all(|one| one.finished_at <= view.snapshot.record.finished_at));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_called_ends_with_the_time_of_its_caller() {
    let world = World::new();
    world.register(WAITING).await.unwrap();

    let document = workflow("  call: { uses: workflow/child }") + "budget: { wall: 5m }\n";
    let view = world.run(&document).await;

    assert_eq!((view.status(), view.is("call")), (ExecutionStatus::TimedOut, "cancelled"));
    assert_eq!(children(&world).await[0].status, ExecutionStatus::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_cancelled_by_itself_fails_its_caller() {
    let world = World::new();
    world.register(WAITING).await.unwrap();
    let id = world.start(&workflow("  call: { uses: workflow/child }")).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;

    world.engine.cancel(children(&world).await[0].id, "ann", None).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.is("call")), (ExecutionStatus::Failed, "cancelled"));
    assert_eq!(view.error(), "execution.cancelled");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_calls_again_and_hears_no_more_of_the_first_one() {
    let world = World::new();
    world.register(CHILD).await.unwrap();
    world.script.fails("work", ActionErrorKind::Failed);
    let first = world.run(&workflow(CALL)).await;
    let id = first.snapshot.record.id;
    let earlier = children(&world).await[0].id;
    world.script.mend("work");
    let worker = world.work();

    // What was called is taken up again by itself, too; nobody waits for that.
    world.engine.restart(earlier, None, "ann").await.unwrap();
    world.until(earlier, |view| view.status() == ExecutionStatus::Succeeded).await;
    world.engine.restart(id, None, "ann").await.unwrap();
    let view = world.until(id, |view| view.status() == ExecutionStatus::Succeeded).await;

    assert_eq!(view.outputs("after"), json!({ "got": 7 }));
    assert_eq!(children(&world).await.len(), 2);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_is_taken_up_again_before_its_end_was_told_tells_its_last_end() {
    let world = World::new();
    world.register(CHILD).await.unwrap();
    world.script.on("hog", |_, _| async {
        sleep(Duration::from_secs(600)).await;
        done(json!({}))
    });
    world.script.on("work", |_, _| async {
        sleep(Duration::from_secs(60)).await;
        failed(ActionErrorKind::Failed)
    });
    let id = world.start(&workflow(CALL)).await;
    let worker = world.work_as(&world.engine, WorkerSettings { concurrency: 1, ..WorkerSettings::default() });
    world.called("work", 1).await;
    let child = children(&world).await[0].id;
    // It is before the news in the queue, and takes the only place.
    world.start(&workflow("  hog: { uses: test/x }")).await;
    world.until(child, |view| view.status() == ExecutionStatus::Failed).await;
    world.called("hog", 1).await;
    world.script.mend("work");
    world.engine.restart(child, None, "ann").await.unwrap();

    let view = world.ended(id).await;

    assert_eq!((view.status(), view.is("call")), (ExecutionStatus::Succeeded, "succeeded"));
    assert_eq!(world.view(child).await.snapshot.record.generation, 1);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_paused_caller_calls_nobody_and_keeps_the_end_of_what_it_called() {
    let world = World::new();
    world.register(CHILD).await.unwrap();
    let id = world.start(&workflow(CALL)).await;
    world.engine.pause(id, "ann", None).await.unwrap();
    let worker = world.work();
    while world.view(id).await.state.held().is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(children(&world).await.is_empty());

    world.script.on("work", |call, _| async {
        sleep(Duration::from_secs(60)).await;
        done(call.inputs.into())
    });
    world.engine.resume(id, "ann").await.unwrap();
    world.called("work", 1).await;
    world.engine.pause(id, "ann", None).await.unwrap();
    let paused = world.until(id, |view| view.is("call") == "succeeded").await;
    assert_eq!((paused.status(), world.script.count("after")), (ExecutionStatus::Paused, 0));

    world.engine.resume(id, "ann").await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), children(&world).await.len()), (ExecutionStatus::Succeeded, 1));
    worker.stop().await;
}

/// A worker is taken away when it is about to make its commit number `nth`; another one is there already.
async fn crashed_at(nth: u32, cancels: bool) -> (World, View) {
    let world = World::new();
    world.register(CHILD).await.unwrap();
    let id = world.start(&workflow(CALL)).await;
    let (count, reached) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let (counted, tell) = (count.clone(), reached.clone());
    world.store.before_flush(move || {
        let stops = counted.fetch_add(1, Ordering::SeqCst) + 1 == nth;
        let tell = tell.clone();
        async move {
            if stops {
                tell.notify_one();
                std::future::pending::<()>().await;
            }
        }
    });
    let first = world.work();
    let ended = tokio::select! {
        () = reached.notified() => false,
        _ = world.ended(id) => true,
    };
    first.kill().await;
    if cancels && !ended {
        world.engine.cancel(id, "ann", None).await.unwrap();
    }
    let second = world.work_as(&world.other_engine(), WorkerSettings::default());
    let view = world.ended(id).await;
    for one in children(&world).await.into_iter().map(|child| child.id).chain([id]) {
        while !world.view(one).await.snapshot.tasks.is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    }
    second.stop().await;
    (world, view)
}

#[tokio::test(start_paused = true)]
async fn a_crash_before_any_commit_starts_what_is_called_exactly_once() {
    for nth in 1..=8 {
        let (world, view) = crashed_at(nth, false).await;

        assert_eq!(view.status(), ExecutionStatus::Succeeded, "crash {nth}");
        assert_eq!(view.outputs("after"), json!({ "got": 7 }), "crash {nth}");
        assert_eq!(children(&world).await.len(), 1, "crash {nth}");
        let calls = |fact: &&(u32, Fact)| matches!(fact.1, Fact::Called { .. });
        assert_eq!(view.snapshot.facts.iter().filter(calls).count(), 1, "crash {nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_after_a_crash_leaves_nothing_running_that_was_called() {
    for nth in 1..=8 {
        let (world, view) = crashed_at(nth, true).await;

        let found = children(&world).await;
        assert!(found.len() <= 1 && found.iter().all(|one| one.status.is_final()), "crash {nth}");
        assert!(view.status().is_final(), "crash {nth}");
        let calls = |fact: &&(u32, Fact)| matches!(fact.1, Fact::Called { .. });
        assert_eq!(view.snapshot.facts.iter().filter(calls).count(), found.len(), "crash {nth}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_may_be_heard_before_the_beginning_was_recorded() {
    let world = World::new();
    world.register(CHILD).await.unwrap();
    let id = world.start(&workflow(CALL)).await;
    let reached = Arc::new(Notify::new());
    let tell = reached.clone();
    let first_only = Arc::new(AtomicU32::new(0));
    world.store.before_flush(move || {
        let stops = first_only.fetch_add(1, Ordering::SeqCst) == 0;
        let tell = tell.clone();
        async move {
            if stops {
                tell.notify_one();
                std::future::pending::<()>().await;
            }
        }
    });
    let lazy =
        WorkerSettings { lease: Duration::from_secs(1_000), concurrency: 1, ..WorkerSettings::default() };
    let first = world.work_as(&world.engine, lazy);
    reached.notified().await;
    first.kill().await;
    assert_eq!(children(&world).await.len(), 1);
    let began = tokio::time::Instant::now();

    let second = world.work_as(&world.other_engine(), WorkerSettings::default());
    let view = world.until(id, |view| view.find("call").is_some()).await;

    assert!(began.elapsed() < Duration::from_secs(500), "the lease of the first worker has not ended");
    assert_eq!(view.is("call"), "succeeded");
    assert_eq!(world.ended(id).await.status(), ExecutionStatus::Succeeded);
    assert_eq!(children(&world).await.len(), 1);
    second.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_that_nobody_waits_for_is_only_logged() {
    let world = World::new();
    world.register(WAITING).await.unwrap();
    let id = world.start(&workflow("  call: { uses: workflow/child }")).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;
    let child = children(&world).await[0].id;
    let end = |generation, child| {
        codeflow_engine::MessageBody::Ended(codeflow_engine::ChildEnded {
            generation,
            path: codeflow_core::execution::StepPath::step(name("call")),
            child,
            status: ExecutionStatus::Succeeded,
            outputs: None,
            error: None,
        })
    };

    world.send(id, end(0, id)).await;
    world.send(id, end(1, child)).await;
    sleep(Duration::from_secs(60)).await;
    let still = world.view(id).await;
    world.send(id, end(0, child)).await;
    let view = world.ended(id).await;

    assert_eq!((still.status(), still.is("call")), (ExecutionStatus::Waiting, "open"));
    assert_eq!(
        (view.status(), world.engine.logs(id, 0, 10).await.unwrap().len()),
        (ExecutionStatus::Succeeded, 2)
    );
    worker.stop().await;
}
