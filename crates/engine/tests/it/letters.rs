//! Dead letters: they are shown without secrets, tried again, or given up; and the doctor's two looks.

use std::time::Duration;

use codeflow_core::execution::{ExecutionStatus, StepStatus};
use codeflow_core::{ActionErrorKind, ExecutionId, TaskId};
use codeflow_engine::{Checkup, Disorder, ErrorKind, Finding, JobRequest, LetterOwner, WorkerSettings};
use serde_json::json;

use crate::script::done;
use crate::world::{World, name, workflow};

/// Lets every worker die of a step until it is a dead letter.
async fn dead(world: &World, step: &str) -> TaskId {
    let settings = WorkerSettings { lease: Duration::from_secs(3), ..WorkerSettings::default() };
    loop {
        if let Some(letter) = world.engine.quarantined(None, 1).await.unwrap().pop() {
            return letter.id;
        }
        let before = world.script.count(step);
        let worker = world.work_as(&world.other_engine(), settings.clone());
        let died = async {
            loop {
                if world.script.count(step) > before
                    || !world.engine.quarantined(None, 1).await.unwrap().is_empty()
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        died.await;
        worker.kill().await;
    }
}

/// An execution that waits for its dead letter, which is then given up.
async fn abandoned(world: &World, document: &str, step: &str) -> crate::world::View {
    world.script.hangs(step);
    let id = world.start(&workflow(document)).await;
    let letter = dead(world, step).await;
    let shown = world.engine.dead_letter(letter).await.unwrap();
    assert_eq!((shown.task.execution, shown.task.id), (id, letter));
    let LetterOwner::Execution(Some(record)) = shown.owner else { panic!("it is of an execution") };
    assert_eq!(record.id, id);

    world.engine.drop_dead_letter(letter, "ann").await.unwrap();
    let view = world.finish(id).await;

    assert!(world.engine.quarantined(None, 10).await.unwrap().is_empty());
    view
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_given_up_fails_its_execution() {
    let world = World::new();

    let view =
        abandoned(&world, "  bad: { uses: test/x }\n  next: { uses: test/x, needs: bad }", "bad").await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "step.abandoned"));
    assert_eq!((view.is("bad"), view.is("next")), ("failed", "skipped"));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_is_given_up_is_passed_over_if_its_document_says_so() {
    let world = World::new();
    let document = "  bad: { uses: test/x, on_error: continue }\n  next: { uses: test/x, needs: bad }";

    let view = abandoned(&world, document, "bad").await;

    assert_eq!(view.status(), ExecutionStatus::Succeeded);
    assert_eq!((view.is("bad"), view.is("next")), ("failed", "succeeded"));
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_step_that_is_given_up_is_undone() {
    let world = World::new();
    let document =
        "  good: { uses: test/x, compensate: { uses: test/undo } }\n  bad: { uses: test/x, needs: good }";

    let view = abandoned(&world, document, "bad").await;

    assert_eq!(view.status(), ExecutionStatus::Failed);
    assert_eq!(world.script.count("good"), 2, "it was done and undone");
    let undone = view.state.step(&name("good")).and_then(|step| step.compensated.clone());
    assert_eq!(undone.map(|undone| undone.status), Some(StepStatus::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn undoing_that_is_given_up_does_not_keep_the_others_from_being_undone() {
    let world = World::new();
    let document = "
  a: { uses: test/x, compensate: { uses: test/undo } }
  b: { uses: test/x, needs: a, compensate: { uses: test/undo } }
  bad: { uses: test/x, needs: b }";
    world.script.fails("bad", ActionErrorKind::Denied);
    world.script.on("b", |call, stop| async move {
        if call.uses.as_str() == "test/undo" {
            stop.cancelled_owned().await;
            std::future::pending::<()>().await;
        }
        done(json!({}))
    });
    let id = world.start(&workflow(document)).await;
    let letter = dead(&world, "b").await;

    world.engine.drop_dead_letter(letter, "ann").await.unwrap();
    let view = world.finish(id).await;

    assert_eq!((view.status(), view.error()), (ExecutionStatus::Failed, "action.denied"));
    let undone = |step| view.state.step(&name(step)).and_then(|step| step.compensated.clone());
    let b = undone("b").expect("it is recorded");
    assert_eq!((b.status, b.error.unwrap().code.as_str()), (StepStatus::Failed, "step.abandoned"));
    assert_eq!(undone("a").map(|undone| undone.status), Some(StepStatus::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn a_dead_job_is_shown_without_secrets_and_dropped_for_good() {
    let world = World::new();
    let inputs = json!({
        "url": format!("https://ann:{}@host.example/", "hunter2"),
        "password": "hunter2",
        "headers": { "authorization": { "value": "hunter2" } },
        "lines": ["token=hunter2", "hello"],
        "count": 3,
    });
    world.script.fails("job", ActionErrorKind::Denied);
    let request = JobRequest::new("test/x".parse().unwrap(), inputs.as_object().unwrap().clone());
    world.engine.enqueue(vec![request]).await.unwrap();
    let worker = world.work();
    let id = loop {
        if let Some(letter) = world.engine.quarantined(None, 1).await.unwrap().pop() {
            break letter.id;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    worker.stop().await;

    let shown = world.engine.dead_letter(id).await.unwrap();
    world.engine.drop_dead_letter(id, "ann").await.unwrap();

    let LetterOwner::Job { uses, inputs } = shown.owner else { panic!("it is a job") };
    assert_eq!(uses.map(|uses| uses.to_string()).as_deref(), Some("test/x"));
    let text = inputs.to_string();
    assert!(!text.contains("hunter2") && text.contains("hello") && text.contains("host.example"), "{text}");
    assert_eq!(inputs["count"], 3);
    assert_eq!(world.engine.dead_letter(id).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(world.engine.drop_dead_letter(id, "ann").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_only_once_does_not_count() {
    let world = World::new();
    let id = world.start(&workflow("  nap: { sleep: 1h }")).await;
    let alarm = |disorder| Finding { disorder, subject: "x".to_owned(), execution: Some(id), task: None };
    world.store.alarm(vec![alarm(Disorder::LostTask)]);

    let once = world.engine.examine(&Checkup::default()).await.unwrap();
    let stuck = ExecutionId::from_uuid(id.uuid());
    world.store.alarm(vec![alarm(Disorder::LostTask), alarm(Disorder::DoubledTask)]);
    world.store.alarm(vec![alarm(Disorder::DoubledTask)]);
    let twice = world.engine.examine(&Checkup::default()).await.unwrap();

    assert!(once.is_sound(), "{once:?}");
    assert_eq!(twice.counts().into_iter().collect::<Vec<_>>(), [(Disorder::DoubledTask, 1)]);
    assert_eq!(twice.of(Disorder::DoubledTask, 5).next().and_then(|found| found.execution), Some(stuck));
}

#[tokio::test(start_paused = true)]
async fn one_process_makes_the_rounds_until_it_is_gone() {
    let world = World::new();
    world.start(&workflow("  nap: { sleep: 1h }")).await;
    let (one, other) = (world.engine.monitor(), world.other_engine().monitor());

    one.round().await.unwrap();
    other.round().await.unwrap();
    let first = (one.health().counts(), other.health().counts());
    tokio::time::sleep(Duration::from_secs(600)).await;
    other.round().await.unwrap();
    one.round().await.unwrap();

    let counts = first.0.expect("it makes the rounds");
    assert!(counts.len() > 5 && counts.values().all(|count| *count == 0), "{counts:?}");
    assert_eq!(first.1, None);
    assert!(other.health().counts().is_some() && one.health().counts().is_none());
}
