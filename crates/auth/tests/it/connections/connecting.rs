//! Somebody connects: what is asked of the service, and what comes back in every way.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use codeflow_auth::{
    BegunSignIn, ConnectionService, ConnectionStatus, Connections, Error, ErrorKind, FinishedConnection,
    NewConnection, SecretIn, SignInAnswer,
};
use codeflow_core::{Clock, Tenant};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::Url;

use super::world::{World, get, settings, sources};

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// The services of a world, to which people may connect.
fn open(world: &World, change: impl Fn(&mut ConnectionService)) -> Connections {
    let mut service = ConnectionService {
        authorize: Some(url("https://forge.test/authorize?prompt=consent")),
        scopes: vec!["repo".to_owned(), "read:org".to_owned()],
        ..settings(&world.service)
    };
    change(&mut service);
    let closed = ConnectionService { authorize: None, ..service.clone() };
    let services = [("forge", service.clone()), ("github", service), ("handed-in", closed)];
    let services: BTreeMap<_, _> = services.map(|(name, one)| (name.to_owned(), one)).into();
    let sources = sources(&world.service, &world.kept, &world.clock, &world.tasks);
    let made = Connections::new(services, sources).unwrap();
    made.with_callback(url("https://flow.test/api/back/"), world.kept.clone()).unwrap()
}

fn wish(service: &str) -> NewConnection {
    NewConnection {
        tenant: Tenant::default(),
        service: service.to_owned(),
        name: "fresh".to_owned(),
        by: "user_1".to_owned(),
        redirect_after: Some("/console?tab=1".to_owned()),
    }
}

fn query(url: &str) -> HashMap<String, String> {
    Url::parse(url).unwrap().query_pairs().into_owned().collect()
}

/// What comes back when somebody says yes.
fn yes(begun: &BegunSignIn) -> SignInAnswer {
    SignInAnswer {
        state: query(&begun.url)["state"].clone(),
        code: Some("the-code".to_owned()),
        browser: begun.browser.expose_secret().to_owned(),
        ..SignInAnswer::default()
    }
}

fn granted() -> Value {
    json!({ "access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 3600, "scope": "repo" })
}

/// The whole way.
async fn connect(connections: &Connections) -> Result<FinishedConnection, Error> {
    let begun = connections.begin(wish("forge")).await.unwrap();
    connections.finish("forge", &yes(&begun)).await
}

#[tokio::test]
async fn somebody_connects_and_the_tokens_are_kept() {
    let world = World::new().await;
    let connections = open(&world, |_| {});
    world.service.next(200, granted().to_string());

    let made = connect(&connections).await.unwrap();

    let expected = FinishedConnection {
        tenant: Tenant::default(),
        service: "forge".to_owned(),
        name: "fresh".to_owned(),
        by: "user_1".to_owned(),
        redirect_after: Some("/console?tab=1".to_owned()),
    };
    assert_eq!(made, expected);
    let token = connections.access_token(&Tenant::default(), "forge", "fresh").await.unwrap();
    assert_eq!(token.expose_secret(), "new-access");
    let (listed, status) = connections.get(&Tenant::default(), "forge", "fresh").await.unwrap();
    assert_eq!((listed.scopes, status), (vec!["repo".to_owned()], ConnectionStatus::Ready));
    assert_eq!(listed.expires_at, Some(world.clock.now().after(Duration::from_secs(3600))));
    assert_eq!(get(&connections).await.unwrap(), "access-1", "the other one stays as it was");
}

#[tokio::test]
async fn what_is_asked_binds_the_answer_and_the_code() {
    for (secret_in, header, in_form) in
        [(SecretIn::Header, "Basic Y2xpZW50OnNlY3JldA==", None), (SecretIn::Form, "", Some("secret"))]
    {
        let world = World::new().await;
        let connections = open(&world, |service| service.secret_in = secret_in);
        world.service.next(200, granted().to_string());

        let begun = connections.begin(wish("forge")).await.unwrap();
        let again = connections.begin(wish("forge")).await.unwrap();
        connections.finish("forge", &yes(&begun)).await.unwrap();

        let (first, second) = (query(&begun.url), query(&again.url));
        assert!(begun.url.starts_with("https://forge.test/authorize?prompt=consent&"), "{}", begun.url);
        assert_eq!((&*first["response_type"], &*first["client_id"]), ("code", "client"));
        assert_eq!((&*first["scope"], &*first["code_challenge_method"]), ("repo read:org", "S256"));
        assert_eq!(first["redirect_uri"], "https://flow.test/api/back/forge");
        assert!(first["state"] != second["state"] && first["code_challenge"] != second["code_challenge"]);
        assert_eq!(begun.expires_at, world.clock.now().after(Duration::from_secs(600)));
        let asked = world.service.asked().pop().unwrap();
        assert_eq!((&*asked.form["grant_type"], &*asked.form["code"]), ("authorization_code", "the-code"));
        assert_eq!(asked.form["redirect_uri"], first["redirect_uri"]);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, asked.form["code_verifier"].as_bytes()));
        assert_eq!(challenge, first["code_challenge"]);
        assert_eq!(asked.authorization, header);
        assert_eq!(asked.form.get("client_secret").map(String::as_str), in_form);
        let kept = format!("{:?}", world.kept.attempts.lock().unwrap());
        assert!(!kept.contains(&second["state"]) && !begun.url.contains(begun.browser.expose_secret()));
    }
}

