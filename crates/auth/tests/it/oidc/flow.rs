//! Sign-ins that go well, and what is asked of the issuer on the way.

use std::collections::HashMap;
use std::time::Duration;

use codeflow_auth::{ErrorKind, FinishedSignIn, NewUsers, VerifiedIdentity};
use codeflow_core::{Clock, Tenant};
use secrecy::ExposeSecret;
use serde_json::json;
use url::Url;

use super::issuer::{Instead, Lies};
use super::signer::Sign;
use super::world::World;

fn expected(world: &World) -> FinishedSignIn {
    FinishedSignIn {
        identity: VerifiedIdentity {
            provider: "local".to_owned(),
            issuer: world.issuer.url(),
            subject: "subject".to_owned(),
            name: Some("Ada".to_owned()),
            email: Some("ada@example.com".to_owned()),
            email_verified: true,
            new_users: Some(NewUsers { tenant: Tenant::default(), roles: vec!["viewer".to_owned()] }),
        },
        redirect_after: Some("/runs?page=2#top".to_owned()),
    }
}

#[tokio::test]
async fn somebody_signs_in_whatever_the_issuer_signs_with() {
    for sign in [Sign::Rs256, Sign::Ps256, Sign::Es256, Sign::EdDsa] {
        let world = World::lying(Lies { sign, ..Lies::default() }).await;

        let finished = world.sign_in("local").await.unwrap();

        assert_eq!(finished, expected(&world), "{sign:?}");
    }
}

#[tokio::test]
async fn the_browser_is_sent_with_all_that_binds_its_answer() {
    let world = World::new().await;

    let begun = world.providers.begin("local", None).await.unwrap();
    let again = world.providers.begin("local", None).await.unwrap();
    let query = |url: &str| -> HashMap<String, String> {
        Url::parse(url).unwrap().query_pairs().into_owned().collect()
    };
    let (first, second) = (query(&begun.url), query(&again.url));

    assert!(begun.url.starts_with(&format!("{}/authorize?", world.issuer.url())));
    assert_eq!(first["redirect_uri"], "https://flow.example.com/callback/local");
    assert_eq!((&*first["response_type"], &*first["scope"]), ("code", "openid email"));
    assert_eq!(first["code_challenge_method"], "S256");
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(first[name].len(), 43, "{name}");
        assert_ne!(first[name], second[name], "{name}");
    }
    assert_eq!(begun.expires_at, world.clock.now().after(Duration::from_secs(600)));
    // Nothing that is kept is what came or will come, and nothing of the secrets is in the address.
    let kept = format!("{:?}", world.kept.attempts.lock().unwrap());
    assert!(!kept.contains(&first["state"]) && !begun.url.contains(begun.browser.expose_secret()));
}

#[tokio::test]
async fn what_changes_nothing_is_accepted() {
    let table: [(&str, Lies); 9] = [
        (
            "one audience in a list",
            Lies { claims: |claims| claims["aud"] = json!(["codeflow-here"]), ..Lies::default() },
        ),
        (
            "two audiences, and this one asked",
            Lies {
                claims: |claims| {
                    claims["aud"] = json!(["other", "codeflow-here"]);
                    claims["azp"] = json!("codeflow-here");
                },
                ..Lies::default()
            },
        ),
        (
            "the hash of the access token",
            // The left half of the SHA-256 of `access`.
            Lies { claims: |claims| claims["at_hash"] = json!(at_hash()), ..Lies::default() },
        ),
        ("over since 29 s", Lies { claims: |claims| later(claims, "exp", -300 - 29), ..Lies::default() }),
        ("issued in 30 s", Lies { claims: |claims| later(claims, "iat", 30), ..Lies::default() }),
        (
            "parts of seconds",
            Lies { claims: |claims| claims["exp"] = json!(4_102_444_800.5), ..Lies::default() },
        ),
        (
            "confirmed as a text",
            Lies { claims: |claims| claims["email_verified"] = json!("true"), ..Lies::default() },
        ),
        (
            "a token type in lower case",
            Lies { tokens: |tokens| tokens["token_type"] = json!("bearer"), ..Lies::default() },
        ),
        (
            "algorithms that are not said are RS256",
            Lies {
                discovery: |document| {
                    document.as_object_mut().unwrap().remove("id_token_signing_alg_values_supported");
                },
                ..Lies::default()
            },
        ),
    ];
    for (name, lies) in table {
        let world = World::lying(lies).await;

        assert_eq!(world.sign_in("local").await.expect(name), expected(&world), "{name}");
    }
}

