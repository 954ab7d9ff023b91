//! The ways of people and programs through the paths under `/api`.

use serde_json::{Value, json};

use super::house::{House, PASSWORD};
use crate::live::Play;

async fn login(house: &House, name: &str, password: &str) -> crate::live::Answered {
    let body = json!({ "name": name, "password": password });
    house.ask("nobody", "POST /api/v1/auth/login", Some(&body)).await
}

#[tokio::test]
async fn a_user_signs_in_calls_goes_on_and_signs_out() {
    let house = House::new().await;

    let wrong = login(&house, "user", "something else entirely").await;
    let unknown = login(&house, "nobody-at-all", "something else entirely").await;
    let signed = login(&house, "user", PASSWORD).await;
    let tokens = signed.json();
    let access = format!("authorization: Bearer {}", tokens["access_token"].as_str().expect("is a text"));
    let me = house.live.ask("GET /api/v1/me", &[&access], "").await;
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let next = house.ask("nobody", "POST /api/v1/auth/refresh", Some(&refresh)).await;
    let logout = json!({ "refresh_token": next.json()["refresh_token"] });
    let out = house.ask("nobody", "POST /api/v1/auth/logout", Some(&logout)).await;
    let over = house.live.ask("GET /api/v1/me", &[&access], "").await;
    let reused = house.ask("nobody", "POST /api/v1/auth/refresh", Some(&refresh)).await;

    assert_eq!((wrong.status, wrong.code()), (401, "auth.wrong_password"));
    assert_eq!(wrong.json()["message"], unknown.json()["message"], "nobody learns which names there are");
    assert_eq!((signed.status, &tokens["token_type"]), (200, &json!("Bearer")));
    assert_eq!(
        (me.status, &me.json()["name"], &me.json()["credential"]),
        (200, &json!("user"), &json!("token"))
    );
    assert_eq!((next.status, out.status), (200, 204));
    assert_eq!((over.status, over.code()), (401, "auth.revoked"));
    assert_eq!(reused.status, 401);
}

#[tokio::test]
async fn a_key_is_shown_once_calls_models_and_is_refused_after_it_was_revoked() {
    let house = House::new().await;
    house.live.provider.plays([Play::Text("Hi")]);
    let wish = json!({ "name": "ci", "scopes": ["models:call"], "models": ["fast"] });

    let made = house.ask("admin", "POST /api/v1/keys", Some(&wish)).await;
    let secret = made.json()["secret"].as_str().expect("it is shown").to_owned();
    let id = made.json()["key"]["id"].as_str().expect("it has one").to_owned();
    let head = [format!("x-api-key: {secret}"), "content-type: application/json".to_owned()];
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let chat = json!({ "model": "fast", "messages": [] }).to_string();
    let called = house.live.ask("POST /v1/chat/completions", &head, &chat).await;
    let other = json!({ "model": "alpha/two", "messages": [] }).to_string();
    let forbidden = house.live.ask("POST /v1/chat/completions", &head, &other).await;
    let metrics = house.live.ask("GET /metrics", &head, "").await;
    let shown = house.ask("admin", &format!("GET /api/v1/keys/{id}"), None).await;
    let revoked = house.ask("admin", &format!("DELETE /api/v1/keys/{id}"), None).await;
    let refused = house.live.ask("POST /v1/chat/completions", &head, &chat).await;

    assert_eq!((made.status, called.status), (201, 200), "{called:?}");
    assert_eq!((forbidden.status, forbidden.code()), (403, "api.model_forbidden"));
    assert_eq!((metrics.status, metrics.code()), (403, "auth.forbidden"));
    assert!(shown.status == 200 && !shown.body.contains(&secret));
    assert_eq!((revoked.status, refused.status), (204, 401));
    assert_eq!(refused.code(), "auth.expired_key");
}

#[tokio::test]
async fn an_access_token_calls_models_for_its_user() {
    let house = House::new().await;
    house.live.provider.plays([Play::Text("Hi")]);
    let chat = json!({ "model": "fast", "messages": [] });

    let called = house.ask("user", "POST /v1/chat/completions", Some(&chat)).await;
    let looks = house.ask("viewer", "POST /v1/chat/completions", Some(&chat)).await;

    assert_eq!(called.status, 200, "{called:?}");
    assert_eq!((looks.status, looks.code()), (403, "auth.forbidden"));
}