#[tokio::test]
async fn what_the_service_does_not_say_is_what_was_asked_for() {
    let world = World::new().await;
    let connections = open(&world, |_| {});
    world.service.next(200, json!({ "access_token": "forever" }).to_string());

    connect(&connections).await.unwrap();

    world.go_on(1_000_000_000);
    let (listed, status) = connections.get(&Tenant::default(), "forge", "fresh").await.unwrap();
    assert_eq!((listed.expires_at, status), (None, ConnectionStatus::Ready));
    assert_eq!(listed.scopes, ["repo", "read:org"]);
    // One that asks for nothing says nothing of it.
    let connections = open(&world, |service| service.scopes = Vec::new());
    let begun = connections.begin(wish("forge")).await.unwrap();
    assert!(!query(&begun.url).contains_key("scope"));
}

#[tokio::test]
async fn an_answer_of_the_service_that_gives_no_token_makes_no_connection() {
    let without = |name: &str| {
        let mut answer = granted();
        answer.as_object_mut().unwrap().remove(name);
        answer.to_string()
    };
    let table = [
        (400, json!({ "error": "invalid_grant" }).to_string(), ErrorKind::SignInFailed),
        (401, json!({ "error": "invalid_client" }).to_string(), ErrorKind::SignInFailed),
        // GitHub refuses with the status of success.
        (200, json!({ "error": "bad_verification_code" }).to_string(), ErrorKind::SignInFailed),
        (200, json!({ "error": "else", "access_token": "x" }).to_string(), ErrorKind::SignInFailed),
        (200, without("access_token"), ErrorKind::SignInFailed),
        (200, json!({ "access_token": "two words" }).to_string(), ErrorKind::SignInFailed),
        (200, "<!doctype html>".to_owned(), ErrorKind::SignInFailed),
        (302, granted().to_string(), ErrorKind::SignInFailed),
        (500, granted().to_string(), ErrorKind::Unavailable),
        (429, granted().to_string(), ErrorKind::Unavailable),
    ];
    for (status, body, kind) in table {
        let world = World::new().await;
        let connections = open(&world, |_| {});
        world.service.next(status, body.clone());

        let error = connect(&connections).await.unwrap_err();

        assert_eq!(error.kind(), kind, "{status} {body}");
        assert!(!error.to_string().contains("new-access"));
        let none = connections.get(&Tenant::default(), "forge", "fresh").await.unwrap_err();
        assert_eq!(none.kind(), ErrorKind::NotFound, "{status} {body}");
    }
}

#[tokio::test]
async fn an_answer_that_belongs_to_nothing_here_asks_the_service_nothing() {
    let world = World::new().await;
    let connections = open(&world, |_| {});
    let change = |change: fn(&mut SignInAnswer)| change;
    let table = [
        ("another browser", "forge", change(|answer| answer.browser = "another".to_owned())),
        ("no browser", "forge", change(|answer| answer.browser.clear())),
        ("another service", "github", change(|_| {})),
        ("another state", "forge", change(|answer| answer.state = "s".repeat(43))),
        ("a short state", "forge", change(|answer| answer.state = "s".to_owned())),
        ("no", "forge", change(|answer| answer.error = Some("access_denied".to_owned()))),
        ("no code", "forge", change(|answer| answer.code = None)),
        ("an empty code", "forge", change(|answer| answer.code = Some(String::new()))),
        ("a long code", "forge", change(|answer| answer.code = Some("c".repeat(4097)))),
    ];
    for (name, service, change) in table {
        let begun = connections.begin(wish("forge")).await.unwrap();
        let mut answer = yes(&begun);
        change(&mut answer);

        let error = connections.finish(service, &answer).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::SignInFailed, "{name}");
        if answer.state == query(&begun.url)["state"] {
            let late = connections.finish("forge", &yes(&begun)).await.unwrap_err();
            assert_eq!(late.kind(), ErrorKind::SignInFailed, "{name}: a state is good once");
        }
    }
    let begun = connections.begin(wish("forge")).await.unwrap();
    world.go_on(600);
    assert_eq!(connections.finish("forge", &yes(&begun)).await.unwrap_err().kind(), ErrorKind::SignInFailed);
    assert!(world.service.asked().is_empty());
}

