//! Installations that share a Redis, and servers of one installation that count together over it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow::config::Environment;
use codeflow_core::Coded;
use codeflow_testkit::{RedisServer, TestDb};

use crate::served::Served;
use crate::wire::{KEY, Line, Told};

const TEAM: &str = "team-key-0123456789abcdef";

/// Limits of 20 calls a minute for each key, over this Redis. Metrics are no calls.
fn settings(redis: &RedisServer, more: &str) -> String {
    format!(
        "[worker]\nredis_url = \"{}\"\n{more}[limits]\nshared = true\n\
         [limits.requests.service]\nper_minute = 0\nmodel = 20\n[keys.team]\nsecret = \"{TEAM}\"\n",
        redis.url()
    )
}

async fn start(database: &Arc<TestDb>, settings: &str) -> Served {
    let environment = Environment::from([("CODEFLOW_MASTER_KEY", KEY)]);
    let served = Served::start_with(database, settings, environment).await.expect("it opens");
    let began = Instant::now();
    while served.metric("codeflow_request_limits_degraded").await > 0.0 {
        assert!(began.elapsed() < Duration::from_secs(20), "Redis is never found");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    served
}

async fn sqlite() -> Arc<TestDb> {
    Arc::new(TestDb::sqlite().await)
}

async fn models(to: SocketAddr, key: &str) -> Told {
    let mut line = Line::connect(to).await;
    let head = format!("GET /v1/models HTTP/1.1\r\nhost: g\r\nconnection: close\r\nx-api-key: {key}\r\n\r\n");
    line.send(head.as_bytes()).await;
    line.finish().await
}

/// How many of these many calls, by turns to each of the servers, are admitted; at least, and at most if what comes back
/// meanwhile is left out.
async fn admitted(servers: &[&Served], calls: usize) -> (u32, u32) {
    let (began, mut admitted) = (Instant::now(), 0_u32);
    for turn in 0..calls {
        let told = models(servers[turn % servers.len()].address, TEAM).await;
        assert!([200, 429].contains(&told.status), "{}", told.text());
        assert_ne!(told.header("ratelimit-policy"), "", "every answer tells the limit");
        admitted += u32::from(told.status == 200);
    }
    let back = u32::try_from(began.elapsed().as_secs() / 3 + 1).unwrap_or(u32::MAX);
    (admitted, admitted.saturating_sub(back))
}

/// Calls a server until so many calls were admitted. A slow machine may keep Redis from answering in time, and then the server
/// counts alone for a moment with a part of the limit; in the time that this may take, three calls come back.
async fn all_of(server: &Served, calls: u32) -> u32 {
    let (began, mut admitted) = (Instant::now(), 0);
    while admitted < calls && began.elapsed() < Duration::from_secs(9) {
        admitted += u32::from(models(server.address, TEAM).await.status == 200);
    }
    admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_of_an_installation_admit_calls_together_as_one_would() {
    let (redis, database) = (RedisServer::start(), Arc::new(TestDb::postgres().await));
    let settings = settings(&redis, "");
    let (one, other) = (start(&database, &settings).await, start(&database, &settings).await);

    let (most, least) = admitted(&[&one, &other], 60).await;

    // A sixteenth, which is one, may lie with the other process.
    assert!(most >= 19 && least <= 20, "{most} {least}");
    let refused = models(one.address, TEAM).await;
    assert_eq!((refused.status, refused.header("x-codeflow-error")), (429, "api.limited"));
    assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
    assert_ne!(refused.header("retry-after"), "");
    assert_eq!(models(other.address, KEY).await.status, 200, "each key is counted for itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn installations_over_one_redis_do_not_see_each_other() {
    let redis = RedisServer::start();
    let settings = settings(&redis, "");
    let (one, other) = (start(&sqlite().await, &settings).await, start(&sqlite().await, &settings).await);

    let (first, second) = (all_of(&one, 20).await, all_of(&other, 20).await);

    assert_eq!((first, second), (20, 20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_of_the_settings_stands_for_the_installation() {
    let redis = RedisServer::start();
    let settings = settings(&redis, "redis_prefix = \"staging\"\n");
    let (one, other) = (start(&sqlite().await, &settings).await, start(&sqlite().await, &settings).await);

    let (most, least) = admitted(&[&one, &other], 60).await;

    assert!(most >= 19 && least <= 20, "{most} {least}");
}

#[tokio::test]
async fn an_address_of_redis_that_cannot_be_used_is_refused_without_its_password() {
    let password = ["hun", "ter2"].concat();
    for (more, code) in [("", "codeflow.gateway"), ("wakeups = \"redis\"\n", "codeflow.wakeups")] {
        let settings = format!(
            "[worker]\nredis_url = \"redis://user:{password}@localhost/codeflow\"\n{more}[limits]\nshared = true\n"
        );
        let opened = Served::start_with(&sqlite().await, &settings, Environment::default()).await;

        let error = opened.err().expect("that is no number of a database");
        assert_eq!(error.code(), code);
        assert!(!format!("{error:?}").contains(&password), "{error:?}");
    }
}
