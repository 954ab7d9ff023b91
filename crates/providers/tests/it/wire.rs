//! The wrappers around a real connection: what a provider on a socket sees of them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use codeflow_model::{ChatModel, ErrorKind, Phase, Repeat};
use codeflow_net::{Guard, NetPolicy, Pool, PoolSettings};
use codeflow_providers::{
    Anthropic, Availability, Breaker, CircuitSettings, Credentials, Deadlines, Endpoint, HttpModel, Retry,
    Timeout,
};
use http::HeaderMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::scripted::{TestClock, drain};
use crate::support::{fixture, hello};

/// What a server does on one connection after it read a request.
enum Reply {
    /// Answers with these bytes and closes.
    Close(Vec<u8>),
    /// Answers with these bytes and waits until the other side closes.
    Hang(Vec<u8>),
}

/// Serves one connection for each reply, and returns when the last is closed.
async fn serve(listener: TcpListener, replies: Vec<Reply>) -> io::Result<()> {
    for reply in replies {
        let (mut socket, _) = listener.accept().await?;
        read_request(&mut socket).await?;
        match reply {
            Reply::Close(bytes) => socket.write_all(&bytes).await?,
            Reply::Hang(bytes) => {
                socket.write_all(&bytes).await?;
                // A client that closes without having read everything resets the connection, which is closing too.
                assert!(matches!(socket.read(&mut [0; 1]).await, Ok(0) | Err(_)));
            }
        }
    }
    Ok(())
}

async fn read_request(socket: &mut TcpStream) -> io::Result<()> {
    let mut bytes = Vec::new();
    loop {
        assert!(socket.read_buf(&mut bytes).await? > 0, "the request is whole");
        let text = String::from_utf8_lossy(&bytes).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.expect("has a length").parse().expect("is a number") {
            return Ok(());
        }
    }
}

fn stream_of(events: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n{events}").into_bytes()
}

fn model(port: u16) -> HttpModel<Anthropic> {
    let host = format!("127.0.0.1:{port}").parse().expect("is a host");
    let guard = Guard::new(NetPolicy { allowed_hosts: vec![host], ..NetPolicy::default() });
    let pool = Pool::new(&guard, PoolSettings::default()).expect("can be made");
    let endpoint = Endpoint {
        base: format!("http://127.0.0.1:{port}").parse().expect("is an address"),
        credentials: Arc::new(Arc::new(Credentials::Key("key".to_owned().into()))),
        headers: HeaderMap::new(),
    };
    HttpModel::new(Anthropic::new("fake"), endpoint, &guard, pool, TestClock::new()).expect("may be reached")
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("can listen");
    let port = listener.local_addr().expect("is bound").port();
    (listener, port)
}

/// The stream of a whole reply, and the part of it up to its first words.
fn reply() -> (String, String) {
    let whole = String::from_utf8(fixture("anthropic", "text.sse")).expect("is UTF-8");
    let words = whole.find("text_delta").expect("has words");
    let end = words + whole[words..].find("\n\n").expect("ends") + 2;
    let part = whole[..end].to_owned();
    (whole, part)
}

fn quick() -> Deadlines {
    let moment = Duration::from_millis(400);
    Deadlines { first_token: moment, between_tokens: moment, total: Duration::from_secs(60) }
}

#[tokio::test]
async fn a_provider_that_pauses_is_cut_off() {
    let (listener, port) = listen().await;
    let timeout = Timeout::new(Arc::new(model(port)), quick());
    let ask = async {
        let stream = timeout.stream(&hello()).await.expect("begins");
        drain(stream).await
    };

    let (served, (count, error)) =
        tokio::join!(serve(listener, vec![Reply::Hang(stream_of(&reply().1))]), ask);

    served.expect("the connection was closed");
    let error = error.expect("is late");
    assert!(count > 0);
    assert_eq!((error.kind(), error.details().phase), (ErrorKind::Timeout, Phase::AfterFirstToken));
}

#[tokio::test]
async fn a_provider_that_does_not_begin_is_cut_off() {
    for silence in [Vec::new(), stream_of(""), stream_of(": still thinking\n\n")] {
        let (listener, port) = listen().await;
        let timeout = Timeout::new(Arc::new(model(port)), quick());
        let request = hello();

        let (served, answer) =
            tokio::join!(serve(listener, vec![Reply::Hang(silence)]), timeout.stream(&request));

        served.expect("the connection was closed");
        let error = answer.err().expect("is late");
        assert_eq!((error.kind(), error.details().phase), (ErrorKind::Timeout, Phase::BeforeFirstToken));
    }
}

#[tokio::test]
async fn everything_together_gets_an_answer_from_a_provider_that_fails_three_times() {
    let (listener, port) = listen().await;
    let (whole, _) = reply();
    let replies = vec![
        Reply::Close(b"HTTP/1.1 500 no\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec()),
        Reply::Hang(Vec::new()),
        Reply::Close(Vec::new()),
        Reply::Close(stream_of(&whole)),
    ];
    let availability = Availability::new(CircuitSettings::default(), TestClock::new());
    let timeout = Timeout::new(Arc::new(model(port)), quick());
    let breaker = Breaker::new(Arc::new(timeout), Arc::clone(&availability), "main");
    let repeat = Repeat { attempts: 4, first: Duration::from_millis(1), ..Repeat::default() };
    let retry = Retry::new(Arc::new(breaker), repeat);
    let ask = async {
        let stream = retry.stream(&hello()).await.expect("is answered");
        drain(stream).await
    };

    let (served, (count, error)) = tokio::join!(serve(listener, replies), ask);

    served.expect("every connection was closed");
    assert_eq!(error.map(|error| error.kind()), None);
    assert!(count > 2);
    let row = availability.snapshot().remove(0);
    assert_eq!(row.last_error.expect("failed").kind, ErrorKind::ProviderConnection);
    assert!(row.first_token.is_some());
}