fn at_hash() -> String {
    let whole = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"access");
    super::signer::encode(&whole.as_ref()[..16])
}

fn later(claims: &mut serde_json::Value, name: &str, by: i64) {
    claims[name] = json!(claims[name].as_i64().unwrap() + by);
}

#[tokio::test]
async fn an_address_that_the_token_does_not_have_is_asked_for() {
    let without: fn(&mut serde_json::Value) = |claims| {
        claims.as_object_mut().unwrap().remove("email");
        claims.as_object_mut().unwrap().remove("email_verified");
    };
    let world = World::lying(Lies { claims: without, ..Lies::default() }).await;

    assert_eq!(world.sign_in("local").await.unwrap(), expected(&world));
    assert_eq!(world.issuer.asked("/user"), 1);

    // Whoever has no such path is not asked, and an address that nobody confirmed is none.
    let world = World::lying(Lies {
        claims: without,
        discovery: |document| {
            document.as_object_mut().unwrap().remove("userinfo_endpoint");
        },
        ..Lies::default()
    })
    .await;
    let identity = world.sign_in("local").await.unwrap().identity;
    assert_eq!((identity.email, identity.email_verified), (None, false));
}

#[tokio::test]
async fn what_the_issuer_publishes_is_fetched_once_an_hour() {
    let world = World::new().await;
    for _ in 0..5 {
        world.sign_in("local").await.unwrap();
    }
    assert_eq!(world.issuer.asked("/.well-known/openid-configuration"), 1);
    assert_eq!(world.issuer.asked("/keys"), 1);

    let begun = world.providers.begin("local", None).await.unwrap();
    world.clock.advance(Duration::from_secs(3600));
    assert!(world.providers.begin("local", None).await.is_ok());
    assert_eq!(world.issuer.asked("/.well-known/openid-configuration"), 2);
    assert!(begun.expires_at < world.clock.now());
}

#[tokio::test]
async fn unknown_keys_are_fetched_once_a_minute() {
    let world = World::new().await;
    world.sign_in("local").await.unwrap();
    world.issuer.lie(Lies { header: |header| header["kid"] = json!("new"), ..Lies::default() });

    for _ in 0..5 {
        assert_eq!(world.sign_in("local").await.unwrap_err().kind(), ErrorKind::SignInFailed);
    }
    assert_eq!(world.issuer.asked("/keys"), 1);

    world.clock.advance(Duration::from_secs(60));
    for _ in 0..5 {
        world.sign_in("local").await.unwrap_err();
    }
    assert_eq!(world.issuer.asked("/keys"), 2);

    // The issuer publishes it, and a minute later it is found.
    world.clock.advance(Duration::from_secs(60));
    world.issuer.lie(Lies {
        header: |header| header["kid"] = json!("new"),
        keys: |keys| keys["keys"][0]["kid"] = json!("new"),
        ..Lies::default()
    });
    assert!(world.sign_in("local").await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_failed_is_left_alone_for_a_moment() {
    const PATH: &str = "/.well-known/openid-configuration";
    let world = World::lying(Lies { instead: Some((PATH, Instead::Status(503))), ..Lies::default() }).await;

    for _ in 0..5 {
        let error = world.providers.begin("local", None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    assert_eq!(world.issuer.asked(PATH), 1);

    world.issuer.lie(Lies::default());
    world.clock.advance(Duration::from_secs(5));
    assert!(world.sign_in("local").await.is_ok());
}

#[tokio::test]
async fn a_secret_goes_where_the_issuer_wants_it_and_a_client_without_one_has_pkce() {
    let post: fn(&mut serde_json::Value) = |document| {
        document["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
        let url = document["token_endpoint"].as_str().unwrap().replace("/token", "/plain/token");
        document["token_endpoint"] = json!(url);
    };
    let world = World::lying(Lies { discovery: post, ..Lies::default() }).await;
    // The other path wants the secret in the form, and sends no ID token; it got so far.
    let error = world.sign_in("local").await.unwrap_err();
    assert_eq!(error.to_string(), "the other service sent no ID token");

    let world = World::with(Lies::default(), |settings| settings.client_secret = None).await;
    let error = world.sign_in("local").await.unwrap_err();
    assert_eq!(error.to_string(), "the other service does not accept the code");
    assert_eq!(world.issuer.asked("/token"), 1);
}
