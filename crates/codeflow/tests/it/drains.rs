//! The end of a server: what runs may end, what comes is not taken any more.

use std::time::Duration;

use codeflow_testkit::providers::{Behaviour, Format, Manner, Misbehaviour, Moment, ProviderServer, Reply};
use serde_json::json;
use tokio::net::TcpStream;

use crate::identity::{PASSWORD, call, found, sign_in};
use crate::served::{NO_BREAKER, Served, provider};
use crate::wire::{Ask, Line, Sdk, Told};

async fn gateway(drain: &str) -> (Served, ProviderServer) {
    let first = ProviderServer::start().await.expect("a port is free");
    let server = format!("[server]\nlisten = \"127.0.0.1:0\"\nthreads = 2\ndrain = \"{drain}\"\n");
    let provider = provider("first", Format::OpenAi, &first);
    (Served::start(&[NO_BREAKER, &server, &provider].concat()).await, first)
}

#[tokio::test]
async fn a_stream_that_runs_ends_well_and_nobody_new_is_taken() {
    let (mut served, first) = gateway("20s").await;
    let slow = Misbehaviour::Slow(Duration::from_millis(20));
    first.always(Behaviour { reply: Reply::words(50), trouble: Some(slow) });
    let mut running = Line::connect(served.address).await;
    running.send(&Ask::new(Sdk::OpenAi, "first/m").streamed().bytes()).await;
    running.until("word ").await;
    // A connection that is open already may still ask how the server is.
    let mut watcher = Line::connect(served.address).await;
    watcher.send(b"GET /health/ready HTTP/1.1\r\nhost: g\r\n\r\n").await;
    watcher.until("\"ready\"").await;

    served.tell_to_stop();
    let refused = async {
        while TcpStream::connect(served.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(10), refused).await;

    assert!(refused.is_ok(), "new connections are refused");
    watcher.closed().await;
    running.closed().await;
    let told = Told::read(&running.read);
    assert!(told.ends_well(), "{}", told.text());
    assert_eq!(told.words(), "word ".repeat(50));
    assert!(served.ended().await, "it ended in good order");
}

#[tokio::test]
async fn a_call_whose_answer_has_not_begun_is_answered() {
    let (mut served, first) = gateway("20s").await;
    first.next(Misbehaviour::Slow(Duration::from_millis(300)));
    let ask = String::from_utf8(Ask::new(Sdk::OpenAi, "first/m").bytes()).expect("it is text");
    let keep = ask.replace("connection: close\r\n", "");
    let mut line = Line::connect(served.address).await;
    // Another request waits behind it on the same connection.
    line.send(format!("{keep}GET /health/ready HTTP/1.1\r\nhost: g\r\n\r\n").as_bytes()).await;
    first.wait_until(|counters| counters.requests == 1).await;

    served.tell_to_stop();
    line.closed().await;

    let text = String::from_utf8_lossy(&line.read).into_owned();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.to_ascii_lowercase().contains("connection: close"), "{text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "the one behind may be sent again elsewhere: {text}");
    assert!(served.ended().await);
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut_and_told() {
    let (mut served, first) = gateway("300ms").await;
    first.always(Misbehaviour::Stops { at: Moment::AfterTokens, how: Manner::Hangs });
    let mut line = Line::connect(served.address).await;
    line.send(&Ask::new(Sdk::OpenAi, "first/m").streamed().bytes()).await;
    line.until("data: ").await;

    let ended_well = served.stop().await;

    assert!(!ended_well, "it says that something was cut");
    line.closed().await;
    assert!(!Told::read(&line.read).ends_well(), "what is cut does not look whole");
    first.wait_until(|counters| counters.open_requests == 0).await;
}

#[tokio::test]
async fn an_idle_connection_holds_nobody_up() {
    let (mut served, _first) = gateway("20s").await;
    let mut line = Line::connect(served.address).await;
    line.send(b"GET /health/live HTTP/1.1\r\nhost: g\r\n\r\n").await;
    line.until("live").await;

    let began = std::time::Instant::now();
    assert!(served.stop().await);

    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_change_whose_client_has_gone_is_made_and_noted_before_the_end() {
    let mut served = Served::start("").await;
    found(&mut served).await;
    let (ada, _) = sign_in(served.address, "ada").await;
    // The password is hashed first, which takes long beside everything else.
    let body = json!({ "name": "grace", "password": PASSWORD, "roles": ["user"] }).to_string();
    let head = format!(
        "POST /api/v1/users HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {ada}\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut line = Line::connect(served.address).await;
    line.send(head.as_bytes()).await;
    // Who it is and whether they may is known by then.
    line.until("100 Continue").await;
    line.send(body.as_bytes()).await;
    // One thread serves: once it has answered these, it has read the body.
    for _ in 0..3 {
        assert_eq!(call(served.address, "GET /health/live", "", None).await.status, 200);
    }

    drop(line);
    assert!(served.stop().await, "everything ended in time");

    let again = Served::start_on(&served.database, "").await;
    sign_in(again.address, "grace").await;
    let noted = call(again.address, "GET /api/v1/audit?action=user.create", &ada, None).await;
    assert_eq!(noted.json()["data"].as_array().map(Vec::len), Some(1), "{}", noted.text());
}