#[tokio::test]
async fn nobody_connects_where_nobody_may() {
    let world = World::new().await;
    let connections = open(&world, |_| {});
    let closed = &world.connections;

    assert_eq!(connections.services().collect::<Vec<_>>(), ["forge", "github"]);
    assert_eq!(closed.services().count(), 0, "there is nowhere to come back to");
    for (connections, service) in [(&connections, "handed-in"), (&connections, "ghost"), (closed, "github")] {
        let error = connections.begin(wish(service)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{service}");
        let error = connections.finish(service, &SignInAnswer::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{service}");
    }
    for (field, change) in [
        ("name", NewConnection { name: String::new(), ..wish("forge") }),
        ("redirect_after", NewConnection { redirect_after: Some("//evil.test".to_owned()), ..wish("forge") }),
    ] {
        let error = connections.begin(change).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, Some(field)));
    }
}

#[tokio::test]
async fn settings_of_the_way_back_that_cannot_hold_are_refused() {
    let world = World::new().await;
    for callback in ["https://flow.test/?a=b", "https://flow.test/#a", "file:///back"] {
        let connections = world.connections.clone();
        let error = connections.with_callback(url(callback), world.kept.clone()).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, Some("callback")), "{callback}");
    }
    let good = || settings(&world.service);
    for (name, service) in
        [("callback", good()), ("forge", ConnectionService { authorize: Some(url("file:///x")), ..good() })]
    {
        let sources = sources(&world.service, &world.kept, &world.clock, &world.tasks);
        let error = Connections::new([(name.to_owned(), service)].into(), sources).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}");
    }
}

#[tokio::test]
async fn a_tenant_has_five_hundred_connections_and_no_more() {
    let world = World::new().await;
    let connections = open(&world, |_| {});
    let tenant = Tenant::default();
    for number in 1..500 {
        connections.put(&tenant, "github", &format!("c{number}"), world.tokens()).await.unwrap();
    }

    let full = connections.begin(wish("forge")).await.unwrap_err();
    let there = NewConnection { name: "main".to_owned(), ..wish("github") };
    let again = connections.begin(there).await;
    let elsewhere = NewConnection { tenant: "other".parse().unwrap(), ..wish("forge") };
    let other = connections.begin(elsewhere).await;

    assert_eq!(full.kind(), ErrorKind::Conflict);
    assert!(again.is_ok(), "one that is there may be made anew");
    assert!(other.is_ok());
}

#[tokio::test]
async fn a_connection_says_how_it_is() {
    let world = World::new().await;
    let status = async || world.connections.get(&Tenant::default(), "github", "main").await.unwrap().1;

    assert_eq!(status().await, ConnectionStatus::Ready);
    world.go_on(3_541);
    assert_eq!(status().await, ConnectionStatus::Due);
    world.service.next(400, json!({ "error": "invalid_grant" }).to_string());
    // What is left of it is good for some seconds still, and nothing follows.
    assert_eq!(world.get().await.unwrap(), "access-1");
    assert_eq!(status().await, ConnectionStatus::Refused);
    let over = codeflow_auth::ConnectionTokens { refresh_token: None, ..world.tokens() };
    world.put(over).await.unwrap();
    assert_eq!(status().await, ConnectionStatus::Ready);
    world.go_on(3_600);
    assert_eq!(status().await, ConnectionStatus::Over);
    let texts =
        [ConnectionStatus::Ready, ConnectionStatus::Due, ConnectionStatus::Over, ConnectionStatus::Refused];
    assert_eq!(texts.map(ConnectionStatus::as_str), ["ready", "due", "over", "refused"]);
    let none = world.connections.get(&"other".parse().unwrap(), "github", "main").await.unwrap_err();
    assert_eq!(none.kind(), ErrorKind::NotFound);
}
