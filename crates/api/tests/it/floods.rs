//! Clients in great numbers and clients that dawdle: the others are served all the same, and memory is bounded.

use codeflow_api::ServerLimits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::live::{Line, Live, Setting};
use crate::manage::house::House;

const MANY: usize = 10_000;
/// Descriptors for everything else.
const SPARE: u64 = 500;

/// How many pairs of sockets this process may hold, after asking for as many as there are wanted.
#[expect(clippy::print_stderr, reason = "a test that does less than it says has to say so")]
fn room() -> usize {
    let wanted = (MANY as u64) * 2 + SPARE;
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.map(|hard| hard.max(wanted));
    if setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: hard }).is_err() {
        // Who may not raise the hard limit may go up to it.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    }
    let have = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let pairs = usize::try_from(have.saturating_sub(SPARE) / 2).unwrap_or(MANY).min(MANY);
    if pairs < MANY {
        eprintln!("ONLY {pairs} OF {MANY} CONNECTIONS: this process may open no more than {have} files");
    }
    pairs
}

/// The memory of this process, in bytes.
fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * 4096)
}

#[tokio::test]
async fn ten_thousand_idle_connections_hold_nobody_up_and_cost_little() {
    let count = room();
    let limits = ServerLimits { connections: MANY + 100, ..ServerLimits::default() };
    let live = Live::with(Setting { limits, ..Setting::default() }).await;
    assert_eq!(live.ask("GET /api/health", &[], "").await.status, 200);
    let before = memory();

    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        idle.push(TcpStream::connect(live.address).await.expect("the server accepts"));
    }
    for _ in 0..20 {
        assert_eq!(live.ask("GET /api/health", &[], "").await.status, 200);
        assert_eq!(live.get("/v1/models").await.status, 200);
    }

    if let (Some(before), Some(after)) = (before, memory()) {
        let each = after.saturating_sub(before) / count as u64;
        assert!(each < 64 << 10, "an idle connection costs {each} bytes, both of its ends together");
    }
    let mut last = idle.pop().expect("there are some");
    last.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        .await
        .expect("it is open");
    let answered = Line(last).rest().await;
    assert!(answered.starts_with("HTTP/1.1 200"), "one that was idle for long is served: {answered}");
}

#[tokio::test]
async fn heads_without_end_and_bodies_without_end_hold_nobody_up() {
    let house = House::new().await;
    let token = house.tokens["operator"].clone();
    let mut held = Vec::new();

    for turn in 0..300 {
        let mut line = Line::open(&house.live).await;
        line.say("POST /api/v1/keys HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n").await;
        match turn % 3 {
            // A head that goes on.
            0 => line.say(&format!("x-{turn}: {}\r\n", "a".repeat(8_000))).await,
            // A body that does not come.
            1 => line.say(&format!("authorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{")).await,
            // Half of a connection.
            _ => {
                line.say(&format!("authorization: Bearer {token}\r\ncontent-length: 100\r\n\r\n{{")).await;
                line.0.shutdown().await.expect("it can be closed");
            }
        }
        held.push(line);
    }

    for _ in 0..10 {
        assert_eq!(house.ask("viewer", "GET /api/v1/me", None).await.status, 200);
    }
    let many: String = (0..200).map(|number| format!("x-{number}: 1\r\n")).collect();
    let mut flood = Line::open(&house.live).await;
    flood.say(&format!("GET /api/health HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await;
    let refused = flood.rest().await;
    assert!(refused.starts_with("HTTP/1.1 431"), "{refused}");
    let large = format!("x-large: {}\r\n", "a".repeat(70_000));
    let mut flood = TcpStream::connect(house.live.address).await.expect("the server accepts");
    // The server may close before all of it is written.
    let _ = flood.write_all(format!("GET /api/health HTTP/1.1\r\nhost: x\r\n{large}\r\n").as_bytes()).await;
    let refused = Line(flood).rest().await;
    assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_told_so() {
    let house = House::new().await;
    let token = &house.tokens["operator"];
    let mut line = Line::open(&house.live).await;
    let head = format!("POST /api/v1/keys HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n");
    let kind = "content-type: application/json\r\nexpect: 100-continue\r\ncontent-length: 50\r\n\r\n";

    line.say(&format!("{head}{kind}")).await;
    // From here on the server waits for the body.
    line.until("100 Continue").await;
    tokio::time::pause();
    let late = line.rest().await;

    assert!(late.contains("HTTP/1.1 408") && late.contains("api.body_late"), "{late}");
}
