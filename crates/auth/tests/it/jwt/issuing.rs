//! What is issued, and until when it is accepted.

use std::time::Duration;

use codeflow_auth::{ErrorKind, Signing, Tokens};
use codeflow_core::Clock;
use serde_json::{Value, json};

use super::forge::{World, decode, settings, subject, with};

#[tokio::test]
async fn a_token_says_for_whom_and_for_how_long_it_was_issued() {
    let world = World::new();
    world.clock.advance(Duration::from_micros(1_250_001));

    let issued = world.tokens.issue(&subject()).await.unwrap();
    let claims = world.verify(secrecy::ExposeSecret::expose_secret(&issued.token)).await.unwrap();

    assert_eq!(claims.subject, subject());
    assert_eq!(claims.issued_at, world.clock.now());
    assert_eq!(claims.expires_at, issued.expires_at);
    // Whole seconds, counted from the second in which it was issued.
    assert_eq!(
        issued.expires_at,
        world.clock.now().before(Duration::from_micros(250_001)).after(Duration::from_secs(900))
    );
}

#[tokio::test]
async fn a_token_holds_what_was_promised_and_nothing_else() {
    let world = World::new();

    let token = world.issue().await;
    let parts: Vec<&str> = token.split('.').collect();
    let header: Value = serde_json::from_slice(&decode(parts[0])).unwrap();
    let mut claims: Value = serde_json::from_slice(&decode(parts[1])).unwrap();
    let jti = claims["jti"].take();

    assert_eq!(header, world.header());
    assert_eq!(jti.as_str().unwrap().len(), 22);
    let mut expected = world.claims();
    expected["jti"] = Value::Null;
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn no_two_tokens_are_alike() {
    let world = World::new();

    assert_ne!(world.issue().await, world.issue().await);
}

#[tokio::test]
async fn what_a_later_version_adds_to_the_claims_is_no_obstacle() {
    let world = World::new();
    world.issue().await;

    let token = world.sign(&world.header().to_string(), &with(&world.claims(), "later", json!({"a": [1]})));

    assert_eq!(world.verify(&token).await.unwrap().subject, subject());
}

/// At the edges a microsecond decides.
#[tokio::test]
async fn the_edges_of_a_tokens_time_are_exact() {
    let world = World::new();
    world.issue().await;
    let begin = 100;
    let (nbf, exp) = (world.now() + begin, world.now() + begin + 900);
    let mut claims = world.claims();
    claims["nbf"] = nbf.into();
    claims["exp"] = exp.into();
    let token = world.sign(&world.header().to_string(), &claims.to_string());
    let micro = Duration::from_micros(1);

    world.clock.advance(Duration::from_secs(70) - micro);
    assert_eq!(world.verify(&token).await.unwrap_err().kind(), ErrorKind::EarlyToken);
    world.clock.advance(micro);
    assert!(world.verify(&token).await.is_ok());
    world.clock.advance(Duration::from_secs(30 + 900 + 30) - micro);
    assert!(world.verify(&token).await.is_ok());
    world.clock.advance(micro);
    assert_eq!(world.verify(&token).await.unwrap_err().kind(), ErrorKind::ExpiredToken);
}

#[tokio::test]
async fn a_token_from_the_future_is_early() {
    let world = World::new();
    world.issue().await;
    let mut claims = world.claims();
    claims["iat"] = (world.now() + 31).into();
    let token = world.sign(&world.header().to_string(), &claims.to_string());

    assert_eq!(world.verify(&token).await.unwrap_err().kind(), ErrorKind::EarlyToken);
    world.clock.advance(Duration::from_secs(1));
    assert!(world.verify(&token).await.is_ok());
}

#[tokio::test]
async fn every_algorithm_signs_what_it_verifies_and_the_key_decides_which() {
    for (signing, name) in [
        (Signing::EdDsa, "EdDSA"),
        (Signing::Es256, "ES256"),
        (Signing::Hs256("0123456789abcdef0123456789abcdef".to_owned().into()), "HS256"),
    ] {
        let world = World::with(codeflow_auth::TokenSettings { signing, ..settings() });

        let token = world.issue().await;
        let header: Value = serde_json::from_slice(&decode(token.split('.').next().unwrap())).unwrap();

        assert_eq!(header["alg"], name);
        assert_eq!(world.verify(&token).await.unwrap().subject, subject(), "{name}");
    }
}

#[tokio::test]
async fn processes_with_the_same_secret_for_hs256_accept_each_others_tokens_and_publish_nothing() {
    let hs256 = |secret: &str| codeflow_auth::TokenSettings {
        signing: Signing::Hs256(secret.to_owned().into()),
        ..settings()
    };
    let world = World::with(hs256("0123456789abcdef0123456789abcdef"));

    let token = world.issue().await;
    let same = world.process(hs256("0123456789abcdef0123456789abcdef")).verify(&token).await;
    let other = world.process(hs256("another secret of thirty-two bytes")).verify(&token).await;

    assert!(same.is_ok());
    assert_eq!(other.unwrap_err().kind(), ErrorKind::UnknownSigningKey);
    assert_eq!(world.tokens.jwks().await.unwrap(), json!({"keys": []}));
    assert!(world.keys().is_empty());
}
