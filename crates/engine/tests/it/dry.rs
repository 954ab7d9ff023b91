//! Executions whose budget is used up: they are held, not lost.

use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, Fact, StepStatus};
use codeflow_core::{ActionError, ActionErrorKind, Usd};
use codeflow_engine::ErrorKind;
use serde_json::json;
use tokio::time::sleep;

use crate::script::{Answer, done, failed};
use crate::world::{World, workflow};

const TWO: &str = "  a: { uses: test/x }\n  b: { uses: test/x, needs: a }";

fn usd(text: &str) -> Usd {
    text.parse().expect("it is an amount")
}

/// A workflow with these steps that may spend ten cents.
fn bounded(steps: &str) -> String {
    workflow(steps).replace("steps:", "budget: { usd: 0.10 }\nsteps:")
}

/// Calls of this step cost a dollar.
fn costs_a_dollar(world: &World, step: &str) {
    world.script.on(step, |call, _| std::future::ready(paid(call.budget)));
}

fn paid(budget: Option<Usd>) -> Answer {
    match budget {
        Some(budget) if budget < usd("1.00") => {
            let refused =
                ActionError::new(ActionErrorKind::BudgetExceeded, "the budget does not cover the call");
            Err(refused.with_code("model.budget_exceeded"))
        }
        _ => done(json!({ "budget": budget })),
    }
}

