//! What a stolen sign-in does not do, over HTTP: second factors, and keys that outlive a password.

use std::net::SocketAddr;

use codeflow_auth::{Caller, NewUser, SecondFactor, User, UserStore};
use codeflow_core::Tenant;
use codeflow_runtime::Tasks;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::house::{House, PASSWORD, Plan};
use crate::live::Answered;

/// Who signed in with this access token asks.
async fn ask(house: &House, token: &str, first: &str, body: &Value) -> Answered {
    let token = format!("authorization: Bearer {token}");
    house.live.ask(first, &[&token, "content-type: application/json"], &body.to_string()).await
}

async fn post(house: &House, first: &str, body: Value) -> Answered {
    house.ask("nobody", &format!("POST {first}"), Some(&body)).await
}

#[tokio::test]
async fn a_second_factor_is_set_up_with_the_password() {
    let house = House::new().await;
    let first = "POST /api/v1/me/second-factor";

    let without = house.ask("user", first, Some(&json!({}))).await;
    let wrong = house.ask("user", first, Some(&json!({ "password": "certainly not it" }))).await;
    let begun = house.ask("user", first, Some(&json!({ "password": PASSWORD }))).await;

    assert_eq!((without.status, without.json()["errors"][0]["field"].as_str()), (422, Some("/password")));
    assert_eq!((wrong.status, wrong.code()), (401, "auth.wrong_password"));
    assert_eq!(begun.status, 201);
    assert!(begun.json()["uri"].as_str().is_some_and(|uri| uri.starts_with("otpauth://totp/")));
}

/// The access token and the id of a key of somebody new.
async fn newcomer(house: &House, name: &str) -> (String, String) {
    let wish = json!({ "name": name, "password": PASSWORD, "roles": ["user"] });
    assert_eq!(house.ask("admin", "POST /api/v1/users", Some(&wish)).await.status, 201);
    let login = json!({ "name": name, "password": PASSWORD });
    let signed = post(house, "/api/v1/auth/login", login).await.json();
    let token = signed["access_token"].as_str().expect("is a text").to_owned();
    let key = json!({ "name": "ci", "scopes": ["models:call"] });
    let made = ask(house, &token, "POST /api/v1/me/keys", &key).await;
    assert_eq!(made.status, 201, "{made:?}");
    (token, made.json()["key"]["id"].as_str().expect("it has one").to_owned())
}

async fn is_revoked(house: &House, key: &str) -> bool {
    let shown = house.ask("admin", &format!("GET /api/v1/keys/{key}"), None).await;
    !shown.json()["revoked_at"].is_null()
}

#[tokio::test]
async fn a_new_password_revokes_keys_as_it_is_told() {
    let house = House::new().await;
    let new = "another long password";

    for (said, revoked) in [(None, false), (Some(false), false), (Some(true), true)] {
        let (token, key) =
            newcomer(&house, &format!("own-{said:?}").to_lowercase().replace(['(', ')'], "")).await;
        let mut body = json!({ "old": PASSWORD, "new": new });
        if let Some(said) = said {
            body["revoke_keys"] = said.into();
        }
        assert_eq!(ask(&house, &token, "POST /api/v1/me/password", &body).await.status, 204);
        assert_eq!(is_revoked(&house, &key).await, revoked, "{said:?}");
    }
    for (said, revoked) in [(None, true), (Some(false), false), (Some(true), true)] {
        let name = format!("set-{said:?}").to_lowercase().replace(['(', ')'], "");
        let (token, key) = newcomer(&house, &name).await;
        let me = ask(&house, &token, "GET /api/v1/me", &json!({})).await.json();
        let mut body = json!({ "password": new });
        if let Some(said) = said {
            body["revoke_keys"] = said.into();
        }
        let path = format!("POST /api/v1/users/{}/password", me["user"].as_str().expect("is one"));
        assert_eq!(house.ask("admin", &path, Some(&body)).await.status, 204);
        assert_eq!(is_revoked(&house, &key).await, revoked, "{said:?}");
    }
}

