//! Which steps run, and in which order.

use codeflow_core::ActionErrorKind;
use codeflow_core::execution::ExecutionStatus;
use serde_json::json;

use crate::world::{World, workflow};

#[tokio::test(start_paused = true)]
async fn steps_in_a_line_run_one_after_the_other_and_pass_values_on() {
    let world = World::new();
    world.script.gives("a", json!({ "n": 7 }));

    let view = world
        .run(&workflow(
            "
  a: { uses: test/x }
  b: { uses: test/x, needs: [a], with: { n: '${{ steps.a.outputs.n }}', text: 'n=${{ steps.a.outputs.n }}' } }
  c: { uses: test/x, needs: [b], with: { got: '${{ steps.b.outputs }}' } }",
        ))
        .await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(world.script.paths(), ["a", "b", "c"]);
    assert_eq!(view.outputs("c"), json!({ "got": { "n": 7, "text": "n=7" } }));
    assert!(view.snapshot.tasks.is_empty());
    assert!(view.snapshot.record.started_at.is_some());
    assert!(view.snapshot.record.finished_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn both_arms_of_a_diamond_run_before_their_join_and_the_join_runs_once() {
    let world = World::new();

    let view = world
        .run(&workflow(
            "
  top: { uses: test/x }
  left: { uses: test/x, needs: [top], with: { v: 1 } }
  right: { uses: test/x, needs: [top], with: { v: 2 } }
  join:
    uses: test/x
    needs: [left, right]
    with: { sum: '${{ steps.left.outputs.v + steps.right.outputs.v }}' }",
        ))
        .await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(view.outputs("join"), json!({ "sum": 3 }));
    let paths = world.script.paths();
    assert_eq!((paths.len(), paths[0].as_str(), paths[3].as_str()), (4, "top", "join"));
}

#[tokio::test(start_paused = true)]
async fn a_condition_decides_whether_a_step_runs_and_a_skipped_step_counts_as_settled() {
    let world = World::new();

    let view = world
        .run(&workflow(
            "
  a: { uses: test/x, with: { score: 40 } }
  yes: { uses: test/x, needs: [a], if: 'steps.a.outputs.score > 30' }
  no: { uses: test/x, needs: [a], if: 'steps.a.outputs.score > 50' }
  after: { uses: test/x, needs: [no] }",
        ))
        .await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!((view.is("yes"), view.is("no"), view.is("after")), ("succeeded", "skipped", "succeeded"));
    assert_eq!(view.why("no"), "step.condition");
    assert_eq!(world.script.count("no"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_condition_that_cannot_be_evaluated_fails_its_step() {
    let world = World::new();

    let view = world
        .run(&workflow(
            "
  a: { uses: test/x }
  b: { uses: test/x, needs: [a], if: 'steps.a.outputs.nothing > 1' }
  c: { uses: test/x, needs: [b] }",
        ))
        .await;

    assert_eq!(view.status(), ExecutionStatus::Failed);
    assert_eq!((view.is("b"), view.why("b")), ("failed", "expr.missing_key"));
    assert_eq!((view.is("c"), view.why("c")), ("skipped", "step.blocked"));
    assert_eq!(world.script.paths(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_step_blocks_what_follows_from_it_but_not_what_says_always() {
    let world = World::new();
    world.script.fails("bad", ActionErrorKind::Failed);

    let view = world
        .run(&workflow(
            "
  bad: { uses: test/x }
  next: { uses: test/x, needs: [bad] }
  last: { uses: test/x, needs: [next] }
  beside: { uses: test/x }
  report: { uses: test/x, needs: [last], always: true, with: { bad: '${{ steps.bad.status }}' } }",
        ))
        .await;

    assert_eq!(view.status(), ExecutionStatus::Failed);
    assert_eq!(view.error(), "action.failed");
    assert_eq!((view.is("next"), view.is("last"), view.is("beside")), ("skipped", "skipped", "succeeded"));
    for blocked in ["next", "last"] {
        let error = view.step(blocked).error.clone().unwrap();
        assert_eq!(error.blocked_by.unwrap().as_str(), "bad");
    }
    assert_eq!(view.outputs("report"), json!({ "bad": "failed" }));
    assert_eq!(world.script.count("next") + world.script.count("last"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_to_be_passed_over_blocks_nobody_and_does_not_fail_the_execution() {
    let world = World::new();
    world.script.fails("flaky", ActionErrorKind::Failed);

    let view = world
        .run(&workflow(
            "
  flaky: { uses: test/x, on_error: continue }
  next: { uses: test/x, needs: [flaky], with: { why: '${{ steps.flaky.error.code }}' } }",
        ))
        .await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(view.outputs("next"), json!({ "why": "action.failed" }));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_says_always_still_heeds_its_condition() {
    let world = World::new();
    world.script.fails("bad", ActionErrorKind::Failed);

    let view = world
        .run(&workflow(
            "
  bad: { uses: test/x }
  clean: { uses: test/x, needs: [bad], always: true, if: \"steps.bad.status == 'succeeded'\" }",
        ))
        .await;

    assert_eq!(view.is("clean"), "skipped");
    assert_eq!(world.script.count("clean"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_action_sees_every_step_before_it_and_how_it_ended() {
    let world = World::new();
    world.script.fails("a", ActionErrorKind::Denied);
    let (tell, told) = std::sync::mpsc::channel();
    world.script.on("c", move |call, _| {
        let _ = tell.send(call);
        std::future::ready(crate::script::done(json!({})))
    });

    world
        .run(&workflow(
            "
  a: { uses: test/x, on_error: continue }
  b: { uses: test/x, needs: [a], with: { v: 1 } }
  c: { uses: test/x, needs: [b] }
  d: { uses: test/x }",
        ))
        .await;

    let call = told.recv().unwrap();
    let upstream: Vec<_> =
        call.upstream.iter().map(|before| (before.step.as_str(), before.status.as_str())).collect();
    assert_eq!(upstream, [("a", "failed"), ("b", "succeeded")]);
    assert_eq!(call.upstream[0].error.as_ref().unwrap().code, "action.denied");
    assert_eq!(call.upstream[1].outputs.as_deref(), Some(&json!({ "v": 1 })));
}
