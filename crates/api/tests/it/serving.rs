//! What a client may make the server hold or wait for, and how the server ends.

use std::time::Duration;

use bytes::Bytes;
use codeflow_api::ServerLimits;
use codeflow_model::{RawPiece, Tap, WireFormat};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::live::{Line, Live, Play, Setting};

const LIVE: &str = "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n";
const SOON: Duration = Duration::from_secs(5);

fn limited(limits: ServerLimits) -> Setting {
    Setting { limits, ..Setting::default() }
}

fn impatient() -> Setting {
    let time = Duration::from_millis(100);
    limited(ServerLimits { header_time: time, idle_time: time, ..ServerLimits::default() })
}

fn ask(body: &str) -> String {
    let head = "host: x\r\nx-api-key: k1\r\ncontent-type: application/json";
    let length = body.len();
    format!("POST /v1/chat/completions HTTP/1.1\r\n{head}\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn a_connection_that_says_nothing_or_not_enough_is_closed() {
    let live = Live::with(impatient()).await;

    for begin in ["", "P", "PRI * HTTP/2.0\r\n", "GET /health", "GET /health/live HTTP/1.1\r\nhost:"] {
        let mut line = Line::open(&live).await;
        line.say(begin).await;
        let rest = timeout(SOON, line.rest()).await;
        assert!(rest.is_ok_and(|rest| !rest.contains(" 200 ")), "{begin:?} keeps its connection");
    }
}

#[tokio::test]
async fn a_connection_over_which_nothing_more_is_asked_is_closed() {
    let live = Live::with(impatient()).await;
    let mut line = Line::open(&live).await;

    line.say(LIVE).await;
    line.until("live\"}").await;
    line.say(LIVE).await;
    line.until("live\"}").await;

    assert_eq!(timeout(SOON, line.rest()).await.as_deref(), Ok(""));
}

#[tokio::test]
async fn an_answer_that_takes_longer_than_a_head_may_is_waited_for() {
    let live = Live::with(impatient()).await;
    live.provider.plays([Play::Hang]);
    let mut line = Line::open(&live).await;

    // Fewer bytes than HTTP/2 begins with, and none that it begins with.
    line.say(&ask(&json!({ "model": "fast", "messages": [] }).to_string())).await;
    let closed = timeout(Duration::from_millis(400), line.rest()).await;

    assert!(closed.is_err(), "{closed:?}");
}

#[tokio::test]
async fn a_head_has_a_bounded_size() {
    let limits = ServerLimits { headers: 10, header_bytes: 8 << 10, ..ServerLimits::default() };
    let live = Live::with(limited(limits)).await;
    let many: Vec<String> = (0..20).map(|number| format!("x-{number}: 1")).collect();
    let long = format!("x-long: {}", "x".repeat(20 << 10));

    for head in [many.join("\r\n"), long] {
        let mut line = Line::open(&live).await;
        line.say(&format!("GET /health/live HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n")).await;
        // What was not read of the head may make the system withdraw the answer.
        let answered = timeout(SOON, line.rest()).await.expect("the connection ends");
        assert!(answered.is_empty() || answered.starts_with("HTTP/1.1 431"), "{answered}");
    }
    assert_eq!(live.ask("GET /health/live", &[], "").await.status, 200);
}

#[tokio::test]
async fn both_versions_of_http_are_spoken() {
    let live = Live::new().await;
    let mut line = Line::open(&live).await;

    line.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    line.0.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await.expect("the server reads");
    let mut frame = [0; 9];
    timeout(SOON, line.0.read_exact(&mut frame)).await.expect("it answers").expect("it stays open");

    assert_eq!(frame[3], 4, "the first frame of a server tells its settings");
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_given_up_and_its_call_with_it() {
    let limits = ServerLimits { write_time: Duration::from_millis(200), ..ServerLimits::default() };
    let setting = Setting { passes: Some(WireFormat::ChatCompletions), ..limited(limits) };
    let live = Live::with(setting).await;
    let big = Bytes::from(vec![b'x'; 1 << 20]);
    let piece = RawPiece { bytes: big, tap: Tap { said: 1, ..Tap::default() } };
    live.provider.plays([Play::Pieces(vec![Ok(piece); 64], true)]);
    let mut line = Line::open(&live).await;

    line.say(&ask(&json!({ "model": "fast", "messages": [], "stream": true }).to_string())).await;

    let given_up = timeout(SOON, live.provider.dropped.acquire()).await;
    given_up.expect("it is given up soon").expect("nobody closes it").forget();
    drop(line);
}

#[tokio::test]
async fn more_connections_than_allowed_wait_their_turn() {
    let live = Live::with(limited(ServerLimits { connections: 1, ..ServerLimits::default() })).await;
    let mut first = Line::open(&live).await;
    first.say(LIVE).await;
    first.until("live\"}").await;
    let mut second = Line::open(&live).await;
    second.say(LIVE).await;

    let early = timeout(Duration::from_millis(200), second.until("live\"}")).await;
    drop(first);
    let after = timeout(SOON, second.until("live\"}")).await;

    assert!(early.is_err() && after.is_ok());
}

#[tokio::test]
async fn a_server_that_is_full_stops_when_it_is_told_to() {
    let live = Live::with(limited(ServerLimits { connections: 1, ..ServerLimits::default() })).await;
    let mut line = Line::open(&live).await;
    line.say(LIVE).await;
    line.until("live\"}").await;
    let _waiting = Line::open(&live).await;

    assert!(live.tasks.shut_down(SOON).await, "an idle connection is closed, and nobody is accepted");
    assert_eq!(line.rest().await, "");
}

#[tokio::test]
async fn a_request_that_runs_is_answered_before_the_server_ends() {
    let live = Live::new().await;
    live.provider.plays([Play::Text("Hi")]);
    let body = json!({ "model": "fast", "messages": [] }).to_string();
    let (head, last) = {
        let text = ask(&body);
        let (head, last) = text.split_at(text.len() - 1);
        (head.to_owned(), last.to_owned())
    };
    let mut line = Line::open(&live).await;
    let mut other = Line::open(&live).await;
    line.say(&head).await;
    other.say(LIVE).await;
    other.until("live\"}").await;
    // The head has been read once the server answers what came after it on the same thread.
    line.0.writable().await.expect("it is open");

    let tasks = live.tasks.clone();
    let ending = tasks.shut_down(SOON);
    let asking = async {
        line.say(&last).await;
        line.rest().await
    };
    let (ended, answered) = tokio::join!(ending, asking);

    assert!(ended, "all connections ended");
    assert!(answered.contains(" 200 ") && answered.contains("Hi"), "{answered}");
}
