//! Time and size: servers that are slow, silent, endless, or no servers at all.

use std::time::Duration;

use codeflow_net::{ErrorKind, Guard, Limits, NetPolicy, Phase};
use tokio::net::TcpListener;

use crate::world::{Reply, Server, client, get, ok, policy, post, said};

const SOON: Duration = Duration::from_millis(250);

fn head(rest: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{rest}\r\n\r\n")
}

#[tokio::test]
async fn a_server_that_never_answers_runs_into_the_first_byte_deadline() {
    let server = Server::start(|_| Reply::Hang(String::new())).await;
    let client = client().with_limits(Limits { first_byte: SOON, ..Limits::default() });

    let error =
        client.send(post(format!("http://127.0.0.1:{}/?k=hidden", server.port), "x")).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), ("net.timeout", Phase::MaybeSent));
    assert!(!said(&error).contains("hidden"));
    server.until_closed(1).await;
}

#[tokio::test]
async fn a_body_that_stops_coming_runs_into_the_idle_deadline() {
    let server =
        Server::start(|_| Reply::Hang("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_owned())).await;
    let client = client().with_limits(Limits { idle: SOON, ..Limits::streaming() });

    let mut answer = client.send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap();

    assert_eq!(answer.chunk().await.unwrap().unwrap(), "half");
    let error = answer.chunk().await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Phase::Answered));
    assert!(answer.chunk().await.unwrap().is_none());
    server.until_closed(1).await;
}

#[tokio::test]
async fn a_body_that_drips_for_ever_runs_into_the_total_deadline() {
    let server = Server::start(|_| Reply::Drip(head("content-type: text/plain"))).await;
    let client = client().with_limits(Limits { total: Some(SOON), ..Limits::default() });

    let error = client
        .send(get(format!("http://127.0.0.1:{}/", server.port)))
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap_err();

    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Phase::Answered));
    server.until_closed(1).await;
}

#[tokio::test]
async fn a_stream_that_keeps_coming_outlives_its_idle_deadline() {
    let server = Server::start(|_| Reply::Drip(head("content-type: text/plain"))).await;
    let client = client().with_limits(Limits { idle: Duration::from_secs(2), ..Limits::streaming() });

    let mut answer = client.send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap();

    for _ in 0..10 {
        assert!(answer.chunk().await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_declared_body_that_is_too_large_is_not_read() {
    let server = Server::start(|_| Reply::Hang(head("content-length: 1000000000"))).await;
    let client = client().with_limits(Limits { max_body: 1000, ..Limits::default() });

    let error = client.send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), ("net.too_large", Phase::Answered));
    server.until_closed(1).await;
}

#[tokio::test]
async fn an_undeclared_body_is_cut_off_where_it_becomes_too_large() {
    let server = Server::start(|_| Reply::Drip(head("content-type: text/plain"))).await;
    let client = client().with_limits(Limits { max_body: 10, ..Limits::default() });

    let error = client
        .send(get(format!("http://127.0.0.1:{}/", server.port)))
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap_err();

    assert_eq!(error.kind(), ErrorKind::TooLarge);
    server.until_closed(1).await;
}

#[tokio::test]
async fn a_body_of_just_the_allowed_size_is_read() {
    let server = Server::start(|_| ok("0123456789")).await;
    let client = client().with_limits(Limits { max_body: 10, ..Limits::default() });

    let answer = client.send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap();

    assert_eq!(answer.bytes().await.unwrap(), "0123456789");
}

#[tokio::test]
async fn compression_is_neither_asked_for_nor_undone() {
    let compressed = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nbomb";
    let server = Server::start(move |_| Reply::Send(compressed.to_owned())).await;

    let answer = client().send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap();

    assert_eq!(answer.headers["content-encoding"], "gzip");
    assert_eq!(answer.bytes().await.unwrap(), "bomb");
    assert!(!server.seen()[0].has("accept-encoding"));
}

#[tokio::test]
async fn a_body_that_is_cut_is_an_error_and_never_a_short_answer() {
    let table = [
        ("content-length: 9\r\n\r\nhalf", ErrorKind::Interrupted),
        ("transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n", ErrorKind::Interrupted),
        ("transfer-encoding: chunked\r\n\r\nnot a size\r\n", ErrorKind::Interrupted),
    ];
    for (rest, kind) in table {
        let bytes = format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
        let server = Server::start(move |_| Reply::SendAndClose(bytes.clone())).await;

        let answer = client().send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap();
        let error = answer.bytes().await.unwrap_err();

        assert_eq!((error.kind(), error.phase()), (kind, Phase::Answered), "{rest}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_told_from_what_is_cut() {
    let table: [(&[u8], &str); 3] = [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "net.bad_answer"),
        (b"", "net.interrupted"),
        (b"HTTP/1.1 200 OK\r\ncontent-", "net.interrupted"),
    ];
    for (bytes, code) in table {
        let server = Server::start(move |_| Reply::SendAndClose(bytes.to_vec())).await;

        let error = client().send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap_err();

        assert_eq!((error.code(), error.phase()), (code, Phase::MaybeSent));
        assert_eq!(server.seen().len(), 1, "the request is not repeated");
    }
}

#[tokio::test]
async fn a_closed_port_is_a_failed_connection() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();

    let error = client().send(get(format!("http://127.0.0.1:{port}/"))).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), ("net.connect", Phase::NotSent));
}

#[tokio::test]
async fn a_handshake_that_never_comes_runs_into_the_connect_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let policy = NetPolicy { connect_timeout: SOON, ..policy(&["127.0.0.1"]) };
    let client = codeflow_net::Client::new(Guard::new(policy), Limits::default()).unwrap();

    let url = format!("https://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let error = client.send(get(url)).await.unwrap_err();

    assert_eq!((error.code(), error.phase()), ("net.timeout", Phase::NotSent));
}