#[tokio::test]
async fn a_workflow_is_kept_started_once_per_key_and_cancelled() {
    let house = House::new().await;
    let document = json!({ "document": "version: 1\nname: nap\nsteps: { rest: { sleep: 1h } }\n" });
    let start = json!({ "workflow": "nap" }).to_string();
    let head = [
        format!("authorization: Bearer {}", house.tokens["user"]),
        "content-type: application/json".to_owned(),
    ];
    let head: Vec<&str> = head.iter().map(String::as_str).chain(["idempotency-key: order-17"]).collect();

    let kept = house.ask("user", "POST /api/v1/workflows", Some(&document)).await;
    let first = house.live.ask("POST /api/v1/executions", &head, &start).await;
    let second = house.live.ask("POST /api/v1/executions", &head, &start).await;
    let id = first.json()["id"].as_str().expect("it has one").to_owned();
    let cancel = json!({ "reason": "enough" });
    let cancelled = house.ask("user", &format!("POST /api/v1/executions/{id}/cancel"), Some(&cancel)).await;
    let resumed = house.ask("user", &format!("POST /api/v1/executions/{id}/resume"), Some(&json!({}))).await;
    let listed = house.ask("viewer", "GET /api/v1/executions?workflow=nap&limit=1", None).await.json();
    let logs = house.ask("viewer", &format!("GET /api/v1/executions/{id}/logs"), None).await;
    let named = house.ask("viewer", "GET /api/v1/workflows", None).await.json();

    assert_eq!((kept.status, first.status, second.status), (201, 201, 200), "{first:?}");
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!((cancelled.status, resumed.status, resumed.code()), (202, 409, "engine.conflict"));
    assert_eq!((&listed["data"][0]["id"], &listed["next"]), (&json!(id), &json!(id)), "the page is full");
    assert_eq!((logs.status, &named["data"][0]["name"]), (200, &json!("nap")));
}

#[tokio::test]
async fn limits_are_changed_by_whoever_saw_the_last_ones() {
    let house = House::new().await;
    let rules = json!({ "tiers": { "authenticated": { "all": { "per_minute": 5 } } } });

    let changed =
        house.ask("operator", "PUT /api/v1/limits", Some(&json!({ "version": 0, "rules": rules }))).await;
    let late =
        house.ask("operator", "PUT /api/v1/limits", Some(&json!({ "version": 0, "rules": null }))).await;
    let odd =
        json!({ "version": 1, "rules": { "address": { "classes": { "surprise": { "per_minute": 5 } } } } });
    let odd = house.ask("operator", "PUT /api/v1/limits", Some(&odd)).await;
    let shown = house.ask("operator", "GET /api/v1/limits", None).await.json();
    house.identity.flush().await.expect("storage is there");
    let noted = house.ask("operator", "GET /api/v1/audit?action=limits.change", None).await.json();

    let verdict = house.ask("operator", "GET /api/v1/audit/verdict", None).await.json();
    let admin = house.ask("admin", "GET /api/v1/audit/verdict", None).await;

    assert!(verdict["entries"].as_u64().is_some_and(|entries| entries > 5) && verdict["broken"].is_null());
    assert_eq!(admin.status, 403, "it is about all tenants");
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!((late.status, late.code()), (409, "limits.conflict"));
    assert_eq!(odd.status, 422);
    assert_eq!(
        (&shown["version"], &shown["rules"]["tiers"]["authenticated"]["all"]["per_minute"]),
        (&json!(1), &json!(5))
    );
    assert_eq!(noted["data"][0]["details"], json!({ "version": 1 }));
    assert!(noted["data"][0]["request_id"].as_str().is_some_and(|id| id.starts_with("req_")));
}

#[tokio::test]
async fn the_keys_of_tokens_are_public_and_only_their_public_part() {
    let house = House::new().await;

    let keys = house.ask("nobody", "GET /api/v1/auth/jwks.json", None).await;

    let first = &keys.json()["keys"][0];
    assert_eq!((keys.status, &first["kty"]), (200, &json!("OKP")));
    assert!(first["d"].is_null() && first["kid"].is_string());
}

