//! Connections: shared when an answer was read, closed when it was dropped; and the connector alone.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use codeflow_net::{Error, ErrorKind, Guard, NetPolicy, Phase};
use futures_util::StreamExt;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use url::Url;

use crate::world::{Names, Reply, Server, client, get, ok, policy, post};

pub(crate) type Hyper = legacy::Client<codeflow_net::Connector, Full<bytes::Bytes>>;

pub(crate) fn hyper(policy: NetPolicy, names: &Names) -> Hyper {
    let guard = Guard::with_resolver(policy, Arc::new(names.clone()));
    legacy::Client::builder(TokioExecutor::new()).build(guard.connector().unwrap())
}

pub(crate) async fn fetch(client: &Hyper, url: &str) -> Result<bytes::Bytes, Error> {
    let answer = client.get(url.parse().unwrap()).await;
    let answer = answer.map_err(|error| Error::from_client(&Url::parse(url).unwrap(), error))?;
    Ok(answer.into_body().collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn answers_that_were_read_share_a_connection() {
    let server = Server::start(|_| ok("hello")).await;
    let client = client();

    for _ in 0..20 {
        let request = post(format!("http://127.0.0.1:{}/", server.port), "body");
        assert_eq!(client.clone().send(request).await.unwrap().bytes().await.unwrap(), "hello");
    }

    assert_eq!((server.seen().len(), server.opened()), (20, 1));
    assert_eq!(server.seen()[19].body, "body");
}

#[tokio::test]
async fn a_dropped_answer_closes_its_connection() {
    let server = Server::start(|_| Reply::Drip("HTTP/1.1 200 OK\r\n\r\n".to_owned())).await;
    let client = client();
    let url = format!("http://127.0.0.1:{}/", server.port);

    let answer = client.send(get(&url)).await.unwrap();
    drop(answer);
    server.until_closed(1).await;

    let mut pieces = Box::pin(client.send(get(&url)).await.unwrap().into_stream());
    assert!(pieces.next().await.unwrap().is_ok());
    drop(pieces);
    server.until_closed(2).await;
}

#[tokio::test]
async fn a_dropped_call_closes_its_connection() {
    let server = Server::start(|_| Reply::Hang(String::new())).await;
    let client = client();

    let call = client.send(get(format!("http://127.0.0.1:{}/", server.port)));
    assert!(tokio::time::timeout(Duration::from_millis(50), call).await.is_err());

    server.until_closed(1).await;
}

#[tokio::test]
async fn a_stream_yields_all_of_a_body_and_ends() {
    let server = Server::start(|_| ok("hello")).await;

    let answer = client().send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap();
    let pieces: Vec<_> = answer.into_stream().map(Result::unwrap).collect().await;

    assert_eq!(pieces.concat(), b"hello");
}

#[tokio::test]
async fn the_connector_reaches_named_hosts_and_keeps_its_connections() {
    let server = Server::start(|_| ok("hello")).await;
    let names = Names::new(&[("models.test", &[&["127.0.0.1"], &["10.0.0.1"]])]);
    let client = hyper(policy(&["models.test"]), &names);
    let url = format!("http://models.test:{}/", server.port);

    for _ in 0..5 {
        assert_eq!(fetch(&client, &url).await.unwrap(), "hello");
    }

    assert_eq!((server.opened(), names.asked("models.test")), (1, 1));
}

#[tokio::test]
async fn the_connector_refuses_what_the_client_refuses() {
    let server = Server::start(|_| ok("secret")).await;
    let names = Names::new(&[("inside.test", &[&["127.0.0.1"]]), ("named.test", &[&["169.254.169.254"]])]);
    let client = hyper(policy(&["named.test"]), &names);
    let table = [
        ("https://inside.test", "net.refused_address"),
        ("http://inside.test", "net.refused_address"),
        ("http://127.0.0.1", "net.refused_address"),
        ("https://[::ffff:127.0.0.1]", "net.refused_address"),
        ("http://named.test", "net.refused_address"),
        ("http://user@named.test", "net.invalid_url"),
        ("ftp://named.test", "net.invalid_url"),
        ("https://unknown.test", "net.resolve"),
    ];
    for (origin, code) in table {
        let error = fetch(&client, &format!("{origin}:{}/", server.port)).await.unwrap_err();

        assert_eq!((error.code(), error.phase()), (code, Phase::NotSent), "{origin}");
    }
    assert_eq!(server.opened(), 0);
}

#[tokio::test]
async fn the_connector_gives_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let policy = NetPolicy { connect_timeout: Duration::from_millis(60), ..policy(&["127.0.0.1"]) };
    let client = hyper(policy, &Names::default());

    let url = format!("https://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let error = fetch(&client, &url).await.unwrap_err();

    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Phase::NotSent));
}

#[test]
fn proxies_of_the_environment_are_not_used() {
    let proxy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());

    let mut other_test = Command::new(std::env::current_exe().unwrap());
    other_test.args(["--exact", "connections::answers_that_were_read_share_a_connection"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        other_test.env(name, &address);
    }
    let output = other_test.env_remove("no_proxy").env_remove("NO_PROXY").output().unwrap();

    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
    assert_eq!(proxy.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}
