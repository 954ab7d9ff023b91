//! Replays of journals. That an unchanged one leads to the same end is checked wherever a test waits for an end.

use std::collections::BTreeSet;

use codeflow_core::execution::{ExecutionStatus, StepStatus};
use codeflow_core::{ActionErrorKind, NoActions};
use codeflow_engine::{Anew, Answered, Decider, Decision, ErrorKind, Replay, ReplayRequest, ReplayedStep};
use serde_json::{Value, json};

use crate::script::{done, failed};
use crate::world::{World, name, workflow};

const GATE: &str = "
  scan: { uses: test/x }
  gate: { needs: [scan], if: 'steps.scan.outputs.score >= 30', uses: test/x, with: { score: '${{ steps.scan.outputs.score }}' } }
  tell: { needs: [gate], always: true, uses: test/x }";

fn step<'r>(replay: &'r Replay, wanted: &str) -> &'r ReplayedStep {
    replay.steps.iter().find(|step| step.name == name(wanted)).expect("there is such a step")
}

/// The places where a step differs, with what is there.
fn changes(replay: &Replay, wanted: &str) -> Vec<(String, Option<Value>, Option<Value>)> {
    let changes = step(replay, wanted).changes.iter();
    changes.map(|one| (one.path.clone(), one.recorded.clone(), one.replayed.clone())).collect()
}

fn answered(replay: &Replay, wanted: &str) -> Vec<Answered> {
    step(replay, wanted).answered.iter().copied().collect()
}

#[tokio::test(start_paused = true)]
async fn a_replay_runs_no_action_and_writes_nothing() {
    let world = World::new();
    world.script.gives("scan", json!({ "score": 40 }));
    let view = world.run(&workflow(GATE)).await;
    let id = view.snapshot.record.id;
    let made = world.script.made().len();

    let replay = world.replay(id, None, Anew::default()).await;

    assert!(replay.is_equal(), "{replay:#?}");
    assert_eq!(world.script.made().len(), made);
    assert_eq!(world.view(id).await.snapshot, view.snapshot);
    assert_eq!(answered(&replay, "scan"), [Answered::Journal]);
    assert_eq!(replay.recorded, replay.replayed);
}

