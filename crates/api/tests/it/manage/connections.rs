//! Connections to other services over HTTP. The way through a real service is tested where the parts are put together.

use codeflow_auth::ConnectionTokens;
use codeflow_core::{Clock, Tenant};
use serde_json::json;

use super::house::House;

const MAIN: &str = "/api/v1/connections/forge/main";

/// Tokens that are good for some seconds, if any.
async fn put(house: &House, seconds: Option<u64>, refresh_token: Option<&str>) {
    let tokens = ConnectionTokens {
        access_token: "SECRET-access".into(),
        refresh_token: refresh_token.map(Into::into),
        expires_at: seconds.map(|seconds| house.clock.now().after(std::time::Duration::from_secs(seconds))),
        scopes: vec!["repo".to_owned()],
    };
    house.connections.put(&Tenant::default(), "forge", "main", tokens).await.expect("it can be kept");
}

#[tokio::test]
async fn a_connection_is_seen_in_its_tenant_alone_and_never_with_its_tokens() {
    let house = House::new().await;
    put(&house, Some(3_600), Some("SECRET-refresh")).await;

    let listed = house.ask("viewer", "GET /api/v1/connections", None).await;
    let shown = house.ask("viewer", &format!("GET {MAIN}"), None).await;
    let checked = house.ask("admin", &format!("POST {MAIN}/check"), Some(&json!({}))).await;
    let theirs = house.ask("other", "GET /api/v1/connections", None).await.json();
    let others = [
        house.ask("other", &format!("GET {MAIN}"), None).await,
        house.ask("other", &format!("POST {MAIN}/check"), Some(&json!({}))).await,
        house.ask("other", &format!("DELETE {MAIN}"), None).await,
    ];
    let removed = house.ask("admin", &format!("DELETE {MAIN}"), None).await;
    let again = house.ask("admin", &format!("DELETE {MAIN}"), None).await;

    for answered in [&listed, &shown, &checked] {
        assert_eq!(answered.status, 200, "{answered:?}");
        assert!(!answered.body.contains("SECRET"), "{answered:?}");
    }
    assert_eq!(listed.json()["services"], json!(["forge"]));
    assert_eq!(listed.json()["data"][0]["scopes"], json!(["repo"]));
    assert_eq!(shown.json()["status"], "ready");
    assert_eq!(theirs["data"], json!([]));
    assert!(others.iter().all(|one| (one.status, one.code()) == (404, "auth.not_found")), "{others:?}");
    assert_eq!((removed.status, again.status), (204, 404));
}

#[tokio::test]
async fn a_connection_says_whether_somebody_has_to_connect_again() {
    let house = House::new().await;
    for (seconds, refresh, status) in [
        (None, None, "ready"),
        (Some(61), None, "ready"),
        (Some(59), Some("SECRET-refresh"), "due"),
        (Some(0), Some("SECRET-refresh"), "due"),
        (Some(0), None, "over"),
    ] {
        put(&house, seconds, refresh).await;
        let shown = house.ask("viewer", &format!("GET {MAIN}"), None).await.json();
        assert_eq!(shown["status"], status, "{seconds:?} {refresh:?}");
    }

    let over = house.ask("admin", &format!("POST {MAIN}/check"), Some(&json!({}))).await;
    assert_eq!((over.status, over.code()), (409, "auth.conflict"));
}

#[tokio::test]
async fn who_begins_a_connection_is_sent_with_all_that_binds_the_answer() {
    let house = House::new().await;
    let body = json!({ "redirect_after": "/console" });

    let begun = house.ask("admin", &format!("POST {MAIN}"), Some(&body)).await;
    let user = house.ask("user", &format!("POST {MAIN}"), Some(&body)).await;
    let ghost = house.ask("admin", "POST /api/v1/connections/ghost/main", Some(&json!({}))).await;
    let away = json!({ "redirect_after": "//evil.test" });
    let away = house.ask("admin", &format!("POST {MAIN}"), Some(&away)).await;
    let url = begun.json()["url"].as_str().expect("it is told").to_owned();
    let part = |name: &str| {
        url.split(['?', '&']).find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
    };
    let state = part("state").expect("it has a state");
    let back = |state: &str| format!("GET /api/v1/connections/callback/forge?state={state}&code=x&extra=1");
    let other = house.live.ask(&back(&state), &["cookie: codeflow_connect=another"], "").await;
    let twice = house.live.ask(&back(&state), &["cookie: codeflow_connect=another"], "").await;

    let cookie = begun.header("set-cookie").expect("the browser keeps something");
    let rules = "; Max-Age=600; HttpOnly; Secure; SameSite=Lax; Path=/api/v1/connections/callback";
    assert!(cookie.starts_with("codeflow_connect=") && cookie.ends_with(rules), "{cookie}");
    assert!(url.starts_with("https://forge.test/authorize?prompt=consent&response_type=code&"), "{url}");
    assert_eq!(part("scope").as_deref(), Some("repo"));
    assert_eq!(
        (part("code_challenge").map(|text| text.len()), part("code_challenge_method").as_deref()),
        (Some(43), Some("S256"))
    );
    assert_eq!((user.status, user.code()), (403, "auth.forbidden"));
    assert_eq!((ghost.status, away.status), (404, 422));
    assert_eq!((other.status, other.code()), (401, "auth.sign_in_failed"));
    assert_ne!(
        other.json()["message"],
        twice.json()["message"],
        "a state is good once, whatever comes of it"
    );
}

#[tokio::test]
async fn a_sign_in_cannot_be_finished_as_a_connection() {
    let house = House::new().await;
    let begun = house.ask("nobody", "POST /api/v1/auth/outside/github", Some(&json!({}))).await;
    let url = begun.json()["url"].as_str().expect("it is told").to_owned();
    let state = url.split('&').find_map(|pair| pair.strip_prefix("state=")).expect("it has a state");
    let cookie = begun.header("set-cookie").expect("there is one").to_owned();
    let value = cookie.split(['=', ';']).nth(1).expect("it has a value");

    let back = format!("GET /api/v1/connections/callback/forge?state={state}&code=x");
    let head = format!("cookie: codeflow_connect={value}");
    let crossed = house.live.ask(&back, &[&head], "").await;

    assert_eq!((crossed.status, crossed.code()), (401, "auth.sign_in_failed"));
    assert_eq!(crossed.json()["message"], "this connection is over, or was never begun here");
}
