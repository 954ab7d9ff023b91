//! What the server takes from whoever connects: too much, too slow, too many, or wrong in other ways.

use std::time::{Duration, Instant};

use bytes::Bytes;
use codeflow_testkit::providers::{Behaviour, Format, ProviderServer, Reply};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::task::JoinSet;

use crate::served::{NO_BREAKER, Served, provider};
use crate::wire::{Ask, KEY, Line, Sdk, Told, contains};

async fn gateway(server: &str) -> (Served, ProviderServer) {
    let first = ProviderServer::start().await.expect("a port is free");
    let server = format!("[server]\nlisten = \"127.0.0.1:0\"\nthreads = 1\n{server}");
    let provider = provider("first", Format::OpenAi, &first);
    (Served::start(&[NO_BREAKER, &server, &provider].concat()).await, first)
}

fn ask() -> Ask {
    Ask::new(Sdk::OpenAi, "first/m")
}

/// The head of a call, up to the headers of its body.
fn head() -> String {
    format!("POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {KEY}\r\n")
}

/// Sends this and waits until the server closes.
async fn raw(served: &Served, bytes: &[u8]) -> Told {
    let mut line = Line::connect(served.address).await;
    line.try_send(bytes).await;
    line.finish().await
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let (served, first) = gateway("max_header_bytes = \"16 KiB\"\n").await;

    let told = ask().header(&format!("x-filler: {}", "x".repeat(20_000))).to(served.address).await;
    assert_eq!(told.status, 431);
    let many = ask().header("x-a: b\r\n".repeat(200).trim_end()).to(served.address).await;
    assert_eq!(many.status, 431);

    assert_eq!(first.counters().requests, 0);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_however_it_comes() {
    let (served, first) = gateway("body_limit = \"10 KiB\"\n").await;

    let announced = ask().with("user", "x".repeat(11_000)).to(served.address).await;
    assert_eq!(announced.status, 413);
    assert_eq!(announced.header("x-codeflow-error"), "api.body_too_large");
    // Nobody has to send it to be told.
    let only_announced =
        format!("{}content-type: application/json\r\ncontent-length: 99999999\r\n\r\n", head());
    let mut line = Line::connect(served.address).await;
    line.send(only_announced.as_bytes()).await;
    line.until("HTTP/1.1 413").await;
    let chunk = format!("{:x}\r\n{}\r\n", 4096, "x".repeat(4096));
    let chunked = format!(
        "{}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{}",
        head(),
        chunk.repeat(5)
    );
    assert_eq!(raw(&served, chunked.as_bytes()).await.status, 413);
    let anthropic = Ask::new(Sdk::Anthropic, "first/m").with("user", "x".repeat(11_000));
    let told = anthropic.to(served.address).await;
    assert_eq!((told.status, told.json()["error"]["type"].as_str()), (413, Some("request_too_large")));

    assert_eq!(first.counters().requests, 0);
}

#[tokio::test]
async fn a_head_that_drips_is_not_waited_for() {
    let (served, _first) = gateway("header_read_timeout = \"200ms\"\nidle_timeout = \"60s\"\n").await;

    let began = Instant::now();
    let mut line = Line::connect(served.address).await;
    line.send(b"POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nx-slow: ").await;
    line.closed().await;

    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_connection_that_asks_for_nothing_is_closed_after_a_while() {
    let (served, _first) = gateway("header_read_timeout = \"100ms\"\nidle_timeout = \"600ms\"\n").await;
    let mut line = Line::connect(served.address).await;
    line.send(b"GET /health/live HTTP/1.1\r\nhost: g\r\n\r\n").await;
    line.until("live").await;

    let began = Instant::now();
    line.closed().await;

    let idle = began.elapsed();
    assert!(idle > Duration::from_millis(400) && idle < Duration::from_secs(10), "{idle:?}");
}

#[tokio::test]
async fn a_body_that_drips_is_not_waited_for() {
    let (served, first) = gateway("body_read_timeout = \"200ms\"\n").await;
    let start = format!("{}content-type: application/json\r\ncontent-length: 100\r\n\r\n{{", head());

    let told = raw(&served, start.as_bytes()).await;

    assert_eq!(told.status, 408);
    assert_eq!(told.header("x-codeflow-error"), "api.body_late");
    assert_eq!(first.counters().requests, 0);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_dropped() {
    let (served, first) = gateway("write_timeout = \"300ms\"\n").await;
    // More than the buffers on the way hold.
    let long = ("x".repeat(100_000) + " ").repeat(400);
    first.always(Behaviour::from(Reply::text(long)));
    let mut line = Line::connect(served.address).await;

    line.send(&ask().streamed().bytes()).await;

    let counters = first.wait_within(Duration::from_secs(20), |counters| counters.hung_up == 1).await;
    assert!(counters.is_ok(), "{counters:?}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let (served, _first) = gateway("max_connections = 2\n").await;
    let mut one = Line::connect(served.address).await;
    let mut two = Line::connect(served.address).await;
    for line in [&mut one, &mut two] {
        line.send(b"GET /health/live HTTP/1.1\r\nhost: g\r\n\r\n").await;
        line.until("live").await;
    }

    let mut third = Line::connect(served.address).await;
    third.send(b"GET /health/live HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n").await;
    // The other two are served while it waits.
    one.read.clear();
    one.send(b"GET /health/live HTTP/1.1\r\nhost: g\r\n\r\n").await;
    one.until("live").await;
    assert!(!third.is_ready());
    drop(two);

    assert_eq!(third.finish().await.status, 200);
}

#[tokio::test]
async fn requests_that_are_sent_at_once_are_answered_in_order() {
    let (served, first) = gateway("").await;
    let close = String::from_utf8(ask().bytes()).expect("it is text");
    let keep = close.replace("connection: close\r\n", "");
    let mut line = Line::connect(served.address).await;

    line.send(format!("{keep}{keep}{close}").as_bytes()).await;
    line.closed().await;

    let text = String::from_utf8_lossy(&line.read);
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    assert_eq!(first.counters().requests, 3);
}

#[tokio::test]
async fn many_requests_share_one_connection_of_http_2() {
    let (served, first) = gateway("").await;
    let stream = tokio::net::TcpStream::connect(served.address).await.expect("the server listens");
    let (sender, connection) = hyper::client::conn::http2::handshake::<_, _, Full<Bytes>>(
        TokioExecutor::new(),
        TokioIo::new(stream),
    )
    .await
    .expect("the server speaks HTTP/2 to whoever begins so");
    let mut driver = JoinSet::new();
    driver.spawn(connection);

    let mut calls = JoinSet::new();
    for number in 0..20 {
        let mut sender = sender.clone();
        let ask = if number % 2 == 0 { ask() } else { ask().streamed() };
        calls.spawn(async move {
            let request = hyper::Request::post("http://gateway/v1/chat/completions")
                .header("authorization", format!("Bearer {KEY}"))
                .header("content-type", "application/json")
                .body(Full::from(ask.body.to_string()))
                .expect("the request is sound");
            let response = sender.send_request(request).await.expect("it is answered");
            let status = response.status();
            (status, response.into_body().collect().await.expect("it ends").to_bytes())
        });
    }

    for (status, body) in calls.join_all().await {
        assert_eq!(status, 200);
        assert!(contains(&body, "chat.completion"), "{body:?}");
    }
    assert_eq!(first.counters().requests, 20);
}

#[tokio::test]
async fn what_is_no_request_of_ours_is_told_so() {
    let (served, first) = gateway("").await;
    let key = format!("x-api-key: {KEY}\r\nconnection: close\r\n");
    let post = |path: &str, kind: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: g\r\n{key}{kind}content-length: {}\r\n\r\n{body}", body.len())
    };
    let json = "content-type: application/json\r\n";
    let twice = r#"{"model":"first/m","messages":[],"model":"first/n"}"#;
    let cases = [
        (post("/v1/nothing", json, "{}"), 404, "api.no_such_path"),
        (post("/", json, "{}"), 404, "api.no_such_path"),
        (post("/v1/models", json, "{}"), 405, "api.method_not_allowed"),
        (post("/metrics", json, "{}"), 405, "api.method_not_allowed"),
        (format!("GET /v1/chat/completions HTTP/1.1\r\nhost: g\r\n{key}\r\n"), 405, "api.method_not_allowed"),
        (format!("DELETE /v1/messages HTTP/1.1\r\nhost: g\r\n{key}\r\n"), 405, "api.method_not_allowed"),
        (post("/v1/chat/completions", "", "{}"), 415, "api.content_type"),
        (post("/v1/messages", "content-type: text/plain\r\n", "{}"), 415, "api.content_type"),
        (post("/v1/embeddings", "content-type: application/jsonp\r\n", "{}"), 415, "api.content_type"),
        (post("/v1/chat/completions", json, ""), 400, "api.invalid_json"),
        (post("/v1/chat/completions", json, "{\"model\":"), 400, "api.invalid_json"),
        (post("/v1/messages", json, "[]"), 400, ""),
        (post("/v1/chat/completions", json, "{}"), 400, "api.invalid_field"),
        (post("/v1/chat/completions", json, "{\"model\":7}"), 400, "api.invalid_field"),
        (post("/v1/chat/completions", json, twice), 400, ""),
        (post("/v1/messages", json, twice), 400, ""),
    ];

    for (request, status, code) in cases {
        let told = raw(&served, request.as_bytes()).await;
        assert_eq!(told.status, status, "{request}\n{}", told.text());
        assert!(told.json()["error"]["message"].is_string(), "{request}\n{}", told.text());
        if !code.is_empty() {
            assert_eq!(told.header("x-codeflow-error"), code, "{request}");
        }
        assert!(told.header("x-request-id").starts_with("req_"), "{request}");
    }
    assert_eq!(raw(&served, b"nonsense\r\n\r\n").await.status, 400);
    assert_eq!(first.counters().requests, 0);
}

#[tokio::test]
async fn a_parameter_after_the_content_type_does_no_harm() {
    let (served, _first) = gateway("").await;
    let text = String::from_utf8(ask().bytes()).expect("it is text");
    let text =
        text.replace("content-type: application/json", "Content-Type: Application/JSON; charset=utf-8");

    assert_eq!(raw(&served, text.as_bytes()).await.status, 200);
}
