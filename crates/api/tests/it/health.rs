//! What a process that answers nothing else tells of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use codeflow_api::{Health, serve_health};
use codeflow_runtime::Tasks;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

#[derive(Default)]
struct Patient(AtomicBool);

impl Health for Patient {
    fn ready(&self) -> Result<(), &'static str> {
        if self.0.load(Ordering::SeqCst) { Ok(()) } else { Err("no_session") }
    }

    fn wakeups(&self) -> &'static str {
        "degraded"
    }

    fn metrics(&self) -> String {
        "# EOF\n".to_owned()
    }
}

async fn serving() -> (std::net::SocketAddr, Arc<Patient>, Tasks) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let (patient, tasks) = (Arc::new(Patient::default()), Tasks::new());
    tasks.spawn("health", serve_health(listener, patient.clone(), tasks.clone()));
    (address, patient, tasks)
}

async fn ask(address: std::net::SocketAddr, line: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(format!("{line} HTTP/1.1\r\nhost: h\r\n\r\n").as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers in text");
    answer
}

#[tokio::test]
async fn readiness_follows_the_process_and_gives_its_reason() {
    let (address, patient, tasks) = serving().await;

    let before = ask(address, "GET /health/ready").await;
    patient.0.store(true, Ordering::SeqCst);
    let after = ask(address, "GET /health/ready").await;

    assert!(before.starts_with("HTTP/1.1 503"), "{before}");
    assert!(
        before.ends_with(r#"{"reason":"no_session","status":"not ready","wakeups":"degraded"}"#),
        "{before}"
    );
    assert!(after.starts_with("HTTP/1.1 200"), "{after}");
    assert!(after.ends_with(r#"{"status":"ready","wakeups":"degraded"}"#), "{after}");
    assert!(tasks.shut_down(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn it_lives_tells_its_metrics_and_knows_nothing_else() {
    let (address, _, tasks) = serving().await;

    for (line, status, word) in [
        ("GET /health/live", 200, r#"{"status":"live"}"#),
        ("HEAD /health/live", 200, "application/json"),
        ("GET /metrics", 200, "application/openmetrics-text"),
        ("POST /metrics", 405, "allow: GET, HEAD"),
        ("GET /v1/models", 404, "not found"),
    ] {
        let answer = ask(address, line).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
        assert!(answer.contains(word), "{line}: {answer}");
    }
    assert!(tasks.shut_down(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn many_who_ask_nothing_hold_nobody_up_for_long() {
    let (address, _, tasks) = serving().await;
    let mut mute = Vec::new();
    for _ in 0..64 {
        mute.push(TcpStream::connect(address).await.expect("it listens"));
    }

    let answer = timeout(Duration::from_secs(30), ask(address, "GET /health/live")).await;

    assert!(answer.expect("they are hung up on in time").starts_with("HTTP/1.1 200"));
    drop(mute);
    assert!(tasks.shut_down(Duration::from_secs(5)).await);
}
