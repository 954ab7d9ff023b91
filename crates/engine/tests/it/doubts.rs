//! Claims without an answer: they may have been granted, or may be granted later on.

use std::time::Duration;

use codeflow_core::JobId;
use codeflow_engine::{Engine, Event, JobRequest};
use serde_json::Map;
use tokio::time::{sleep, timeout};

use crate::world::World;

async fn enqueue(through: &Engine) -> JobId {
    let job = JobRequest::new("test/x".parse().unwrap(), Map::new());
    let put = through.enqueue(vec![job]).await.expect("storage answers");
    put[0].0
}

/// Waits until a job was done.
async fn done(world: &World, id: JobId) {
    let is_done =
        || world.seen.events().iter().any(|event| matches!(event, Event::Job { job, .. } if *job == id));
    let look = async {
        while !is_done() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(600), look).await.expect("the job is done");
}

#[tokio::test(start_paused = true)]
async fn what_a_claim_takes_long_after_its_worker_gave_it_up_is_run() {
    let world = World::new();
    let other = world.other_engine();
    world.store.hold_claim();
    let worker = world.work();
    let first = enqueue(&other).await;
    done(&world, first).await;
    // Storage has heard that nothing is left of what was claimed so far.
    sleep(Duration::from_secs(2)).await;

    let second = enqueue(&other).await;
    world.store.land_claim().await;

    done(&world, second).await;
    worker.stop().await;
    assert_eq!(world.script.count("job"), 2);
}

#[tokio::test(start_paused = true)]
async fn several_claims_without_an_answer_are_all_settled_even_if_asking_has_no_answer_at_first() {
    let world = World::new();
    let worker = world.work();
    sleep(Duration::from_millis(10)).await;
    world.store.lose_claims(4);

    let mut jobs = Vec::new();
    for _ in 0..3 {
        jobs.push(enqueue(&world.engine).await);
        sleep(Duration::from_millis(10)).await;
    }

    for job in jobs {
        done(&world, job).await;
    }
    worker.stop().await;
    assert_eq!(world.script.count("job"), 3);
}
