//! Redirects: how many, where to, and what goes along.

use codeflow_net::{ErrorKind, Limits, NetPolicy, Phase};
use http::{HeaderValue, Method};

use crate::world::{Names, Server, client, client_with, get, ok, policy, post, redirect};

const CREDENTIALS: [&str; 7] = [
    "authorization",
    "cookie",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "proxy-authorization",
    "x-amz-security-token",
];

#[tokio::test]
async fn three_redirects_are_followed_and_a_fourth_is_not() {
    let server = Server::start(|request| {
        let left: u32 = request.head.split(['/', ' ']).nth(2).unwrap().parse().unwrap();
        if left == 0 { ok("there") } else { redirect(302, &format!("/{}", left - 1)) }
    })
    .await;
    let url = |count: u32| format!("http://127.0.0.1:{}/{count}", server.port);

    let there = client().send(get(url(3))).await.unwrap();
    let lost = client().send(get(url(4))).await.unwrap_err();

    assert_eq!(there.url.path(), "/0");
    assert_eq!(there.bytes().await.unwrap(), "there");
    assert_eq!((lost.code(), lost.phase()), ("net.redirect", Phase::Answered));
    assert_eq!(server.seen().len(), 8, "four requests each, and none to where the fourth leads");
}

#[tokio::test]
async fn a_client_that_follows_none_sends_its_body_to_nobody_else() {
    let other = Server::start(|_| ok("got it")).await;
    let to = format!("http://127.0.0.1:{}/", other.port);
    let server = Server::start(move |_| redirect(307, &to)).await;
    let stays = client().with_limits(Limits { redirects: 0, ..Limits::default() });

    let error = stays.send(post(format!("http://127.0.0.1:{}/", server.port), "secret")).await.unwrap_err();

    assert_eq!((error.kind(), error.phase()), (ErrorKind::Redirect, Phase::Answered));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn more_than_three_redirects_cannot_be_asked_for() {
    let server = Server::start(|_| redirect(302, "/")).await;
    let patient = client().with_limits(Limits { redirects: 100, ..Limits::default() });

    let error = patient.send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert_eq!(server.seen().len(), 4);
}

#[tokio::test]
async fn a_redirect_inside_is_refused() {
    let inside = Server::start(|_| ok("secret")).await;
    let names = Names::new(&[("named.test", &[&["127.0.0.1"]]), ("evil.test", &[&["127.0.0.1"]])]);
    let policy = NetPolicy { plain_http: true, ..policy(&["named.test"]) };
    let port = inside.port;
    let table = [
        ("http://169.254.169.254/latest/meta-data".to_owned(), ErrorKind::RefusedAddress),
        (format!("http://127.0.0.1:{port}/"), ErrorKind::RefusedAddress),
        (format!("//127.1:{port}/"), ErrorKind::RefusedAddress),
        (format!("http://[::ffff:7f00:1]:{port}/"), ErrorKind::RefusedAddress),
        (format!("http://evil.test:{port}/"), ErrorKind::RefusedAddress),
        (format!("http://user@named.test:{port}/"), ErrorKind::InvalidUrl),
        ("file:///etc/passwd".to_owned(), ErrorKind::InvalidUrl),
        ("http://".to_owned(), ErrorKind::Redirect),
    ];
    for (location, kind) in table {
        let to = location.clone();
        let server = Server::start(move |_| redirect(307, &to)).await;

        let url = format!("http://named.test:{}/", server.port);
        let error = client_with(policy.clone(), &names).send(get(url)).await.unwrap_err();

        assert_eq!(error.kind(), kind, "{location}");
        assert!(error.phase() >= Phase::MaybeSent, "the first request was sent");
    }
    assert_eq!(inside.opened(), 0);
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let other = Server::start(|_| ok("other")).await;
    let port = other.port;
    let first = Server::start(move |request| match request.head.contains("/away") {
        true => redirect(307, &format!("http://b.test:{port}/")),
        false => redirect(307, "/away"),
    })
    .await;
    let names = Names::new(&[("a.test", &[&["127.0.0.1"]]), ("b.test", &[&["127.0.0.1"]])]);
    let mut request = post(format!("http://a.test:{}/", first.port), "body");
    for name in CREDENTIALS {
        request.headers.insert(name, HeaderValue::from_static("word"));
    }
    request.headers.insert("accept", HeaderValue::from_static("text/plain"));
    request.headers.insert("x-anything", HeaderValue::from_static("unknown"));

    let answer = client_with(policy(&["a.test", "b.test"]), &names).send(request).await.unwrap();

    assert_eq!(answer.url.host_str(), Some("b.test"));
    let (same, away) = (first.seen()[1].clone(), other.seen()[0].clone());
    for name in CREDENTIALS.into_iter().chain(["x-anything"]) {
        assert!(same.has(name), "{name} goes on to the same origin");
        assert!(!away.has(name), "{name} does not go to another origin");
    }
    assert!(away.has("accept") && away.body == "body");
}

#[tokio::test]
async fn another_port_is_another_origin() {
    let other = Server::start(|_| ok("other")).await;
    let port = other.port;
    let first = Server::start(move |_| redirect(302, &format!("http://127.0.0.1:{port}/"))).await;
    let mut request = get(format!("http://127.0.0.1:{}/", first.port));
    request.headers.insert("x-api-key", HeaderValue::from_static("word"));

    client().send(request).await.unwrap();

    assert!(first.seen()[0].has("x-api-key") && !other.seen()[0].has("x-api-key"));
}

#[tokio::test]
async fn the_method_follows_the_status() {
    let table = [
        (301, Method::POST, "GET", ""),
        (302, Method::POST, "GET", ""),
        (303, Method::POST, "GET", ""),
        (303, Method::PUT, "GET", ""),
        (303, Method::HEAD, "HEAD", ""),
        (302, Method::PUT, "PUT", "body"),
        (307, Method::POST, "POST", "body"),
        (308, Method::POST, "POST", "body"),
    ];
    for (status, method, expected, body) in table {
        let server = Server::start(move |request| match request.head.contains("/next") {
            true => ok(""),
            false => redirect(status, "/next"),
        })
        .await;
        let mut request = post(format!("http://127.0.0.1:{}/", server.port), "body");
        request.headers.insert("content-type", HeaderValue::from_static("text/plain"));
        if method == Method::HEAD {
            request.body = bytes::Bytes::new();
        }
        request.method = method.clone();

        client().send(request).await.unwrap();

        let next = server.seen()[1].clone();
        assert!(next.head.starts_with(&format!("{expected} /next")), "{status} {method}: {}", next.head);
        assert_eq!(next.body, body, "{status} {method}");
        assert_eq!(next.has("content-type"), expected != "GET", "{status} {method}");
    }
}

#[tokio::test]
async fn an_answer_that_leads_nowhere_is_an_answer() {
    for head in ["304 Not Modified\r\nlocation: /x", "302 Found", "404 Not Found\r\nlocation: /x"] {
        let text = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start(move |_| crate::world::Reply::Send(text.clone())).await;

        let answer = client().send(get(format!("http://127.0.0.1:{}/", server.port))).await.unwrap();

        assert_eq!(answer.status.as_str(), &head[..3]);
        assert_eq!(server.seen().len(), 1);
    }
}