#[tokio::test]
async fn a_user_is_shown_with_the_wait_of_its_name() {
    let house = House::new().await;
    let (token, _) = newcomer(&house, "someone").await;
    let me = ask(&house, &token, "GET /api/v1/me", &json!({})).await.json();
    let id = me["user"].as_str().expect("is one").to_owned();
    let wrong = json!({ "name": "someone", "password": "certainly not this one" });
    for _ in 0..6 {
        assert_eq!(post(&house, "/api/v1/auth/login", wrong.clone()).await.status, 401);
    }

    let locked = post(&house, "/api/v1/auth/login", wrong).await;
    let shown = house.ask("admin", &format!("GET /api/v1/users/{id}"), None).await.json();
    let unlocked = house.ask("admin", &format!("POST /api/v1/users/{id}/unlock"), None).await;
    let after = house.ask("admin", &format!("GET /api/v1/users/{id}"), None).await.json();

    assert_eq!((locked.status, locked.code()), (429, "auth.locked_out"));
    assert_eq!(shown["locked_until"], "2026-01-01T00:00:01.000Z");
    assert_eq!((unlocked.status, &after["locked_until"]), (204, &Value::Null));
}

/// A service that says yes to everybody, who is always the same.
async fn yes_sayer() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it listens");
    Tasks::new().spawn("a service", async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4096];
            let read = stream.read(&mut asked).await.unwrap_or_default();
            let body = if asked[..read].starts_with(b"POST /token") {
                json!({ "access_token": "theirs", "token_type": "bearer" })
            } else {
                json!({ "id": 4711, "login": "ana" })
            };
            let body = body.to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.ok();
        }
    });
    address
}

/// Signs in with the other service.
async fn come(house: &House) -> Answered {
    let begin = json!({ "redirect_after": "/console" });
    let begun = post(house, "/api/v1/auth/outside/github", begin).await;
    let cookie = begun.header("set-cookie").expect("the browser keeps something");
    let cookie = format!("cookie: {}", cookie.split(';').next().expect("it has a value"));
    let url = begun.json()["url"].as_str().expect("it is told").to_owned();
    let state = url.split('&').find_map(|pair| pair.strip_prefix("state=")).expect("it has a state");
    house.live.ask(&format!("GET /api/v1/auth/callback/github?state={state}&code=x"), &[&cookie], "").await
}

#[tokio::test]
async fn who_has_a_second_factor_brings_a_code_also_after_another_service() {
    let address = yes_sayer().await;
    let house = Plan::new().await.signing_in_at(address).build().await;
    let wish = NewUser {
        name: "ana".to_owned(),
        roles: vec!["user".to_owned()],
        identity: Some((format!("http://{address}"), "4711".to_owned())),
        ..NewUser::default()
    };
    let operator = Caller::operator(Tenant::default());
    let user = house.identity.create_user(&operator, wish).await.expect("nobody has the name");

    let plain = come(&house).await;
    let factor = SecondFactor {
        secret: house.vault().seal("second factor", b"of the device").expect("it can be sealed"),
        confirmed: true,
        last_step: 0,
        recovery: ["one", "two"].map(|code| house.recovery(code)).to_vec(),
    };
    let enrolled = User { second_factor: Some(factor), ..user };
    assert!(house.people.replace_user(&enrolled).await.expect("storage is there"));
    let came = come(&house).await;
    let ticket = came.json()["ticket"].clone();
    let finish = |code: &Value| json!({ "ticket": ticket.clone(), "code": code });
    let wrong = post(&house, "/api/v1/auth/second-factor", finish(&json!("000000"))).await;
    let signed = post(&house, "/api/v1/auth/second-factor", finish(&json!("one"))).await;
    let again = post(&house, "/api/v1/auth/second-factor", finish(&json!("two"))).await;

    assert_eq!(plain.status, 200, "{plain:?}");
    assert!(plain.json()["tokens"]["access_token"].is_string());
    assert_eq!((came.status, &came.json()["redirect_after"]), (202, &json!("/console")), "{came:?}");
    assert!(came.json()["tokens"].is_null() && came.json()["expires_at"].is_string());
    assert_eq!((wrong.status, wrong.code()), (401, "auth.wrong_second_factor"));
    assert_eq!((signed.status, &signed.json()["token_type"]), (200, &json!("Bearer")), "{signed:?}");
    assert_eq!((again.status, again.code()), (401, "auth.sign_in_failed"));
}
