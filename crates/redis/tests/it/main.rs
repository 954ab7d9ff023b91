//! Wake-ups and limits over a real Redis, which is stopped and started as it happens to be in the field.

mod addresses;
mod limits;
mod server;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow_engine::{Hearing, WakeupSettings, Wakeups};
use codeflow_redis::RedisWire;
use codeflow_runtime::{SystemIds, Tasks};
use codeflow_testkit::Proxy;
use server::{RedisServer, at};
use tokio::time::timeout;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

fn lane() -> Vec<String> {
    vec!["default".to_owned()]
}

fn quick() -> WakeupSettings {
    let ms = Duration::from_millis;
    WakeupSettings { probe: ms(100), patience: ms(500), pause: ms(20), longest_pause: ms(100) }
}

fn over(url: String, tasks: &Tasks) -> Wakeups {
    of("it", &url, tasks)
}

fn of(installation: &str, url: &str, tasks: &Tasks) -> Wakeups {
    Wakeups::over(Arc::new(RedisWire::new(&at(url), installation)), quick(), &SystemIds, tasks)
}

async fn heard(url: String, tasks: &Tasks) -> Wakeups {
    let wakeups = over(url, tasks);
    becomes(&wakeups, Hearing::Listening).await;
    wakeups
}

async fn becomes(wakeups: &Wakeups, hearing: Hearing) {
    let waited = timeout(PATIENCE, wakeups.becomes(hearing)).await;
    assert!(waited.is_ok(), "it never is {}", hearing.name());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_reaches_another_process_within_a_tenth_of_a_second() {
    let (redis, tasks) = (RedisServer::start(), Tasks::new());
    let (here, there) = (heard(redis.url(), &tasks).await, heard(redis.url(), &tasks).await);
    let mut listener = there.listen(&lane());

    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        here.ring("default");
        timeout(PATIENCE, listener.rung()).await.expect("it is heard");
        slowest = slowest.max(began.elapsed());
    }

    assert!(slowest < Duration::from_millis(100), "{slowest:?}");
    tasks.shut_down(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_stopped_and_started_is_heard_again() {
    let (mut redis, tasks) = (RedisServer::start(), Tasks::new());
    let (here, there) = (heard(redis.url(), &tasks).await, heard(redis.url(), &tasks).await);
    let mut listener = there.listen(&lane());

    redis.stop();
    becomes(&there, Hearing::Degraded).await;
    here.ring("default");
    assert!(timeout(Duration::from_millis(200), listener.rung()).await.is_err(), "nobody carries it");
    redis.start_again();
    becomes(&there, Hearing::Listening).await;
    becomes(&here, Hearing::Listening).await;
    timeout(PATIENCE, listener.rung()).await.expect("what was missed is looked for");
    here.ring("default");

    timeout(PATIENCE, listener.rung()).await.expect("it hears again");
    tasks.shut_down(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_away_at_the_start_is_waited_for() {
    let (mut redis, tasks) = (RedisServer::start(), Tasks::new());
    redis.stop();

    let wakeups = over(redis.url(), &tasks);
    wakeups.ring("default");
    assert_eq!(wakeups.hearing(), Hearing::Degraded);
    redis.start_again();

    becomes(&wakeups, Hearing::Listening).await;
    tasks.shut_down(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_behind_a_dead_network_is_found_by_the_probe() {
    let (redis, tasks) = (RedisServer::start(), Tasks::new());
    let proxy = Proxy::to(redis.address());
    let wakeups = heard(format!("redis://{}/", proxy.address()), &tasks).await;

    proxy.hold();
    becomes(&wakeups, Hearing::Degraded).await;
    proxy.forward();

    becomes(&wakeups, Hearing::Listening).await;
    tasks.shut_down(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn installations_that_share_a_redis_do_not_wake_each_other() {
    let (redis, tasks) = (RedisServer::start(), Tasks::new());
    let here = heard(redis.url(), &tasks).await;
    let (there, stranger) = (heard(redis.url(), &tasks).await, of("other", &redis.url(), &tasks));
    becomes(&stranger, Hearing::Listening).await;
    let (mut listener, mut other) = (there.listen(&lane()), stranger.listen(&lane()));

    here.ring("default");
    timeout(PATIENCE, listener.rung()).await.expect("it is heard");

    assert!(timeout(Duration::from_millis(200), other.rung()).await.is_err(), "that was for somebody else");
    let channels: Vec<String> = redis.command(&["PUBSUB", "CHANNELS"]);
    assert_eq!(
        BTreeSet::from_iter(channels),
        ["codeflow:it:wakeups", "codeflow:other:wakeups"].map(str::to_owned).into()
    );
    tasks.shut_down(PATIENCE).await;
}
