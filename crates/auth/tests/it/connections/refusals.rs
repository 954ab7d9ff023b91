//! Refreshes that fail: for good, or for now.

use codeflow_auth::ConnectionTokens;
use codeflow_auth::ErrorKind::{self, SignInFailed, Unavailable};
use serde_json::json;

use super::world::World;

#[tokio::test]
async fn a_failed_refresh_says_whether_somebody_has_to_connect_again() {
    let huge = format!("{{\"access_token\":\"{}\"}}", "t".repeat(600 * 1024));
    let table = [
        (400, json!({"error": "invalid_grant"}).to_string(), SignInFailed),
        (200, json!({"error": "bad_refresh_token"}).to_string(), SignInFailed),
        (401, json!({"error": "invalid_client"}).to_string(), Unavailable),
        (400, json!({"error": "temporarily_unavailable"}).to_string(), Unavailable),
        (200, json!({"error": "slow_down", "access_token": "no"}).to_string(), Unavailable),
        (400, json!({"access_token": "no"}).to_string(), Unavailable),
        (200, json!({}).to_string(), Unavailable),
        (200, json!({"access_token": ""}).to_string(), Unavailable),
        (200, json!({"access_token": "a\nb"}).to_string(), Unavailable),
        (200, json!({"access_token": "a", "expires_in": -1}).to_string(), Unavailable),
        (200, "<html>".to_owned(), Unavailable),
        (200, huge, Unavailable),
        (307, String::new(), Unavailable),
        (429, String::new(), Unavailable),
        (500, String::new(), Unavailable),
        (503, "<html>".to_owned(), Unavailable),
    ];
    for (status, body, kind) in table {
        let world = World::new().await;
        world.go_on(3600);
        let shown: String = body.chars().take(60).collect();
        world.service.next(status, body);

        let error = world.get().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {shown}");
        // A refusal is remembered; all else is tried again.
        let again = world.get().await.map_err(|error| error.kind());
        let expected =
            if kind == SignInFailed { (Err(SignInFailed), 1) } else { (Ok("access-2".to_owned()), 2) };
        assert_eq!((again, world.service.asked().len()), expected, "{status} {shown}");
    }
}

#[tokio::test]
async fn a_token_that_is_still_good_is_used_while_the_next_cannot_be_had() {
    for body in [json!({"error": "invalid_grant"}), json!({"error": "server_error"})] {
        let world = World::new().await;
        world.go_on(3590);
        world.service.next(400, body.to_string());

        assert_eq!(world.get().await.unwrap(), "access-1");
    }
}

#[tokio::test]
async fn a_refused_connection_is_good_until_its_end_and_again_when_somebody_connects() {
    let world = World::new().await;
    world.go_on(3590);
    world.service.next(400, json!({"error": "invalid_grant"}).to_string());
    for _ in 0..3 {
        assert_eq!(world.get().await.unwrap(), "access-1");
    }
    assert_eq!(world.service.asked().len(), 1);
    world.go_on(10);
    assert_eq!(world.get().await.unwrap_err().kind(), SignInFailed);

    world.put(world.tokens()).await.unwrap();
    world.go_on(3600);
    assert_eq!(world.get().await.unwrap(), "access-2");
}

#[tokio::test]
async fn a_token_that_cannot_be_refreshed_is_used_to_its_end() {
    let world = World::new().await;
    world.put(ConnectionTokens { refresh_token: None, ..world.tokens() }).await.unwrap();

    world.go_on(3599);
    assert_eq!(world.get().await.unwrap(), "access-1");
    world.go_on(1);
    assert_eq!(world.get().await.unwrap_err().kind(), SignInFailed);
    assert!(world.service.asked().is_empty());
}

#[tokio::test]
async fn a_service_that_settings_know_no_more_refreshes_nothing() {
    let world = World::new().await;
    let sources = super::world::sources(&world.service, &world.kept, &world.clock, &world.tasks);
    let without = codeflow_auth::Connections::new(std::collections::BTreeMap::new(), sources).unwrap();

    assert_eq!(super::world::get(&without).await.unwrap(), "access-1");
    world.go_on(3600);
    assert_eq!(super::world::get(&without).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn storage_that_is_away_is_said_to_be() {
    let world = World::new().await;
    world.kept.go_away(true);

    assert_eq!(world.get().await.unwrap_err().kind(), Unavailable);
    assert_eq!(world.put(world.tokens()).await.unwrap_err().kind(), Unavailable);
}
