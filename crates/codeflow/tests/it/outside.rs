//! Sign-ins with another service, over HTTP and to their end.

use std::sync::Arc;

use codeflow_testkit::TestDb;
use serde_json::{Value, json};

use crate::browser::begin;
use crate::forge::Forge;
use crate::identity::{call, found, sign_in, text};
use crate::served::Served;

const PATH: &str = "/api/v1/auth/outside/forge";

async fn whole_way(database: TestDb) {
    let forge = Forge::start().await;
    // One browser does what many people would.
    let settings = format!("{}[limits.requests.address]\nsign_in = 1000\n", forge.sign_in());
    let mut served = Served::start_on(&Arc::new(database), &settings).await;
    let at = served.address;
    let early = begin(at, &forge, PATH, "").await.finish(at).await.told;
    found(&mut served).await;
    let (ada, _) = sign_in(at, "ada").await;

    let begun = begin(at, &forge, PATH, "").await;
    let finished = begun.finish(at).await;
    let tokens = finished.told.json()["tokens"].clone();
    let access = tokens["access_token"].as_str().unwrap_or_default().to_owned();
    let me = call(at, "GET /api/v1/me", &access, None).await.json();
    let denied = call(at, "GET /api/v1/users", &access, None).await;
    let again = begin(at, &forge, PATH, "").await.finish(at).await.told.json();
    forge.becomes(4_712);
    let another = begin(at, &forge, PATH, "").await.finish(at).await.told.json();

    assert_eq!(
        (early.status, early.header("x-codeflow-error")),
        (403, "auth.forbidden"),
        "nobody is there yet"
    );
    assert_eq!(finished.told.status, 200, "{}", finished.told.text());
    assert_eq!(finished.told.json()["redirect_after"], "/console?tab=1");
    assert!(finished.cookie.starts_with("codeflow_sign_in=; Max-Age=0; "), "{}", finished.cookie);
    assert_eq!(
        (&me["tenant"], &me["credential"], &me["name"]),
        (&json!("acme"), &json!("token"), &json!("grace"))
    );
    assert_eq!(denied.status, 403, "they have the roles that settings give them");
    assert_eq!(again["tokens"]["user"], tokens["user"], "they are known by then");
    assert_ne!(again["tokens"]["session"], tokens["session"]);
    assert_ne!(another["tokens"]["user"], tokens["user"]);
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let refreshed = call(at, "POST /api/v1/auth/refresh", "", Some(refresh)).await;
    assert_eq!(text(&refreshed, "user"), tokens["user"].as_str().unwrap_or_default());
    let log = call(at, "GET /api/v1/audit?tenant=acme&limit=200", &ada, None).await.json();
    let count = |action: &str| {
        log["data"].as_array().map(|all| all.iter().filter(|one| one["action"] == action).count())
    };
    assert_eq!((count("user.create"), count("login.create")), (Some(2), Some(3)));
    let verdict = call(at, "GET /api/v1/audit/verdict", &ada, None).await.json();
    assert_eq!(verdict["broken"], Value::Null);
}

#[tokio::test]
async fn somebody_signs_in_with_another_service_over_sqlite() {
    whole_way(TestDb::sqlite().await).await;
}

#[tokio::test]
async fn somebody_signs_in_with_another_service_over_postgres() {
    whole_way(TestDb::postgres().await).await;
}

#[tokio::test]
async fn a_way_back_is_good_once_and_in_one_browser() {
    let forge = Forge::start().await;
    let mut served = Served::start(&forge.sign_in()).await;
    let at = served.address;
    found(&mut served).await;

    let begun = begin(at, &forge, PATH, "").await;
    let other = begin(at, &forge, PATH, "").await;
    let stolen = begun.finish_with(at, &other.cookie).await.told;
    let late = begun.finish(at).await.told;
    let fine = other.finish(at).await.told;
    let twice = other.finish(at).await.told;

    for refused in [&stolen, &late, &twice] {
        assert_eq!((refused.status, refused.header("x-codeflow-error")), (401, "auth.sign_in_failed"));
        assert!(!refused.text().contains("code-"), "{}", refused.text());
    }
    assert_eq!(fine.status, 200, "{}", fine.text());
}