#[tokio::test(start_paused = true)]
async fn an_execution_whose_budget_is_used_up_is_held_until_somebody_raises_it() {
    let world = World::new();
    costs_a_dollar(&world, "b");
    let id = world.start(&bounded(TWO)).await;
    let worker = world.work();

    let held = world.standing(id, ExecutionStatus::Paused).await;
    sleep(Duration::from_secs(3_600)).await;
    let still = world.view(id).await;
    world.engine.resume_with(id, "ann", usd("2.00")).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!((held.is("a"), held.is("b")), ("succeeded", "open"));
    assert_eq!(still.snapshot, held.snapshot, "nothing is tried in vain");
    let paused = held.snapshot.facts.iter().find_map(|(_, fact)| match fact {
        Fact::Paused { by, reason, .. } => Some((by.as_str(), reason.as_deref())),
        _ => None,
    });
    assert_eq!(paused, Some(("budget", Some("the budget does not cover the call"))));
    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(*view.step("b").outputs.as_deref().unwrap(), json!({ "budget": usd("2.00") }));
    assert_eq!((world.script.count("a"), world.script.count("b")), (1, 2));
    let logs = world.engine.logs(id, 0, 10).await.unwrap();
    let said: Vec<_> = logs.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "held: the budget does not cover the call [model.budget_exceeded]",
            "resumed by ann with a budget of $2.00"
        ]
    );
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn one_that_is_resumed_with_too_little_is_held_again() {
    let world = World::new();
    costs_a_dollar(&world, "b");
    let id = world.start(&bounded(TWO)).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Paused).await;

    world.engine.resume_with(id, "ann", usd("0.50")).await.unwrap();
    world.called("b", 2).await;
    world.standing(id, ExecutionStatus::Paused).await;
    world.engine.resume(id, "ann").await.unwrap();
    world.called("b", 3).await;
    let view = world.standing(id, ExecutionStatus::Paused).await;

    assert_eq!((view.state.held().len(), view.state.budget()), (1, Some(usd("0.50"))));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn steps_side_by_side_are_held_together_and_all_go_on() {
    let world = World::new();
    let steps = "  a: { uses: test/x }
  b: { uses: test/x }
  many: { uses: test/x, for_each: { items: '${{ [1, 2, 3] }}', parallel: 2 } }";
    for step in ["a", "b", "many"] {
        costs_a_dollar(&world, step);
    }
    let id = world.start(&bounded(steps)).await;
    let worker = world.work();

    let held = world.until(id, |view| view.state.held().len() == 4).await;
    world.engine.resume_with(id, "ann", usd("9.00")).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!(held.status(), ExecutionStatus::Paused);
    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    let called = ["a", "b", "many[0]", "many[1]", "many[2]"].map(|path| world.script.count(path));
    assert_eq!(called, [2, 2, 2, 2, 1], "{:?}", world.script.paths());
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_step_that_may_fail_fails_and_the_execution_goes_on() {
    let world = World::new();
    costs_a_dollar(&world, "b");
    let document = bounded(&TWO.replace("needs: a }", "needs: a, on_error: continue }"));

    let view = world.run(&document).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    let failed = view.step("b");
    assert_eq!(
        (failed.status, failed.error.as_ref().unwrap().code.as_str()),
        (StepStatus::Failed, "model.budget_exceeded")
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_budget_of_its_own_an_execution_fails_for_somebody_elses() {
    let world = World::new();
    world.script.on("b", |_, _| std::future::ready(failed(ActionErrorKind::BudgetExceeded)));

    let view = world.run(&workflow(TWO)).await;

    assert_eq!(view.status(), ExecutionStatus::Failed);
    assert_eq!(view.snapshot.record.error.unwrap().code, "action.budget_exceeded");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_held_can_be_cancelled_and_runs_out_of_time() {
    let world = World::new();
    costs_a_dollar(&world, "b");
    let worker = world.work();
    let timed = bounded(TWO).replace("usd: 0.10", "usd: 0.10, wall: 1h");
    let (cancelled, late) = (world.start(&bounded(TWO)).await, world.start(&timed).await);
    for id in [cancelled, late] {
        world.standing(id, ExecutionStatus::Paused).await;
    }

    world.engine.cancel(cancelled, "ann", None).await.unwrap();

    assert_eq!(world.ended(cancelled).await.status(), ExecutionStatus::Cancelled);
    assert_eq!(world.ended(late).await.status(), ExecutionStatus::TimedOut);
    let over = world.engine.resume_with(cancelled, "ann", usd("5.00")).await.unwrap_err();
    assert_eq!(over.kind(), ErrorKind::Conflict);
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_fails_anyway_is_not_held_but_undone() {
    let world = World::new();
    let steps = "  charge: { uses: test/x, compensate: { uses: test/x } }
  deploy: { needs: charge, uses: test/x }
  review: { needs: charge, uses: test/x }";
    world.script.fails("deploy", ActionErrorKind::Failed);
    world.script.on("review", |call, _| async move {
        sleep(Duration::from_secs(60)).await;
        paid(call.budget)
    });

    let view = world.run(&bounded(steps)).await;

    assert_eq!(view.status(), ExecutionStatus::Failed);
    assert_eq!(view.step("review").error.as_ref().unwrap().code, "model.budget_exceeded");
    assert_eq!(world.script.count("charge"), 2, "it was done and undone");
}

#[tokio::test(start_paused = true)]
async fn what_was_paid_for_in_part_fails_and_says_what_it_spent() {
    let world = World::new();
    world.script.on("b", |_, _| {
        let short = ActionError::new(ActionErrorKind::BudgetExceeded, "the second call is not covered");
        std::future::ready(Err(short.with_outputs(json!({ "cost": "$0.09" }))))
    });

    let view = world.run(&bounded(TWO)).await;

    assert_eq!(view.status(), ExecutionStatus::Failed);
    assert_eq!(*view.step("b").outputs.as_deref().unwrap(), json!({ "cost": "$0.09" }));
}

#[tokio::test(start_paused = true)]
async fn of_two_who_resume_at_once_the_one_with_a_budget_is_heard() {
    let world = World::new();
    costs_a_dollar(&world, "b");
    let id = world.start(&bounded(TWO)).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Paused).await;
    worker.stop().await;

    world.engine.resume(id, "ann").await.unwrap();
    world.engine.resume_with(id, "bob", usd("5.00")).await.unwrap();
    let view = world.finish(id).await;

    assert_eq!((view.status(), view.state.budget()), (ExecutionStatus::Succeeded, Some(usd("5.00"))));
}