#[tokio::test(start_paused = true)]
async fn a_condition_of_another_version_is_decided_anew_on_recorded_results() {
    let world = World::new();
    world.script.gives("scan", json!({ "score": 40 }));
    let id = world.run(&workflow(GATE)).await.snapshot.record.id;

    let replay = world.replay(id, Some(&workflow(&GATE.replace(">= 30", ">= 50"))), Anew::default()).await;

    assert!(!replay.is_equal());
    assert_eq!(
        (step(&replay, "gate").recorded, step(&replay, "gate").replayed),
        (Some(StepStatus::Succeeded), Some(StepStatus::Skipped))
    );
    assert!(changes(&replay, "gate").contains(&(
        "status".to_owned(),
        Some(json!("succeeded")),
        Some(json!("skipped"))
    )));
    assert!(step(&replay, "scan").changes.is_empty() && step(&replay, "tell").changes.is_empty());
    assert_eq!(replay.replayed.status, ExecutionStatus::Succeeded);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_another_version_would_run_and_nobody_ran_is_missing() {
    let world = World::new();
    world.script.gives("scan", json!({ "score": 20 }));
    let id = world.run(&workflow(GATE)).await.snapshot.record.id;

    let replay = world.replay(id, Some(&workflow(&GATE.replace(">= 30", ">= 10"))), Anew::default()).await;

    assert_eq!(replay.missing().collect::<Vec<_>>(), [&name("gate")]);
    assert_eq!(answered(&replay, "gate"), [Answered::Missing]);
    assert!(!replay.is_equal() && !replay.replayed.status.is_final());
}

#[tokio::test(start_paused = true)]
async fn steps_that_are_new_or_gone_are_told() {
    let world = World::new();
    let id =
        world.run(&workflow("  one: { uses: test/x }\n  two: { uses: test/x }")).await.snapshot.record.id;
    let other = workflow("  one: { uses: test/x }\n  nap: { needs: [one], sleep: 1s }");

    let replay = world.replay(id, Some(&other), Anew::default()).await;

    let names: Vec<_> = replay.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["one", "nap", "two"]);
    assert_eq!(step(&replay, "two").replayed, None);
    assert_eq!(replay.missing().collect::<Vec<_>>(), [&name("nap")]);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_was_given_for_other_inputs_says_so() {
    let world = World::new();
    world.script.gives("scan", json!({ "score": 40 }));
    let id = world.run(&workflow(GATE)).await.snapshot.record.id;
    let other = GATE.replace("score: '${{ steps.scan.outputs.score }}'", "score: 7");

    let replay = world.replay(id, Some(&workflow(&other)), Anew::default()).await;

    assert_eq!(answered(&replay, "gate"), [Answered::OtherInputs]);
    assert_eq!(answered(&replay, "scan"), [Answered::Journal]);
}

#[tokio::test(start_paused = true)]
async fn from_a_step_on_actions_run_again_and_the_rest_comes_from_the_journal() {
    let world = World::new();
    world.script.gives("scan", json!({ "score": 40 }));
    let id = world.run(&workflow(GATE)).await.snapshot.record.id;
    world.script.gives("scan", json!({ "score": 99 }));
    world.script.gives("gate", json!({ "score": 41, "more": true }));

    let replay = world.replay(id, None, Anew { from: Some(name("gate")), route: None }).await;

    assert_eq!(
        (world.script.count("scan"), world.script.count("gate"), world.script.count("tell")),
        (1, 2, 2)
    );
    assert_eq!(
        changes(&replay, "gate"),
        [
            ("outputs.score".to_owned(), Some(json!(40)), Some(json!(41))),
            ("outputs.more".to_owned(), None, Some(json!(true))),
        ]
    );
    assert_eq!(
        (answered(&replay, "scan"), answered(&replay, "tell")),
        (vec![Answered::Journal], vec![Answered::Anew])
    );
}

#[tokio::test(start_paused = true)]
async fn what_runs_again_is_tried_again_as_its_policy_says() {
    let world = World::new();
    let flaky = "  one: { uses: test/x, retry: { attempts: 3, initial: 10s, on: [unavailable] } }";
    let id = world.run(&workflow(flaky)).await.snapshot.record.id;
    let before = world.script.made().len();
    world.script.on("one", |call, _| {
        std::future::ready(if call.attempt < 3 {
            failed(ActionErrorKind::Unavailable)
        } else {
            done(json!({}))
        })
    });

    let replay = world.replay(id, None, Anew { from: Some(name("one")), route: None }).await;

    assert_eq!(world.script.made().len() - before, 3);
    assert!(replay.is_equal(), "{replay:#?}");
}

#[tokio::test(start_paused = true)]
async fn another_result_changes_which_items_a_step_repeats_over() {
    let world = World::new();
    let steps = "
  list: { uses: test/x }
  each: { needs: [list], for_each: '${{ steps.list.outputs.all }}', uses: test/x, with: { it: '${{ item }}' } }";
    world.script.gives("list", json!({ "all": [1, 2] }));
    let id = world.run(&workflow(steps)).await.snapshot.record.id;
    world.script.gives("list", json!({ "all": [1, 5, 6] }));

    let replay = world.replay(id, None, Anew { from: Some(name("list")), route: None }).await;

    let each = step(&replay, "each").replayed_outputs.clone();
    assert_eq!(each.as_deref().unwrap()["items"], json!([{ "it": 1 }, { "it": 5 }, { "it": 6 }]));
    assert!(changes(&replay, "each").contains(&("items[1]".to_owned(), Some(json!(2)), Some(json!(5)))));
}

#[tokio::test(start_paused = true)]
async fn decisions_and_signals_of_the_journal_meet_another_version() {
    let world = World::new();
    let steps = "
  ask: { approval: { roles: [lead], expires: 1h } }
  told: { needs: [ask], wait: { event: told, timeout: 1h } }";
    let id = world.start(&workflow(steps)).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;
    let decision = Decision { approved: true, by: Decider::operator("ann"), comment: None };
    world.engine.decide(id, &name("ask"), decision).await.unwrap();
    world.until(id, |view| view.find("ask").is_some()).await;
    world.engine.signal(id, "told", json!(1)).await.unwrap();
    world.ended(id).await;
    worker.stop().await;
    let turned = "
  told: { wait: { event: told, timeout: 1h } }
  ask: { needs: [told], approval: { roles: [lead], expires: 1h } }";

    let replay = world.replay(id, Some(&workflow(turned)), Anew::default()).await;

    assert!(replay.is_equal(), "{replay:#?}");
}

#[tokio::test(start_paused = true)]
async fn how_steps_stood_before_a_restart_is_compared_too() {
    let world = World::new();
    let steps = "  one: { uses: test/x }\n  two: { needs: [one], if: 'true', uses: test/x }";
    world.script.fails("one", ActionErrorKind::Failed);
    let id = world.run(&workflow(steps)).await.snapshot.record.id;
    world.script.mend("one");
    world.engine.restart(id, None, "ann").await.unwrap();
    let worker = world.work();
    world.until(id, |view| view.status().is_final() && view.snapshot.record.generation == 1).await;
    worker.stop().await;
    let always = steps.replace("if: 'true'", "if: 'steps.one.status == \"succeeded\"', always: true");

    let replay = world.replay(id, Some(&workflow(&always)), Anew::default()).await;

    assert_eq!(replay.replayed, replay.recorded);
    let (generation, changes) = &replay.earlier[0];
    assert_eq!((*generation, replay.earlier.len()), (0, 1));
    let codes = [Some(json!("step.blocked")), Some(json!("step.condition"))];
    assert!(
        changes
            .iter()
            .any(|one| one.path == "two.error.code" && [one.recorded.clone(), one.replayed.clone()] == codes)
    );
}

#[tokio::test(start_paused = true)]
async fn an_execution_under_way_is_replayed_as_far_as_it_came() {
    let world = World::new();
    world.script.hangs("two");
    let id = world.start(&workflow("  one: { uses: test/x }\n  two: { needs: [one], uses: test/x }")).await;
    let worker = world.work();
    world.called("two", 1).await;

    let replay = world.replay(id, None, Anew::default()).await;

    worker.kill().await;
    assert!(replay.is_equal(), "{replay:#?}");
    assert_eq!(
        (step(&replay, "one").replayed, step(&replay, "two").replayed),
        (Some(StepStatus::Succeeded), None)
    );
    assert_eq!(step(&replay, "two").answered, BTreeSet::new());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_replayed_is_refused() {
    let world = World::new();
    let id = world.run(&workflow("  one: { uses: test/x }")).await.snapshot.record.id;
    let other = codeflow_core::workflow::parse(
        &workflow("  one: { uses: test/x }").replace("name: test", "name: other"),
        &NoActions,
    );
    let replay = |workflow, anew| world.engine.replay(ReplayRequest { id, workflow, anew });

    let foreign = replay(Some(other.unwrap().into()), Anew::default()).await.unwrap_err();
    let unknown = replay(None, Anew { from: Some(name("two")), route: None }).await.unwrap_err();

    assert_eq!(foreign.kind(), ErrorKind::InvalidInput);
    assert_eq!(
        (unknown.kind(), unknown.to_string()),
        (ErrorKind::NotFound, "workflow `test` has no step `two`".to_owned())
    );
}
