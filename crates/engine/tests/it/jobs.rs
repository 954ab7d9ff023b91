//! Jobs: calls of an action that belong to no workflow.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use codeflow_core::{ActionErrorKind, Clock, JobId, RetryPolicy};
use codeflow_engine::{Enqueued, ErrorKind, Event, JobEnd, JobRequest, MAX_DEATHS, WorkerSettings};
use serde_json::{Map, json};

use crate::script::{done, failed};
use crate::world::World;

fn request() -> JobRequest {
    JobRequest::new("test/x".parse().unwrap(), Map::new())
}

/// Puts one job in.
async fn enqueue(world: &World, request: JobRequest) -> JobId {
    let put = world.engine.enqueue(vec![request]).await.unwrap();
    assert_eq!(put[0].1, Enqueued::Created);
    put[0].0
}

/// How the attempts of a job ended, as far as this process told.
fn ends(world: &World, id: JobId) -> Vec<(u32, JobEnd)> {
    let of = |event| match event {
        Event::Job { job, attempt, end } if job == id => Some((attempt, end)),
        _ => None,
    };
    world.seen.events().into_iter().filter_map(of).collect()
}

/// Waits until so many attempts of a job have ended.
async fn ended(world: &World, id: JobId, attempts: usize) -> Vec<(u32, JobEnd)> {
    while ends(world, id).len() < attempts {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    ends(world, id)
}

#[tokio::test(start_paused = true)]
async fn a_job_gets_its_inputs_and_is_done_once() {
    let world = World::new();
    world.script.on("job", |call, _| async move {
        assert_eq!(call.inputs["n"], json!(7));
        done(json!({}))
    });
    let inputs = json!({ "n": 7 }).as_object().unwrap().clone();
    let worker = world.work();

    let id = enqueue(&world, JobRequest { inputs, ..request() }).await;

    assert_eq!(ended(&world, id, 1).await, [(1, JobEnd::Done)]);
    worker.stop().await;
    assert_eq!(world.script.count("job"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fails_is_tried_again_as_its_policy_says() {
    let world = World::new();
    let tries = AtomicU32::new(0);
    world.script.on("job", move |_, _| {
        let first = tries.fetch_add(1, Ordering::SeqCst) < 2;
        std::future::ready(if first { failed(ActionErrorKind::Unavailable) } else { done(json!({})) })
    });
    let retry = RetryPolicy { attempts: 3, ..RetryPolicy::default() };
    let worker = world.work();

    let id = enqueue(&world, JobRequest { retry, ..request() }).await;

    let all = ended(&world, id, 3).await;
    assert_eq!(all, [(1, JobEnd::Again), (2, JobEnd::Again), (3, JobEnd::Done)]);
    let made = world.script.made();
    assert!(made[1].at.since(made[0].at) >= Duration::from_secs(2), "{made:?}");
    assert!(made[2].at.since(made[1].at) >= Duration::from_secs(4), "{made:?}");
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_given_up_is_a_dead_letter_until_somebody_decides() {
    let world = World::new();
    world.script.fails("job", ActionErrorKind::Failed);
    let worker = world.work();
    let (kept, gone) = (enqueue(&world, request()).await, enqueue(&world, request()).await);
    assert_eq!(ended(&world, kept, 1).await, [(1, JobEnd::Dead)]);
    ended(&world, gone, 1).await;
    let letters = world.engine.quarantined(None, 10).await.unwrap();
    let task = |id: JobId| letters.iter().find(|letter| letter.execution.uuid() == id.uuid()).unwrap().id;
    world.script.mend("job");

    world.engine.release(task(kept)).await.unwrap();
    world.engine.discard(task(gone)).await.unwrap();

    assert_eq!(ended(&world, kept, 2).await[1], (1, JobEnd::Done));
    assert!(letters[0].reason.as_ref().unwrap().contains("action.failed"));
    assert!(world.engine.quarantined(None, 10).await.unwrap().is_empty());
    worker.stop().await;
    assert_eq!(world.script.count("job"), 3, "the discarded one is never tried again");
}

#[tokio::test(start_paused = true)]
async fn a_job_with_a_known_key_is_not_put_in_again() {
    let world = World::new();
    let keyed = || JobRequest { key: Some("invoice 7".to_owned()), ..request() };
    let worker = world.work();
    let first = enqueue(&world, keyed()).await;
    ended(&world, first, 1).await;

    let again = world.engine.enqueue(vec![keyed(), request()]).await.unwrap();

    assert_eq!(again[0], (first, Enqueued::Existing(first)));
    ended(&world, again[1].0, 1).await;
    worker.stop().await;
    assert_eq!(world.script.count("job"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_dies_leaves_its_jobs_to_the_next() {
    let world = World::new();
    world.script.hangs("job");
    let id = enqueue(&world, request()).await;
    let worker = world.work();
    world.called("job", 1).await;
    worker.kill().await;
    world.script.mend("job");

    let next = world.work();

    assert_eq!(ended(&world, id, 1).await, [(1, JobEnd::Done)]);
    next.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_workers_die_of_is_quarantined() {
    let world = World::new();
    let clock = world.clock.clone();
    world.script.on("job", move |_, _| {
        clock.advance(Duration::from_secs(16));
        std::future::pending()
    });
    let id = enqueue(&world, request()).await;
    let worker = world.work();

    let letter = loop {
        if let Some(letter) = world.engine.quarantined(None, 1).await.unwrap().pop() {
            break letter;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    };

    assert_eq!((letter.execution.uuid(), letter.deaths, letter.reason), (id.uuid(), MAX_DEATHS, None));
    worker.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_ends_a_job_all_the_same() {
    let world = World::new();
    world.script.fails("job", ActionErrorKind::Timeout);
    world.store.lose_answers(1);
    let retry = RetryPolicy { attempts: 2, ..RetryPolicy::default() };
    let worker = world.work();

    let id = enqueue(&world, JobRequest { retry, ..request() }).await;

    assert_eq!(ended(&world, id, 2).await, [(1, JobEnd::Again), (2, JobEnd::Dead)]);
    worker.stop().await;
    assert_eq!(world.script.count("job"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_a_job_is_refused_and_nothing_is_put_in() {
    let world = World::new();
    let unknown = JobRequest::new("test/unknown".parse().unwrap(), Map::new());
    let large = JobRequest {
        inputs: json!({ "text": "x".repeat(70_000) }).as_object().unwrap().clone(),
        ..request()
    };
    let slow = JobRequest { timeout: Duration::from_secs(25 * 3600), ..request() };
    let named = JobRequest { key: Some("k".repeat(256)), ..request() };
    let many = vec![request(); 10_001];

    for wrong in [vec![request(), unknown], vec![large], vec![slow], vec![named], many] {
        let refused = world.engine.enqueue(wrong).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput, "{refused}");
    }

    let worker = world.work();
    let last = enqueue(&world, request()).await;
    ended(&world, last, 1).await;
    worker.stop().await;
    assert_eq!(world.script.count("job"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_was_claimed_ahead_and_waits_behind_slow_jobs_goes_to_another_worker() {
    let world = World::new();
    world.script.on("job", |call, _| async move {
        // Fast at first, so that many are claimed ahead; then two that block every slot.
        if call.inputs.contains_key("slow") {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        done(json!({}))
    });
    let slow = || JobRequest { inputs: json!({ "slow": true }).as_object().unwrap().clone(), ..request() };
    let mut requests = vec![request(); 400];
    requests.extend([slow(), slow()]);
    requests.extend(vec![request(); 400]);
    let all = world.engine.enqueue(requests).await.unwrap();
    let settings = WorkerSettings { concurrency: 2, ..WorkerSettings::default() };
    let (first, other) = (world.engine.clone(), world.other_engine());

    let one = world.work_as(&first, settings.clone());
    while world.script.count("job") < 402 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let two = world.work_as(&other, settings);

    let began = world.clock.now();
    let last = all.last().unwrap().0;
    ended(&world, last, 1).await;
    assert!(world.clock.now().since(began) < Duration::from_secs(60), "nobody waits for the slow ones");
    assert_eq!(world.script.count("job"), 802, "each is done once");
    one.stop().await;
    two.stop().await;
}

/// The queue has it again, and gives it to the worker that believes to hold it still.
#[tokio::test(start_paused = true)]
async fn what_was_given_back_without_an_answer_is_done_once() {
    let world = World::new();
    world.script.on("job", |call, _| async move {
        let seconds = call.inputs.get("seconds").and_then(serde_json::Value::as_f64).unwrap_or_default();
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        done(json!({}))
    });
    let lasting = |seconds: f64| JobRequest {
        inputs: json!({ "seconds": seconds }).as_object().unwrap().clone(),
        ..request()
    };
    // Fast at first, so that many are claimed ahead; then one waits behind four that block every slot.
    let mut requests = vec![request(); 400];
    requests.extend([2.5, 2.5, 2.5, 2.5, 10.0].map(lasting));
    let all = world.engine.enqueue(requests).await.unwrap();
    world.store.lose_returns(2);

    let worker = world.work_as(&world.engine, WorkerSettings { concurrency: 4, ..WorkerSettings::default() });

    ended(&world, all.last().unwrap().0, 1).await;
    worker.stop().await;
    assert_eq!(world.script.count("job"), 405, "each is done once");
}
