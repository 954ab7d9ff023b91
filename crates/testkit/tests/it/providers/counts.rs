//! What it counts and keeps.

use std::time::Duration;

use codeflow_testkit::providers::{
    Format, Manner, Misbehaviour, Moment, ProviderServer, ServerSettings, Shape,
};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::world::{ask, post};

#[tokio::test]
async fn requests_are_counted_and_kept_as_they_came() {
    let server = ProviderServer::start().await.unwrap();

    post(&server, "/v1/chat/completions?a=b", &json!({ "model": "m" })).await.unwrap();
    post(&server, "/nowhere", &json!({})).await.unwrap();

    let counters = server.wait_until(|counters| counters.open_connections == 0).await;
    assert_eq!((counters.requests, counters.finished, counters.connections), (2, 2, 2));
    assert_eq!((counters.requests_to("/completions"), counters.requests_to("/nowhere")), (1, 1));
    let [request] = &server.requests()[..] else { panic!("one request led somewhere") };
    assert_eq!(
        (request.method.as_str(), &request.path[..], &request.query[..]),
        ("POST", "/v1/chat/completions", "a=b")
    );
    assert_eq!((request.json(), request.header("x-test")), (json!({ "model": "m" }), "yes"));
}

#[tokio::test]
async fn what_was_seen_is_told_over_http() {
    let server = ProviderServer::start().await.unwrap();
    assert_eq!(
        post(&server, "/seen", &json!({})).await.unwrap().json(),
        json!({ "requests": 0, "hung_up": 0, "last": null })
    );

    post(&server, "/v1/chat/completions", &json!({ "model": "m" })).await.unwrap();

    let last = json!({ "path": "/v1/chat/completions", "body": { "model": "m" } });
    assert_eq!(
        post(&server, "/seen", &json!({})).await.unwrap().json(),
        json!({ "requests": 1, "hung_up": 0, "last": last })
    );
}

#[tokio::test]
async fn only_the_last_requests_are_kept() {
    let server = ProviderServer::start_with(ServerSettings { kept: 2, ..ServerSettings::default() });
    let server = server.await.unwrap();

    for number in 0..5 {
        post(&server, "/v1/messages", &json!({ "number": number })).await.unwrap();
    }

    let kept: Vec<_> = server.requests().iter().map(|request| request.json()["number"].clone()).collect();
    assert_eq!(kept, [3, 4]);
}

#[tokio::test]
async fn a_client_that_hangs_up_is_noticed() {
    let server = ProviderServer::start().await.unwrap();
    for (at, has_head, has_body) in [
        (Moment::BeforeHead, false, false),
        (Moment::AfterHead, true, false),
        (Moment::AfterTokens, true, true),
    ] {
        server.next(Misbehaviour::Stops { at, how: Manner::Hangs });
        let before = server.counters().hung_up;
        tokio::select! {
            _ = ask(&server, Format::OpenAi, Shape::Stream, "Hello") => panic!("nothing more comes"),
            counters = server.wait_until(|counters| counters.stalled == 1) => {
                assert_eq!((counters.open_requests, counters.open_connections), (1, 1));
            }
        }

        let counters = server.wait_until(|counters| counters.hung_up > before).await;
        let last = counters.hang_ups.last().unwrap();
        assert_eq!((last.sent.is_some(), last.sent > Some(0)), (has_head, has_body), "{at:?}");
        assert_eq!((counters.stalled, counters.open_requests), (0, 0));
        server.wait_until(|counters| counters.open_connections == 0).await;
    }
}

#[tokio::test]
async fn waiting_for_what_does_not_come_ends() {
    let server = ProviderServer::start().await.unwrap();

    let counters = server.wait_within(Duration::from_millis(20), |counters| counters.requests > 0).await;

    assert_eq!(counters.unwrap_err().requests, 0);
}

#[tokio::test]
async fn a_dropped_server_closes_its_connections() {
    let server = ProviderServer::start().await.unwrap();
    let mut stream = TcpStream::connect(server.host()).await.unwrap();
    let host = server.host();
    server.wait_until(|counters| counters.open_connections == 1).await;

    drop(server);

    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert!(TcpStream::connect(host).await.is_err());
}