#[tokio::test]
async fn a_server_without_identity_and_engine_says_so() {
    let live = crate::live::Live::new().await;
    let body = json!({ "name": "ana", "password": "x" }).to_string();

    let login = live.ask("POST /api/v1/auth/login", &["content-type: application/json"], &body).await;
    let jwks = live.ask("GET /api/v1/auth/jwks.json", &[], "").await;
    let usage = live.get("/api/v1/usage").await;
    let denied = live.get("/api/v1/users").await;

    assert_eq!((login.status, login.code()), (503, "api.not_here"));
    assert_eq!((jwks.status, usage.status), (503, 200));
    assert_eq!(
        (denied.status, denied.code()),
        (403, "auth.forbidden"),
        "a key of the settings manages nothing"
    );
    let all: Value = live.get("/openapi.json").await.json();
    assert!(all["paths"]["/v1/models"].is_object());
}

#[tokio::test]
async fn a_sign_in_with_another_service_belongs_to_the_browser_that_began_it() {
    let house = House::new().await;
    let path = "/api/v1/auth/outside/github";

    let names = house.ask("nobody", "GET /api/v1/auth/outside", None).await.json();
    let begun =
        house.ask("nobody", &format!("POST {path}"), Some(&json!({ "redirect_after": "/console" }))).await;
    let elsewhere = json!({ "redirect_after": "https://evil.test" });
    let elsewhere = house.ask("nobody", &format!("POST {path}"), Some(&elsewhere)).await;
    let ghost = house.ask("nobody", "POST /api/v1/auth/outside/ghost", Some(&json!({}))).await;
    let url = begun.json()["url"].as_str().expect("it is told").to_owned();
    let state =
        url.split('&').find_map(|pair| pair.strip_prefix("state=")).expect("it has a state").to_owned();
    let back = format!("GET /api/v1/auth/callback/github?state={state}&code=x&scope=more&prompt=none");
    let other = house.live.ask(&back, &["cookie: codeflow_sign_in=another"], "").await;

    assert_eq!(names, json!({ "data": ["github"] }));
    let cookie = begun.header("set-cookie").expect("the browser keeps something");
    assert!(cookie.ends_with("; Max-Age=600; HttpOnly; Secure; SameSite=Lax; Path=/api/v1/auth"), "{cookie}");
    assert!(url.starts_with("https://github.test/authorize?"), "{url}");
    assert_eq!((elsewhere.status, ghost.status), (422, 404));
    assert_eq!((other.status, other.code()), (401, "auth.sign_in_failed"));
}

#[tokio::test]
async fn an_approval_is_decided_by_whoever_has_one_of_its_roles() {
    let house = House::new().await;
    let text = "version: 1\nname: ship\nsteps: { go: { approval: { roles: [lead] } } }\n";
    let kept = house.ask("admin", "POST /api/v1/workflows", Some(&json!({ "document": text }))).await;
    let id = house.ask("user", "POST /api/v1/executions", Some(&json!({ "workflow": "ship" }))).await;
    assert_eq!((kept.status, id.status), (201, 201), "{kept:?}");
    let path = format!("POST /api/v1/executions/{}/decision", id.json()["id"].as_str().expect("it has one"));
    let decide = json!({ "step": "go", "approved": true, "comment": "fine" });

    let before = house.ask("user", &path, Some(&decide)).await;
    let role = json!({ "permissions": ["executions:approve"] });
    let made = house.ask("admin", "PUT /api/v1/roles/lead", Some(&role)).await;
    let user =
        house.ask("user", "GET /api/v1/me", None).await.json()["user"].as_str().expect("is one").to_owned();
    let change = json!({ "roles": ["user", "lead"] });
    let changed = house.ask("admin", &format!("PATCH /api/v1/users/{user}"), Some(&change)).await;
    // Tokens of the moment of the change are void with those before it.
    house.clock.advance(std::time::Duration::from_secs(1));
    let signed = login(&house, "user", PASSWORD).await.json();
    let access = format!("authorization: Bearer {}", signed["access_token"].as_str().expect("is a text"));
    let head = [access.as_str(), "content-type: application/json"];
    let lead = house.live.ask(&path, &head, &decide.to_string()).await;
    let admin = house.ask("admin", &path, Some(&decide)).await;

    assert_eq!((before.status, before.code()), (403, "engine.forbidden"));
    assert_eq!((made.status, changed.status), (200, 200), "{made:?} {changed:?}");
    assert_eq!((lead.status, admin.status), (202, 202), "{lead:?}");
}
