//! Connections to another service, over HTTP: somebody says yes, tokens are kept and refreshed, and nobody is told them.

use std::sync::Arc;

use codeflow_testkit::TestDb;
use serde_json::{Value, json};

use crate::browser::begin;
use crate::forge::Forge;
use crate::identity::{add_user, call, found, sign_in};
use crate::served::Served;
use crate::wire::Told;

const MAIN: &str = "/api/v1/connections/forge/main";

/// A server with an administrator, and one who uses another tenant's things.
async fn house(database: TestDb, forge: &Forge) -> (Served, String) {
    let mut served = Served::start_on(&Arc::new(database), &forge.connections()).await;
    found(&mut served).await;
    let (ada, _) = sign_in(served.address, "ada").await;
    (served, ada)
}

fn is_silent(told: &Told) {
    for secret in ["access-", "refresh-", "code-", "a secret of the client"] {
        assert!(!told.text().contains(secret), "{}", told.text());
    }
}

async fn whole_way(database: TestDb) {
    let forge = Forge::start().await;
    let (mut served, ada) = house(database, &forge).await;
    let at = served.address;
    // The first token is over so soon that nobody is given it any more.
    forge.lives(30);

    let made = begin(at, &forge, MAIN, &ada).await.finish(at).await;
    forge.lives(3_600);
    let due = call(at, &format!("GET {MAIN}"), &ada, None).await;
    let checked = call(at, &format!("POST {MAIN}/check"), &ada, Some(json!({}))).await;
    let again = call(at, &format!("POST {MAIN}/check"), &ada, Some(json!({}))).await;
    let listed = call(at, "GET /api/v1/connections", &ada, None).await;
    let shown = call(at, &format!("GET {MAIN}"), &ada, None).await;

    assert_eq!(made.told.status, 200, "{}", made.told.text());
    let told = json!({ "service": "forge", "name": "main", "redirect_after": "/console?tab=1" });
    assert_eq!(made.told.json(), told);
    assert!(made.cookie.starts_with("codeflow_connect=; Max-Age=0; "), "{}", made.cookie);
    assert_eq!((due.status, &due.json()["status"]), (200, &json!("due")), "{}", due.text());
    assert_eq!((checked.status, &checked.json()["status"]), (200, &json!("ready")), "{}", checked.text());
    assert_eq!((again.status, forge.refreshed()), (200, 1), "it is refreshed once");
    assert_eq!(listed.json()["data"][0]["scopes"], json!(["repo", "read:org"]), "as the service says");
    assert_eq!(shown.json()["status"], "ready");
    for told in [&made.told, &due, &checked, &again, &listed, &shown] {
        is_silent(told);
    }
    // Another process finds it as this one left it.
    let other = Served::start_on(&served.database, &forge.connections()).await;
    let there = call(other.address, &format!("POST {MAIN}/check"), &ada, Some(json!({}))).await;
    assert_eq!((there.status, forge.refreshed()), (200, 1), "{}", there.text());
    assert!(served.stop().await);
    removed(&other, &ada).await;
}

/// It can be removed, and the audit log knows who did all of that.
async fn removed(served: &Served, ada: &str) {
    let at = served.address;
    let gone = call(at, &format!("DELETE {MAIN}"), ada, None).await;
    let none = call(at, &format!("GET {MAIN}"), ada, None).await;
    let me = call(at, "GET /api/v1/me", ada, None).await.json();
    let log = call(at, "GET /api/v1/audit?limit=200", ada, None).await;
    let verdict = call(at, "GET /api/v1/audit/verdict", ada, None).await.json();

    assert_eq!((gone.status, none.status), (204, 404));
    let entries = log.json()["data"].as_array().cloned().unwrap_or_default();
    let of_connections: Vec<_> = entries
        .iter()
        .filter(|entry| entry["action"].as_str().is_some_and(|action| action.starts_with("connection.")))
        .map(|entry| (entry["action"].clone(), entry["target"].clone(), entry["actor"].clone()))
        .collect();
    let entry = |action: &str| (json!(action), json!("forge/main"), me["user"].clone());
    assert_eq!(of_connections, [entry("connection.create"), entry("connection.remove")]);
    assert_eq!(verdict["broken"], Value::Null);
    is_silent(&log);
}

