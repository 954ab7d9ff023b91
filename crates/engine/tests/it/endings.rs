//! How executions end: their outputs, and their time.

use std::time::Duration;

use codeflow_core::ActionErrorKind;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::Event;
use serde_json::json;

use crate::script::done;
use crate::world::{World, workflow};

fn with_outputs(steps: &str, outputs: &str) -> String {
    format!("{}outputs:\n{outputs}\n", workflow(steps))
}

#[tokio::test(start_paused = true)]
async fn outputs_are_evaluated_when_every_step_is_settled() {
    let world = World::new();
    let document = with_outputs(
        "  a: { uses: test/x, with: { n: 2 } }",
        "  twice: '${{ steps.a.outputs.n * 2 }}'\n  text: 'is ${{ steps.a.status }}'\n  fixed: [1]",
    );

    let view = world.run(&document).await;

    let outputs = view.snapshot.record.outputs.as_deref();
    assert_eq!(outputs, Some(&json!({ "twice": 4, "text": "is succeeded", "fixed": [1] })));
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_not_there_fails_an_execution_that_would_have_succeeded() {
    let world = World::new();

    let view = world.run(&with_outputs("  a: { uses: test/x }", "  v: '${{ steps.a.outputs.gone }}'")).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "expr.missing_key"));
    assert_eq!(view.is("a"), "succeeded");
    assert_eq!(view.snapshot.record.outputs, None);
}

#[tokio::test(start_paused = true)]
async fn the_outputs_of_a_failed_execution_are_null_where_they_are_not_there() {
    let world = World::new();
    world.script.fails("b", ActionErrorKind::Failed);
    let document = with_outputs(
        "  a: { uses: test/x, with: { n: 1 } }\n  b: { uses: test/x }",
        "  n: '${{ steps.a.outputs.n }}'\n  gone: '${{ steps.b.outputs.gone }}'",
    );

    let view = world.run(&document).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "action.failed"));
    assert_eq!(view.snapshot.record.outputs.as_deref(), Some(&json!({ "n": 1, "gone": null })));
}

#[tokio::test(start_paused = true)]
async fn an_execution_whose_time_is_up_tells_its_work_and_ends_as_timed_out() {
    let world = World::new();
    world.script.on("slow", |_, stop| async move {
        stop.cancelled().await;
        done(json!({ "partial": true }))
    });
    let document = workflow(
        "
  slow: { uses: test/x }
  next: { uses: test/x, needs: slow }
  report: { uses: test/x, needs: next, always: true }",
    ) + "budget: { wall: 5m }\n";

    let view = world.run(&document).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::TimedOut, "execution.timed_out"));
    assert_eq!(
        (view.is("slow"), view.is("next"), view.is("report")),
        ("succeeded", "cancelled", "cancelled")
    );
    let record = view.snapshot.record;
    let took = record.finished_at.unwrap().since(record.created_at);
    assert!((300..=302).contains(&took.as_secs()), "took {took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_ends_in_time_hears_nothing_of_its_deadline() {
    let world = World::new();

    let view = world.run(&(workflow("  a: { uses: test/x }") + "budget: { wall: 10m }\n")).await;
    let id = view.snapshot.record.id;
    let worker = world.work();
    tokio::time::sleep(Duration::from_secs(700)).await;
    let later = world.view(id).await;

    assert_eq!(
        (later.status(), later.snapshot.record.seq),
        (ExecutionStatus::Succeeded, view.snapshot.record.seq)
    );
    assert!(later.snapshot.tasks.is_empty());
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_with_nothing_to_do_ends_when_it_starts() {
    let world = World::new();

    let id = world.start(&with_outputs("  a: { uses: test/x, if: '1 > 2' }", "  v: 5")).await;
    let view = world.view(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(view.snapshot.record.outputs.as_deref(), Some(&json!({ "v": 5 })));
    assert!(view.snapshot.record.finished_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn watchers_hear_of_each_step_after_it_is_durable_and_of_the_end_last() {
    let world = World::new();

    let view = world.run(&workflow("  a: { uses: test/x }\n  b: { uses: test/x, needs: a }")).await;

    let told: Vec<_> = world
        .seen
        .events()
        .iter()
        .map(|event| match event {
            Event::Began { path, attempt, .. } => format!("began {path} {attempt}"),
            Event::Settled { settled, .. } => format!("settled {}", settled.path),
            Event::Ended { status, .. } => format!("ended {status}"),
            Event::Logged { message, .. } => message.clone(),
            Event::Waiting { step, .. } => format!("waiting {step}"),
            Event::Job { job, .. } => format!("{job}"),
            Event::Called { path, .. } => format!("called {path}"),
        })
        .collect();
    assert_eq!(told, ["began a 1", "settled a", "began b 1", "settled b", "ended succeeded"]);
    assert_eq!(view.status(), ExecutionStatus::Succeeded);
}
