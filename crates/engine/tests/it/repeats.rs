//! Steps that are repeated for each item of a list.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codeflow_core::ActionErrorKind;
use codeflow_core::execution::ExecutionStatus;
use serde_json::{Value, json};

use crate::script::{done, failed};
use crate::world::{View, World, name, workflow};

/// A workflow whose only input is the list that its step is repeated for.
fn over_list(step: &str) -> String {
    format!("version: 1\nname: test\ninputs: {{ list: {{ type: any }} }}\nsteps:\n  each: {step}\n")
}

async fn run_over(world: &World, step: &str, list: Value) -> View {
    let inputs = json!({ "list": list }).as_object().cloned().unwrap();
    let (id, _) = world.start_with(&over_list(step), inputs, None).await.unwrap();
    world.finish(id).await
}

const EACH: &str = "{ uses: test/x, for_each: '${{ inputs.list }}', \
                    with: { v: '${{ item }}', n: '${{ index }}' } }";

#[tokio::test(start_paused = true)]
async fn outputs_stand_in_the_order_of_the_items_whatever_ends_first() {
    let world = World::new();
    world.script.on("each", |call, _| async move {
        let n = call.inputs["n"].as_u64().unwrap();
        tokio::time::sleep(Duration::from_secs(10 - n)).await;
        done(Value::Object(call.inputs))
    });

    let view = run_over(&world, EACH, json!(["a", "b", "c", "d", "e"])).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    let items = json!([
        { "v": "a", "n": 0 }, { "v": "b", "n": 1 }, { "v": "c", "n": 2 }, { "v": "d", "n": 3 }, { "v": "e", "n": 4 }
    ]);
    assert_eq!(view.outputs("each"), json!({ "items": items, "failed": 0 }));
}

#[tokio::test(start_paused = true)]
async fn no_more_items_run_at_once_than_the_step_allows() {
    let world = World::new();
    let active = Arc::new(AtomicU32::new(0));
    let most = Arc::new(AtomicU32::new(0));
    let (counted, peak) = (active.clone(), most.clone());
    world.script.on("each", move |call, _| {
        let (active, most) = (counted.clone(), peak.clone());
        async move {
            most.fetch_max(active.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100 + call.inputs.len() as u64)).await;
            active.fetch_sub(1, Ordering::Relaxed);
            done(json!({}))
        }
    });
    let step = "{ uses: test/x, for_each: { items: '${{ inputs.list }}', parallel: 3 } }";

    let view = run_over(&world, step, json!((0..20).collect::<Vec<_>>())).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(most.load(Ordering::Relaxed), 3);
    assert_eq!(world.script.made().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_succeeds_without_a_call() {
    let world = World::new();

    let view = run_over(&world, EACH, json!([])).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(view.outputs("each"), json!({ "items": [], "failed": 0 }));
    assert!(world.script.made().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_failed_item_ends_the_step_after_those_that_run_and_begins_no_others() {
    let world = World::new();
    world.script.on("each", |call, _| async move {
        let n = call.inputs["n"].as_u64().unwrap();
        tokio::time::sleep(Duration::from_secs(1 + n)).await;
        if n == 1 { failed(ActionErrorKind::Denied) } else { done(json!({ "n": n })) }
    });
    let step = "{ uses: test/x, for_each: { items: '${{ inputs.list }}', parallel: 2 }, with: { n: '${{ index }}' } }";

    let view = run_over(&world, step, json!([0, 1, 2, 3, 4, 5])).await;

    assert_eq!(view.status(), ExecutionStatus::Failed);
    assert_eq!((view.is("each"), view.why("each")), ("failed", "action.denied"));
    assert_eq!(world.script.made().len(), 3, "one more began before the second item failed");
    assert_eq!(
        view.outputs("each"),
        json!({ "items": [{ "n": 0 }, null, { "n": 2 }, null, null, null], "failed": 1 })
    );
    let message = &view.step("each").error.as_ref().unwrap().message;
    assert_eq!(message, "1 of 6 failed; number 1: the script says so");
}

#[tokio::test(start_paused = true)]
async fn failures_that_are_to_be_passed_over_leave_the_other_items_alone() {
    let world = World::new();
    world.script.on("each", |call, _| async move {
        let odd = call.inputs["n"].as_u64().unwrap() % 2 == 1;
        if odd { failed(ActionErrorKind::Failed) } else { done(json!({})) }
    });
    let step =
        "{ uses: test/x, for_each: '${{ inputs.list }}', with: { n: '${{ index }}' }, on_error: continue }";

    let view = run_over(&world, step, json!([0, 1, 2, 3, 4, 5, 6])).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!((view.is("each"), view.outputs("each")["failed"].clone()), ("failed", json!(3)));
    assert_eq!(world.script.made().len(), 7);
}

#[tokio::test(start_paused = true)]
async fn each_item_is_tried_again_by_itself() {
    let world = World::new();
    world.script.on("each", |call, _| async move {
        let n = call.inputs["n"].as_u64().unwrap();
        if n == 1 && call.attempt == 1 { failed(ActionErrorKind::Timeout) } else { done(json!({})) }
    });
    let step = "{ uses: test/x, for_each: '${{ inputs.list }}', with: { n: '${{ index }}' }, retry: { attempts: 2 } }";

    let view = run_over(&world, step, json!([0, 1, 2])).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    let counts: Vec<_> = (0..3).map(|n| world.script.count(&format!("each[{n}]"))).collect();
    assert_eq!(counts, [1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_items_are_done_once_each() {
    let world = World::new();
    let began = std::time::Instant::now();
    let step = "{ uses: test/x, for_each: { items: '${{ inputs.list }}', parallel: 64 } }";

    let view = run_over(&world, step, json!((0..10_000).collect::<Vec<_>>())).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(view.state.step(&name("each")).unwrap().iterations.len(), 10_000);
    assert_eq!(world.script.made().len(), 10_000);
    assert!(began.elapsed() < Duration::from_secs(60), "it took {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_too_long_or_none_fails_the_step_before_any_call() {
    for (list, code) in [
        (json!((0..10_001).collect::<Vec<_>>()), "step.too_many_items"),
        (json!("text"), "step.not_a_list"),
        (json!({ "a": 1 }), "step.not_a_list"),
    ] {
        let world = World::new();

        let view = run_over(&world, EACH, list).await;

        assert_eq!(view.status(), ExecutionStatus::Failed);
        assert_eq!((view.is("each"), view.why("each")), ("failed", code));
        assert!(world.script.made().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_evaluated_fails_the_step() {
    let world = World::new();

    let view = world
        .run(&workflow(
            "
  a: { uses: test/x }
  each: { uses: test/x, needs: a, for_each: '${{ steps.a.outputs.files }}' }",
        ))
        .await;

    assert_eq!((view.is("each"), view.why("each")), ("failed", "expr.missing_key"));
}