#[tokio::test]
async fn somebody_connects_and_the_tokens_are_refreshed_and_never_told_over_sqlite() {
    whole_way(TestDb::sqlite().await).await;
}

#[tokio::test]
async fn somebody_connects_and_the_tokens_are_refreshed_and_never_told_over_postgres() {
    whole_way(TestDb::postgres().await).await;
}

#[tokio::test]
async fn a_connection_is_its_tenants_own() {
    let forge = Forge::start().await;
    let (served, ada) = house(TestDb::postgres().await, &forge).await;
    let at = served.address;
    add_user(at, &ada, json!({ "name": "grace", "roles": ["admin"], "tenant": "acme" })).await;
    add_user(at, &ada, json!({ "name": "joan", "roles": ["user"] })).await;
    let (grace, _) = sign_in(at, "grace").await;
    let (joan, _) = sign_in(at, "joan").await;
    let made = begin(at, &forge, MAIN, &ada).await.finish(at).await.told;
    assert_eq!(made.status, 200, "{}", made.text());

    let listed = call(at, "GET /api/v1/connections", &grace, None).await.json();
    let others = [
        call(at, &format!("GET {MAIN}"), &grace, None).await,
        call(at, &format!("POST {MAIN}/check"), &grace, Some(json!({}))).await,
        call(at, &format!("DELETE {MAIN}"), &grace, None).await,
    ];
    let own = begin(at, &forge, MAIN, &grace).await.finish(at).await.told;
    let gone = call(at, &format!("DELETE {MAIN}"), &grace, None).await;
    let looks = call(at, &format!("GET {MAIN}"), &joan, None).await;
    let writes = call(at, &format!("DELETE {MAIN}"), &joan, None).await;

    assert_eq!(listed["data"], json!([]));
    assert!(others.iter().all(|one| one.status == 404));
    assert_eq!((own.status, gone.status), (200, 204), "of the same name, in her own tenant");
    assert_eq!((looks.status, writes.status), (200, 403), "it is still there: {}", looks.text());
}

#[tokio::test]
async fn a_service_that_takes_everything_back_is_told_as_such() {
    let forge = Forge::start().await;
    let (served, ada) = house(TestDb::sqlite().await, &forge).await;
    let at = served.address;
    forge.lives(0);
    let made = begin(at, &forge, MAIN, &ada).await.finish(at).await.told;
    assert_eq!(made.status, 200, "{}", made.text());
    forge.close();

    let check = async || call(at, &format!("POST {MAIN}/check"), &ada, Some(json!({}))).await;
    let (first, second) = (check().await, check().await);
    let shown = call(at, &format!("GET {MAIN}"), &ada, None).await.json();

    assert_eq!((first.status, first.header("x-codeflow-error")), (409, "auth.conflict"));
    assert_eq!(second.status, 409);
    assert_eq!((&shown["status"], forge.refreshed()), (&json!("refused"), 1), "it is not asked again");
}

#[tokio::test]
async fn a_connection_that_comes_back_wrong_is_not_made() {
    let forge = Forge::start().await;
    let (served, ada) = house(TestDb::sqlite().await, &forge).await;
    let at = served.address;

    let begun = begin(at, &forge, MAIN, &ada).await;
    let stolen = begun.finish_with(at, "codeflow_connect=another").await.told;
    let late = begun.finish(at).await.told;
    let refused = begin(at, &forge, MAIN, &ada).await;
    let (path, _) = refused.back.split_once("code=").expect("there is a code");
    let (_, state) = refused.back.split_once("&state=").expect("there is a state");
    let back = format!("GET {path}error=access_denied&state={state}");
    let cookie = format!("cookie: {}\r\n", refused.cookie);
    let denied = crate::browser::ask(at, &back, &cookie, None).await.told;
    let listed = call(at, "GET /api/v1/connections", &ada, None).await.json();

    for one in [&stolen, &late, &denied] {
        assert_eq!(
            (one.status, one.header("x-codeflow-error")),
            (401, "auth.sign_in_failed"),
            "{}",
            one.text()
        );
        is_silent(one);
    }
    assert_eq!(listed["data"], json!([]));
}
