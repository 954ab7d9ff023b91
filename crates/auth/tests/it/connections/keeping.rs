//! What is kept, shown and removed.

use std::collections::BTreeMap;

use codeflow_auth::{
    ConnectionService, ConnectionTokens, Connections, ErrorKind, ListedConnection, SecretIn,
};
use codeflow_core::Tenant;
use url::Url;

use super::service::Service;
use super::world::{World, settings, sources};

#[tokio::test]
async fn connections_are_listed_without_their_secrets() {
    let world = World::new().await;
    let other: Tenant = "other".parse().unwrap();

    let listed = world.connections.list(&Tenant::default()).await.unwrap();

    let expected = ListedConnection {
        service: "github".to_owned(),
        name: "main".to_owned(),
        scopes: vec!["repo".to_owned()],
        expires_at: world.tokens().expires_at,
    };
    assert_eq!(listed, [expected]);
    assert!(world.connections.list(&other).await.unwrap().is_empty());
    let kept = world.kept.connections.lock().unwrap().values().next().unwrap().clone();
    for secret in [&b"access-1"[..], b"refresh-1"] {
        assert!(!kept.secret.windows(secret.len()).any(|bytes| bytes == secret));
    }
    assert!(!format!("{:?} {:?}", world.connections, world.tokens()).contains("access-1"));
}

#[tokio::test]
async fn a_connection_that_was_removed_is_not_there() {
    let world = World::new().await;

    assert!(world.connections.remove(&Tenant::default(), "github", "main").await.unwrap());

    assert!(!world.connections.remove(&Tenant::default(), "github", "main").await.unwrap());
    assert_eq!(world.get().await.unwrap_err().kind(), ErrorKind::NotFound);
}

/// Whoever can write to storage can move rows, and gains nothing.
#[tokio::test]
async fn a_connection_that_was_moved_to_another_tenant_or_name_cannot_be_opened() {
    let world = World::new().await;
    let other: Tenant = "other".parse().unwrap();
    let kept = world.kept.connections.lock().unwrap().values().next().unwrap().clone();
    for (tenant, name) in [(Tenant::default(), "copy"), (other, "main")] {
        let moved =
            codeflow_auth::Connection { tenant: tenant.clone(), name: name.to_owned(), ..kept.clone() };
        let key = (tenant.clone(), "github".to_owned(), name.to_owned());
        world.kept.connections.lock().unwrap().insert(key, moved);

        let error = world.connections.access_token(&tenant, "github", name).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}

#[tokio::test]
async fn what_is_no_connection_is_refused() {
    let world = World::new().await;
    let token = |text: &str| ConnectionTokens { access_token: text.to_owned().into(), ..world.tokens() };
    let refresh =
        |text: &str| ConnectionTokens { refresh_token: Some(text.to_owned().into()), ..world.tokens() };
    let scopes = |scopes: Vec<String>| ConnectionTokens { scopes, ..world.tokens() };
    let table = [
        ("access_token", "main", token("")),
        ("access_token", "main", token("two words")),
        ("access_token", "main", token("a\r\nx: y")),
        ("access_token", "main", token(&"t".repeat(16 * 1024 + 1))),
        ("refresh_token", "main", refresh("")),
        ("refresh_token", "main", refresh("ä")),
        ("scopes", "main", scopes(vec!["s".repeat(256)])),
        ("scopes", "main", scopes(vec!["s".to_owned(); 101])),
        ("name", "", world.tokens()),
        ("name", "a\0", world.tokens()),
        ("name", &"n".repeat(101), world.tokens()),
    ];
    for (field, name, tokens) in table {
        let error = world.connections.put(&Tenant::default(), "github", name, tokens).await.unwrap_err();

        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, Some(field)));
    }
    let error =
        world.connections.put(&Tenant::default(), "nobody", "main", world.tokens()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let error = world.connections.access_token(&Tenant::default(), "github", "").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn settings_that_cannot_hold_are_refused_by_name() {
    let (world, service) = (World::new().await, Service::start().await);
    let good = || settings(&service);
    let table: [(&str, &str, ConnectionService); 4] = [
        ("services", "", good()),
        ("services", "Git:Hub", good()),
        ("services.github", "github", ConnectionService { client_id: String::new(), ..good() }),
        (
            "services.github",
            "github",
            ConnectionService { token: Url::parse("file:///x").unwrap(), ..good() },
        ),
    ];
    for (field, name, settings) in table {
        let services = BTreeMap::from([(name.to_owned(), settings)]);
        let sources = sources(&service, &world.kept, &world.clock, &world.tasks);

        let error = Connections::new(services, sources).unwrap_err();

        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, Some(field)));
    }
}

#[tokio::test]
async fn a_clients_secret_goes_where_the_service_wants_it() {
    let world = World::new().await;
    let secret = Some("secret".to_owned().into());
    for (secret_in, client_secret, header, id, in_form) in [
        (SecretIn::Header, secret.clone(), "Basic Y2xpZW50OnNlY3JldA==", None, None),
        (SecretIn::Form, secret, "", Some("client"), Some("secret")),
        (SecretIn::Header, None, "", Some("client"), None),
    ] {
        let settings = ConnectionService { secret_in, client_secret, ..settings(&world.service) };
        let sources = sources(&world.service, &world.kept, &world.clock, &world.tasks);
        let connections =
            Connections::new(BTreeMap::from([("github".to_owned(), settings)]), sources).unwrap();
        world.go_on(3600);

        super::world::get(&connections).await.unwrap();

        let asked = world.service.asked().pop().unwrap();
        let form = |name: &str| asked.form.get(name).map(String::as_str);
        assert_eq!(asked.authorization, header);
        assert_eq!((form("client_id"), form("client_secret")), (id, in_form));
        assert_eq!(form("grant_type"), Some("refresh_token"));
    }
}

#[tokio::test]
async fn a_tenant_has_at_most_five_hundred_connections() {
    let world = World::new().await;
    let default = Tenant::default();
    for number in 1..500 {
        world.connections.put(&default, "github", &format!("name{number}"), world.tokens()).await.unwrap();
    }

    let more = world.connections.put(&default, "github", "more", world.tokens()).await.unwrap_err();

    assert_eq!(
        (more.kind(), &*more.to_string()),
        (ErrorKind::Conflict, "a tenant has at most 500 connections")
    );
    world.put(world.tokens()).await.unwrap();
    let other: Tenant = "other".parse().unwrap();
    world.connections.put(&other, "github", "more", world.tokens()).await.unwrap();
}
