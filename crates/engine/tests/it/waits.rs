//! Steps that wait: for a time, for a person, for a signal.

use std::time::Duration;

use codeflow_core::Clock;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Decider, Decision, ErrorKind, Event};
use serde_json::json;

use crate::world::{World, name, workflow};

#[tokio::test(start_paused = true)]
async fn a_sleep_ends_when_its_time_has_passed_and_not_before() {
    let world = World::new();
    let began = world.clock.now();

    let view = world.run(&workflow("  nap: { sleep: 1h30m }\n  b: { uses: test/x, needs: nap }")).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    let slept = world.script.made()[0].at.since(began);
    assert!((5_400..5_402).contains(&slept.as_secs()), "slept {slept:?}");
}

#[tokio::test(start_paused = true)]
async fn an_execution_waits_while_nothing_of_it_can_run() {
    let world = World::new();
    let id = world.start(&workflow("  a: { uses: test/x }\n  ok: { approval: {}, needs: a }")).await;
    let worker = world.work();

    let view = world.standing(id, ExecutionStatus::Waiting).await;

    assert_eq!((view.is("a"), view.is("ok")), ("succeeded", "open"));
    let told = |event: &Event| matches!(event, Event::Waiting { step, .. } if step.as_str() == "ok");
    assert!(world.seen.events().iter().any(told));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_is_given_lets_the_execution_go_on() {
    let world = World::new();
    let id = world.start(&workflow("  ok: { approval: {} }\n  b: { uses: test/x, needs: ok }")).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;

    world
        .engine
        .decide(
            id,
            &name("ok"),
            Decision { approved: true, by: Decider::operator("ann"), comment: Some("fine".to_owned()) },
        )
        .await
        .unwrap();
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(view.outputs("ok"), json!({ "approved": true, "by": "ann", "comment": "fine" }));
    assert_eq!(world.script.count("b"), 1);
    assert!(view.snapshot.tasks.is_empty(), "the expiry is dropped");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_is_refused_fails_its_step_and_says_who_refused() {
    let world = World::new();
    let id = world.start(&workflow("  ok: { approval: {} }\n  b: { uses: test/x, needs: ok }")).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;

    world
        .engine
        .decide(id, &name("ok"), Decision { approved: false, by: Decider::operator("ann"), comment: None })
        .await
        .unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "step.approval_refused"));
    assert_eq!(view.outputs("ok"), json!({ "approved": false, "by": "ann", "comment": null }));
    assert_eq!((view.is("b"), world.script.count("b")), ("skipped", 0));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn the_first_decision_stands() {
    let world = World::new();
    let id = world.start(&workflow("  ok: { approval: {} }")).await;
    world
        .engine
        .decide(id, &name("ok"), Decision { approved: true, by: Decider::operator("ann"), comment: None })
        .await
        .unwrap();
    world
        .engine
        .decide(id, &name("ok"), Decision { approved: false, by: Decider::operator("bob"), comment: None })
        .await
        .unwrap();

    let view = world.finish(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(view.outputs("ok")["by"], "ann");
}

#[tokio::test(start_paused = true)]
async fn a_decision_that_comes_early_waits_for_its_step() {
    let world = World::new();
    world.script.on("a", |_, _| async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        crate::script::done(json!({}))
    });
    let id = world.start(&workflow("  a: { uses: test/x }\n  ok: { approval: {}, needs: a }")).await;
    let worker = world.work();
    world.called("a", 1).await;

    world
        .engine
        .decide(id, &name("ok"), Decision { approved: true, by: Decider::operator("ann"), comment: None })
        .await
        .unwrap();
    let view = world.ended(id).await;

    assert_eq!((view.status(), view.outputs("ok")["by"].clone()), (ExecutionStatus::Succeeded, json!("ann")));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_approval_that_nobody_gives_expires() {
    let world = World::new();

    let view = world.run(&workflow("  ok: { approval: { expires: 20m } }")).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "step.approval_expired"));
    assert_eq!(view.is("ok"), "timed_out");
}

