//! Random workflows run to an end, in order, and end as a simple model of the rules says.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use codeflow_core::ActionErrorKind;
use codeflow_core::execution::{ExecutionStatus, Fact};
use codeflow_engine::{Event, WorkerSettings};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::test_runner::{Config, TestCaseResult, TestRunner};
use proptest::{prop_assert, prop_assert_eq};
use serde_json::json;
use tokio::time::sleep;

use crate::script::{done, failed};
use crate::world::{View, World, workflow};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Condition {
    None,
    Yes,
    No,
    Broken,
}

#[derive(Clone, Debug)]
struct Plan {
    /// Which of the steps before it it needs.
    needs: u16,
    condition: Condition,
    fails: bool,
    always: bool,
    goes_on: bool,
}

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let condition = prop_oneof![
        4 => Just(Condition::None),
        2 => Just(Condition::Yes),
        1 => Just(Condition::No),
        1 => Just(Condition::Broken),
    ];
    let plan =
        (any::<u16>(), condition, 0..4, 0..4, 0..3).prop_map(|(needs, condition, fails, always, on)| Plan {
            needs,
            condition,
            fails: fails == 0,
            always: always == 0,
            goes_on: on == 0,
        });
    vec(plan, 1..10)
}

fn needs(plan: &Plan, index: usize) -> Vec<usize> {
    (0..index).filter(|need| plan.needs & (1 << need) != 0).collect()
}

fn document(plans: &[Plan]) -> String {
    let mut steps = String::new();
    for (index, plan) in plans.iter().enumerate() {
        let needs: Vec<_> = needs(plan, index).into_iter().map(|need| format!("s{need}")).collect();
        let condition = match plan.condition {
            Condition::None => "",
            Condition::Yes => ", if: 'inputs.n == 1'",
            Condition::No => ", if: 'inputs.n == 2'",
            Condition::Broken => ", if: 'inputs.o.gone == 2'",
        };
        let always = if plan.always { ", always: true" } else { "" };
        let on_error = if plan.goes_on { ", on_error: continue" } else { "" };
        let needs = needs.join(", ");
        steps += &format!("  s{index}: {{ uses: test/x, needs: [{needs}]{condition}{always}{on_error} }}\n");
    }
    let inputs = "inputs: { n: { type: integer, default: 1 }, o: { type: object, default: {} } }";
    workflow(&steps).replace("steps:", &format!("{inputs}\nsteps:"))
}

/// How each step ends, by the rules; and whether its end keeps others from running.
fn model(plans: &[Plan]) -> Vec<&'static str> {
    let mut ends: Vec<(&'static str, bool)> = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        let blocked = needs(plan, index).into_iter().any(|need| ends[need].1);
        let fails = match plan.condition {
            _ if blocked && !plan.always => None,
            Condition::No => None,
            Condition::Broken => Some(true),
            Condition::None | Condition::Yes => Some(plan.fails),
        };
        ends.push(match fails {
            None => ("skipped", blocked && !plan.always),
            Some(true) => ("failed", !plan.goes_on),
            Some(false) => ("succeeded", false),
        });
    }
    ends.into_iter().map(|(end, _)| end).collect()
}

/// Runs the plan; `pauses` are the times, in milliseconds, at which it is paused and resumed in turn.
async fn run(world: &World, plans: &[Plan], pauses: &[u64]) -> View {
    for (index, plan) in plans.iter().enumerate() {
        let (fails, takes) = (plan.fails, if pauses.is_empty() { 0 } else { 5 * (index as u64 % 4) });
        world.script.on(&format!("s{index}"), move |_, _| async move {
            sleep(Duration::from_millis(takes)).await;
            if fails { failed(ActionErrorKind::Failed) } else { done(json!({})) }
        });
    }
    let id = world.start(&document(plans)).await;
    let first = world.work();
    let second = world.work_as(&world.other_engine(), WorkerSettings::default());
    for (turn, pause) in pauses.iter().enumerate() {
        sleep(Duration::from_millis(*pause)).await;
        // It may have ended, or may not have heard of the turn before.
        let _ = match turn % 2 {
            0 => world.engine.pause(id, "ann", None).await,
            _ => world.engine.resume(id, "ann").await,
        };
    }
    if !pauses.is_empty() {
        // Whatever the last turn was.
        while !world.store_inbox_is_empty(id).await {
            sleep(Duration::from_millis(10)).await;
        }
        let _ = world.engine.resume(id, "ann").await;
    }
    let view = world.ended(id).await;
    first.stop().await;
    second.stop().await;
    view
}

/// Every step began after all of its needs were settled, and at most once.
fn check_order(world: &World, plans: &[Plan]) -> TestCaseResult {
    let mut began: HashMap<String, usize> = HashMap::new();
    let mut settled: HashMap<String, usize> = HashMap::new();
    for (at, event) in world.seen.events().into_iter().enumerate() {
        match event {
            Event::Began { path, .. } => prop_assert_eq!(began.insert(path.to_string(), at), None),
            Event::Settled { settled: one, .. } => {
                prop_assert_eq!(settled.insert(one.path.to_string(), at), None);
            }
            Event::Logged { .. }
            | Event::Waiting { .. }
            | Event::Called { .. }
            | Event::Ended { .. }
            | Event::Job { .. } => {}
        }
    }
    for (index, plan) in plans.iter().enumerate() {
        let Some(own) = began.get(&format!("s{index}")) else { continue };
        for need in needs(plan, index) {
            // What was decided at the start of the execution was never news.
            let before = settled.get(&format!("s{need}")).is_none_or(|end| end < own);
            prop_assert!(before, "s{index} began before s{need} was settled");
        }
    }
    Ok(())
}

fn check(plans: &[Plan], pauses: &[u64]) -> TestCaseResult {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let world = World::new();
        let view = run(&world, plans, pauses).await;

        let expected = model(plans);
        let names: Vec<_> = (0..plans.len()).map(|index| format!("s{index}")).collect();
        let ends: Vec<_> = names.iter().map(|name| view.is(name)).collect();
        prop_assert_eq!(&ends, &expected);
        let fails = plans.iter().zip(&expected).any(|(plan, end)| *end == "failed" && !plan.goes_on);
        let status = if fails { ExecutionStatus::Failed } else { ExecutionStatus::Succeeded };
        prop_assert_eq!(view.status(), status);
        prop_assert!(view.snapshot.tasks.is_empty());

        let mut recorded: BTreeMap<String, u32> = BTreeMap::new();
        for (_, fact) in &view.snapshot.facts {
            if let Fact::Settled(settled) = fact {
                *recorded.entry(settled.path.to_string()).or_default() += 1;
            }
        }
        prop_assert!(recorded.len() == plans.len() && recorded.values().all(|count| *count == 1));
        let ran = |(index, end): (usize, &&str)| {
            let broken = plans[index].condition == Condition::Broken;
            usize::from(*end != "skipped" && !broken)
        };
        prop_assert_eq!(world.script.made().len(), expected.iter().enumerate().map(ran).sum::<usize>());
        check_order(&world, plans)
    })
}

#[test]
fn random_workflows_end_as_the_rules_say_with_every_step_settled_once_and_in_order() {
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };

    TestRunner::new(config)
        .run(&plans(), |plans| check(&plans, &[]))
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn random_workflows_that_are_paused_now_and_then_end_just_the_same() {
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    let played = (plans(), vec(0..30_u64, 1..8));

    TestRunner::new(config)
        .run(&played, |(plans, pauses)| check(&plans, &pauses))
        .unwrap_or_else(|error| panic!("{error}"));
}
