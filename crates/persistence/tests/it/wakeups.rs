//! Wake-ups over a real PostgreSQL: how fast, how many, and what becomes of them when the line breaks.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::{Duration, Instant};

use codeflow_engine::{Hearing, WakeupSettings, Wakeups, Wire};
use codeflow_persistence::{Database, DatabaseSettings, PostgresWire};
use codeflow_runtime::{SystemIds, Tasks};
use codeflow_testkit::{Proxy, TestDb};
use tokio::time::{sleep, timeout};

use crate::sql::Sql;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

const LISTENERS: &str =
    "FROM pg_stat_activity WHERE application_name = 'codeflow wakeups' AND datname = current_database()";

fn lane() -> Vec<String> {
    vec!["default".to_owned()]
}

fn over(url: &str, settings: WakeupSettings, tasks: &Tasks) -> Wakeups {
    let wire = PostgresWire::new(&DatabaseSettings::new(url));
    Wakeups::over(Arc::new(wire), settings, &SystemIds, tasks)
}

fn quick() -> WakeupSettings {
    let ms = Duration::from_millis;
    WakeupSettings { probe: ms(100), patience: ms(500), pause: ms(20), longest_pause: ms(100) }
}

async fn heard(url: &str, settings: WakeupSettings, tasks: &Tasks) -> Wakeups {
    let wakeups = over(url, settings, tasks);
    becomes(&wakeups, Hearing::Listening).await;
    wakeups
}

async fn becomes(wakeups: &Wakeups, hearing: Hearing) {
    let waited = timeout(PATIENCE, wakeups.becomes(hearing)).await;
    assert!(waited.is_ok(), "it never is {}", hearing.name());
}

/// The same database behind a relay.
fn behind_proxy(url: &str) -> (Proxy, String) {
    let host = url.split_once('@').unwrap().1.split('/').next().unwrap();
    let server: SocketAddr = host.to_socket_addrs().unwrap().next().unwrap();
    let proxy = Proxy::to(server);
    let url = url.replace(host, &proxy.address().to_string());
    (proxy, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_reaches_another_process_within_a_tenth_of_a_second() {
    let (test_db, tasks) = (TestDb::postgres().await, Tasks::new());
    let here = heard(test_db.url(), WakeupSettings::default(), &tasks).await;
    let there = heard(test_db.url(), WakeupSettings::default(), &tasks).await;
    let mut listener = there.listen(&lane());

    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        here.ring("default");
        timeout(PATIENCE, listener.rung()).await.unwrap();
        slowest = slowest.max(began.elapsed());
    }

    assert!(slowest < Duration::from_millis(100), "{slowest:?}");
    tasks.shut_down(PATIENCE).await;
    test_db.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rings_go_over_the_pool_and_without_it_over_the_line() {
    const OVER_THE_POOL: &str = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'codeflow' \
        AND datname = current_database() AND query LIKE '%pg_notify%'";
    let test_db = TestDb::postgres().await;
    let mut sql = Sql::connect(&test_db).await;
    let database = Database::open(&test_db.settings()).await.unwrap();
    let wire = PostgresWire::new(&test_db.settings()).sending_over(&database);
    let (mut here, mut there) = (wire.connect().await.unwrap(), wire.connect().await.unwrap());
    let pooled = sql.number(OVER_THE_POOL).await;

    here.send(&["one".to_owned()]).await.unwrap();
    assert_eq!(timeout(PATIENCE, there.receive()).await.unwrap().unwrap(), "one");
    assert_eq!((pooled, sql.number(OVER_THE_POOL).await), (0, 1));
    database.close();
    here.send(&["two".to_owned()]).await.unwrap();

    assert_eq!(timeout(PATIENCE, there.receive()).await.unwrap().unwrap(), "two");
    drop((here, there));
    test_db.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_rings_are_at_most_a_hundred_notifications_a_second() {
    let (test_db, tasks) = (TestDb::postgres().await, Tasks::new());
    let here = heard(test_db.url(), WakeupSettings::default(), &tasks).await;
    let mut line = PostgresWire::new(&test_db.settings()).connect().await.unwrap();

    let began = Instant::now();
    for _ in 0..1_000 {
        (0..10).for_each(|_| here.ring("default"));
        sleep(Duration::from_micros(500)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut arrived = 0;
    while let Ok(text) = timeout(Duration::from_millis(300), line.receive()).await {
        arrived += u32::from(text.unwrap().ends_with(" default"));
    }

    assert!(arrived >= 2, "the first and the last arrive");
    assert!(f64::from(arrived) <= seconds * 100.0 + 2.0, "{arrived} notifications in {seconds} s");
    assert_eq!(u64::from(arrived), here.sent());
    drop(line);
    tasks.shut_down(PATIENCE).await;
    test_db.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_the_server_ends_comes_back() {
    let (test_db, tasks) = (TestDb::postgres().await, Tasks::new());
    let here = heard(test_db.url(), quick(), &tasks).await;
    let there = heard(test_db.url(), quick(), &tasks).await;
    let mut listener = there.listen(&lane());

    let mut sql = Sql::connect(&test_db).await;
    sql.run(&format!("SELECT pg_terminate_backend(pid) {LISTENERS}")).await;
    becomes(&there, Hearing::Degraded).await;
    becomes(&there, Hearing::Listening).await;
    becomes(&here, Hearing::Listening).await;
    timeout(PATIENCE, listener.rung()).await.expect("what was missed is looked for");
    here.ring("default");

    timeout(PATIENCE, listener.rung()).await.expect("it hears again");
    tasks.shut_down(PATIENCE).await;
    test_db.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_behind_a_dead_network_is_found_by_its_probe() {
    let (test_db, tasks) = (TestDb::postgres().await, Tasks::new());
    let (proxy, url) = behind_proxy(test_db.url());
    let here = heard(test_db.url(), quick(), &tasks).await;
    let there = heard(&url, quick(), &tasks).await;
    let mut listener = there.listen(&lane());

    proxy.hold();
    becomes(&there, Hearing::Degraded).await;
    here.ring("default");
    assert!(timeout(Duration::from_millis(200), listener.rung()).await.is_err(), "nothing comes through");
    proxy.forward();

    becomes(&there, Hearing::Listening).await;
    timeout(PATIENCE, listener.rung()).await.expect("what was missed is looked for");
    assert!(proxy.accepted() >= 2, "it connected anew");
    tasks.shut_down(PATIENCE).await;
    test_db.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_has_one_connection_for_wakeups_and_leaves_none_behind() {
    let (test_db, tasks) = (TestDb::postgres().await, Tasks::new());
    let mut sql = Sql::connect(&test_db).await;
    let here = heard(test_db.url(), quick(), &tasks).await;
    (0..100).for_each(|_| here.ring("default"));

    let while_it_runs = sql.number(&format!("SELECT count(*) AS n {LISTENERS}")).await;
    tasks.shut_down(PATIENCE).await;
    let mut left = 1;
    for _ in 0..200 {
        left = sql.number(&format!("SELECT count(*) AS n {LISTENERS}")).await;
        if left == 0 {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }

    assert_eq!((while_it_runs, left), (1, 0));
    test_db.remove().await;
}
