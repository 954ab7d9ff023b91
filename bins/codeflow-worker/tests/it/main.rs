//! Workers as processes: what they share, how they end, what becomes of the work of those that die.

mod fleet;
mod program;

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, Instant};

use codeflow::core::execution::ExecutionStatus;
use codeflow_testkit::Proxy;
use codeflow_testkit::providers::{Behaviour, Manner, Misbehaviour, Moment, ProviderServer, Reply};
use fleet::{FAN_OUT, Fleet, ONE};
use program::worker;
use rustix::process::Signal;

async fn provider() -> ProviderServer {
    ProviderServer::start().await.expect("a port is free")
}

async fn slow(pause: Duration) -> ProviderServer {
    let provider = provider().await;
    let trouble = Some(Misbehaviour::Slow(pause));
    provider.always(Behaviour { reply: Reply::words(1), trouble });
    provider
}

/// A provider that never answers.
async fn silent() -> ProviderServer {
    let provider = provider().await;
    provider.always(Misbehaviour::Stops { at: Moment::BeforeHead, how: Manner::Hangs });
    provider
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_what_is_due() {
    let (fleet, pause) = (Fleet::new().await, Duration::from_millis(300));
    let (asked_by_one, asked_by_other) = (slow(pause).await, slow(pause).await);
    let one = fleet.worker(&asked_by_one, &[("concurrency", "2")]);
    let other = fleet.worker(&asked_by_other, &[("concurrency", "2")]);

    let mut ids = Vec::new();
    for _ in 0..8 {
        ids.push(fleet.start(ONE).await);
    }
    for id in ids {
        assert_eq!(fleet.ended(id).await.0.status, ExecutionStatus::Succeeded);
    }

    let (one_did, other_did) = (asked_by_one.counters().requests, asked_by_other.counters().requests);
    assert!(one_did > 0 && other_did > 0, "{one_did} and {other_did}");
    assert_eq!(one_did + other_did, 8, "each step was run once");
    assert_ne!(one.session, other.session);
    drop((one, other));
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_worker_has_no_room_for_wakes_another() {
    let (fleet, pause) = (Fleet::new().await, Duration::from_millis(500));
    let (asked_by_idle, asked_by_busy) = (slow(pause).await, slow(pause).await);
    // Neither would look at the queue by itself in time.
    let settings = [("concurrency", "1"), ("poll", "1m")];
    let idle = fleet.worker(&asked_by_idle, &settings);
    while !idle.wait_for_ready(200).contains("listening") {}
    let id = fleet.start(FAN_OUT).await;

    let busy = fleet.worker(&asked_by_busy, &settings);
    let (record, took) = fleet.ended(id).await;

    assert_eq!(record.status, ExecutionStatus::Succeeded);
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert_eq!((asked_by_idle.counters().requests, asked_by_busy.counters().requests), (1, 2));
    drop((idle, busy));
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_by_another_process_reaches_a_running_step_within_a_second() {
    let (fleet, hanging) = (Fleet::new().await, silent().await);
    let id = fleet.start(ONE).await;
    // By itself it would look at the queue after a minute, and hear of the cancel with its heartbeat, even later.
    let busy = fleet.worker(&hanging, &[("lease", "5m"), ("poll", "1m")]);
    while !busy.wait_for_ready(200).contains("listening") {}
    hanging.wait_until(|counters| counters.stalled == 1).await;
    let desk = fleet.work();

    let began = Instant::now();
    fleet.cancel(id).await;
    let (record, _) = fleet.ended(id).await;

    assert_eq!(record.status, ExecutionStatus::Cancelled);
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    desk.stop().await;
    drop(busy);
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_step_may_end_after_the_signal_and_its_result_is_kept() {
    let fleet = Fleet::new().await;
    for signal in [Signal::TERM, Signal::INT] {
        let provider = slow(Duration::from_secs(1)).await;
        let mut program = fleet.worker(&provider, &[]);
        let id = fleet.start(ONE).await;
        provider.wait_until(|counters| counters.open_requests == 1).await;

        program.signal(signal);
        let body = program.wait_for_ready(503);

        assert!(body.contains("\"reason\":\"draining\""), "{body}");
        assert_eq!(program.code(), Some(0), "{}", program.errors());
        let (record, took) = fleet.ended(id).await;
        assert_eq!(record.status, ExecutionStatus::Succeeded, "nobody else could have ended it");
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(provider.counters().requests, 1);
    }
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_longer_than_the_grace_is_given_back_uncounted() {
    let fleet = Fleet::new().await;
    let (hanging, answering) = (silent().await, provider().await);
    let mut leaving = fleet.worker(&hanging, &[("grace", "200ms"), ("lease", "5m")]);
    let id = fleet.start(ONE).await;
    hanging.wait_until(|counters| counters.stalled == 1).await;
    let staying = fleet.worker(&answering, &[]);

    leaving.signal(Signal::TERM);

    assert_eq!(leaving.code(), Some(0), "{}", leaving.errors());
    let (record, took) = fleet.ended(id).await;
    assert_eq!(record.status, ExecutionStatus::Succeeded);
    assert!(took < Duration::from_secs(10), "it waits for no lease: {took:?}");
    assert_eq!(fleet.attempts(id).await, [1], "the attempt that was given back does not count");
    assert_eq!((hanging.counters().requests, answering.counters().requests), (1, 1));
    drop(staying);
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let (fleet, hanging) = (Fleet::new().await, silent().await);
    let mut program = fleet.worker(&hanging, &[("grace", "1h")]);
    fleet.start(ONE).await;
    hanging.wait_until(|counters| counters.stalled == 1).await;

    program.signal(Signal::TERM);
    program.wait_for_ready(503);
    let began = Instant::now();
    program.signal(Signal::TERM);

    assert_eq!(program.code(), Some(4), "{}", program.errors());
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_of_a_killed_worker_is_taken_over_after_its_lease() {
    let fleet = Fleet::new().await;
    let (hanging, answering) = (silent().await, provider().await);
    let killed = fleet.worker(&hanging, &[("lease", "2s")]);
    let id = fleet.start(ONE).await;
    hanging.wait_until(|counters| counters.stalled == 1).await;
    let heir = fleet.worker(&answering, &[("lease", "2s")]);

    killed.signal(Signal::KILL);
    let (record, took) = fleet.ended(id).await;

    assert_eq!(record.status, ExecutionStatus::Succeeded);
    assert!(took > Duration::from_millis(500), "the lease had not ended after {took:?}");
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(answering.counters().requests, 1);
    drop(heir);
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_ready_only_while_its_database_answers() {
    let (fleet, provider) = (Fleet::new().await, provider().await);
    let url = fleet.database.url();
    let host = url.split_once('@').expect("it has a user").1.split('/').next().expect("it has a host");
    let server: SocketAddr = host.to_socket_addrs().expect("it is found").next().expect("it is somewhere");
    let proxy = Proxy::to(server);
    let relayed = url.replace(host, &proxy.address().to_string());
    let mut program = fleet.worker_at(&relayed, &provider, &[("lease", "1s"), ("grace", "1s")]);
    program.wait_for_ready(200);

    proxy.hold();
    let body = program.wait_for_ready(503);
    let is_known = ["no_session", "lease_expired"].iter().any(|reason| body.contains(reason));
    assert!(is_known && !body.contains("codeflow_test") && !body.contains("127.0.0.1"), "{body}");
    assert_eq!(program.get("/health/live").expect("it answers").0, 200, "it lives all the same");
    proxy.forward();
    program.wait_for_ready(200);
    let id = fleet.start(ONE).await;

    assert_eq!(fleet.ended(id).await.0.status, ExecutionStatus::Succeeded, "it works again");
    program.signal(Signal::TERM);
    assert_eq!(program.code(), Some(0), "{}", program.errors());
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_tells_how_it_is_and_every_boot_has_a_name_of_its_own() {
    let (fleet, provider) = (Fleet::new().await, provider().await);
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let mut program = fleet.worker(&provider, &[("concurrency", "7")]);
        program.wait_for_ready(200);
        let metrics = program.get("/metrics").expect("it answers");
        assert_eq!(metrics.0, 200);
        for line in
            ["codeflow_worker_ready 1\n", "codeflow_worker_concurrency 7\n", "codeflow_worker_running 0\n"]
        {
            assert!(metrics.1.contains(line), "{line}: {}", metrics.1);
        }
        assert!(metrics.1.ends_with("# EOF\n") && metrics.1.matches("# EOF").count() == 1);
        program.wait_for_metric("codeflow_invariant_violations{kind=\"lost_task\"} 0\n");
        assert_eq!(program.get("/elsewhere").expect("it answers").0, 404);
        program.signal(Signal::TERM);
        assert_eq!(program.code(), Some(0), "{}", program.errors());
        assert!(program.session.starts_with("sess_"), "{}", program.session);
        sessions.push(std::mem::take(&mut program.session));
    }
    assert_ne!(sessions[0], sessions[1]);
    fleet.end().await;
}

#[test]
fn what_it_cannot_use_is_wrong_use_and_what_it_cannot_reach_is_not() {
    let cases: [(&str, &[&str], i32, &str); 6] = [
        ("", &[], 2, "SQLite"),
        ("", &["--database-url", "codeflow.db"], 2, "SQLite"),
        ("[worker]\nlease = \"1ms\"\n", &[], 2, "worker.lease"),
        ("[worker]\nlanes = []\n", &[], 2, "worker.lanes"),
        ("", &["--lane", "gpu"], 2, "--lane"),
        ("", &["--database-url", "postgres://nobody@127.0.0.1:1/none"], 3, "could not open the database"),
    ];

    for (file, flags, code, word) in cases {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let text = format!("[database]\npool_timeout = \"1s\"\n{file}");
        std::fs::write(folder.path().join("codeflow.toml"), text).expect("it can be written");
        let said = worker(folder.path()).args(flags).output().expect("it can be run");
        let errors = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(code), "{file}{flags:?}: {errors}");
        assert!(errors.contains(word), "{file}{flags:?}: {errors}");
        assert!(said.stdout.is_empty());
    }
}

#[test]
fn it_tells_its_version_and_its_flags() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");

    for (flag, words) in [
        ("--version", &["codeflow-worker "][..]),
        ("--help", &["--config", "--database-url", "--listen", "Exit codes"]),
    ] {
        let said = worker(folder.path()).arg(flag).output().expect("it can be run");
        assert_eq!(said.status.code(), Some(0));
        let text = String::from_utf8_lossy(&said.stdout);
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}