#[tokio::test(start_paused = true)]
async fn only_an_approval_can_be_decided_about() {
    let world = World::new();
    let id = world.start(&workflow("  a: { uses: test/x }")).await;

    for step in ["a", "nothing"] {
        let error = world
            .engine
            .decide(id, &name(step), Decision { approved: true, by: Decider::operator("ann"), comment: None })
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_no_step_waits_for_is_refused_and_says_what_is_waited_for() {
    let world = World::new();
    let steps = "  w: { wait: { event: go } }\n  v: { wait: { event: stop } }";
    let id = world.start(&workflow(steps)).await;
    let worker = world.work();

    let unknown = world.engine.signal(id, "og", json!(1)).await.unwrap_err();
    world.engine.signal(id, "go", json!(1)).await.unwrap();
    world.until(id, |view| view.find("w").is_some()).await;
    let late = world.engine.signal(id, "go", json!(2)).await.unwrap_err();

    assert_eq!((unknown.kind(), late.kind()), (ErrorKind::NotFound, ErrorKind::Conflict));
    assert!(unknown.to_string().ends_with("no signal `og`; it waits for: `go`, `stop`"), "{unknown}");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn only_somebody_with_one_of_the_roles_decides_and_an_admin_may_always() {
    let decider = |roles: &[&str]| Decider {
        name: "eve".to_owned(),
        roles: roles.iter().map(|role| (*role).to_owned()).collect(),
    };
    for (roles, given, may) in [
        ("[ops, lead]", &["dev", "lead"][..], true),
        ("[ops, lead]", &["dev"][..], false),
        ("[ops, lead]", &[][..], false),
        ("[ops, lead]", &["admin"][..], true),
        ("[]", &[][..], true),
    ] {
        let world = World::new();
        let id = world.start(&workflow(&format!("  ok: {{ approval: {{ roles: {roles} }} }}"))).await;

        let decision = Decision { approved: true, by: decider(given), comment: None };
        let decided = world.engine.decide(id, &name("ok"), decision).await;

        assert_eq!(decided.is_ok(), may, "{roles} {given:?}");
        if let Err(error) = decided {
            assert_eq!(error.kind(), ErrorKind::Forbidden);
            assert!(error.to_string().contains("`ops`, `lead`"), "{error}");
            assert!(world.store_inbox_is_empty(id).await, "nothing is left that could be journalled");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_signal_ends_the_wait_for_it_and_others_do_not() {
    let world = World::new();
    let steps =
        "  w: { wait: { event: merged, timeout: 1h } }\n  other: { wait: { event: closed }, needs: w }";
    let id = world.start(&workflow(steps)).await;
    let worker = world.work();
    world.standing(id, ExecutionStatus::Waiting).await;

    world.engine.signal(id, "closed", json!(1)).await.unwrap();
    world.engine.signal(id, "merged", json!({ "sha": "abc" })).await.unwrap();
    let view = world.ended(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(view.outputs("w"), json!({ "payload": { "sha": "abc" } }));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_signal_that_comes_before_its_step_waits_for_it() {
    let world = World::new();
    let id = world.start(&workflow("  nap: { sleep: 10s }\n  w: { wait: { event: go }, needs: nap }")).await;
    world.engine.signal(id, "go", json!("early")).await.unwrap();

    let view = world.finish(id).await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!(view.outputs("w"), json!({ "payload": "early" }));
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_a_signal_expires_and_may_be_passed_over() {
    let world = World::new();

    let view = world
        .run(&workflow(
            "
  w: { wait: { event: go, timeout: 1m }, on_error: continue }
  b: { uses: test/x, needs: w, with: { why: '${{ steps.w.error.code }}' } }",
        ))
        .await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!((view.is("w"), view.outputs("b")), ("timed_out", json!({ "why": "step.wait_expired" })));
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_has_ended_takes_no_signal_and_no_decision() {
    let world = World::new();
    let view = world.run(&workflow("  a: { sleep: 1s }")).await;
    let id = view.snapshot.record.id;

    let signal = world.engine.signal(id, "go", json!(null)).await.unwrap_err();
    let decision = world
        .engine
        .decide(id, &name("a"), Decision { approved: true, by: Decider::operator("ann"), comment: None })
        .await
        .unwrap_err();

    assert_eq!((signal.kind(), decision.kind()), (ErrorKind::Conflict, ErrorKind::Conflict));
}
