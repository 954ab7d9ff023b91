//! Keys: who makes them, when they sign, and how long they are accepted.

use std::sync::Arc;
use std::time::Duration;

use codeflow_auth::{ErrorKind, Signing, TokenSettings, Tokens, Vault};
use codeflow_core::Clock;
use codeflow_runtime::Tasks;
use codeflow_testkit::TokioClock;
use serde_json::Value;

use super::forge::{World, decode, encode, settings, token};
use crate::kept::Kept;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

fn kid(token: &str) -> String {
    let header: Value = serde_json::from_slice(&decode(token.split('.').next().unwrap())).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

fn kids(jwks: &Value) -> Vec<String> {
    let keys = jwks["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn processes_that_begin_at_once_agree_on_one_key() {
    let world = World::new();
    let processes: Vec<_> = (0..8).map(|_| Arc::new(world.process(settings()))).collect();
    let tasks = Tasks::new();

    let handles: Vec<_> = processes
        .iter()
        .cloned()
        .map(|process| tasks.spawn("process", async move { token(&process).await }))
        .collect();
    let mut tokens = Vec::new();
    for handle in handles {
        tokens.push(handle.await.unwrap().unwrap());
    }

    assert_eq!(world.keys().len(), 1);
    for process in &processes {
        for token in &tokens {
            process.verify(token).await.unwrap();
        }
    }
}

#[tokio::test]
async fn the_next_key_is_published_before_it_signs_and_the_last_accepted_until_its_tokens_are_over() {
    let world = World::new();
    let first = world.issue().await;
    world.clock.advance(30 * DAY - HOUR - Duration::from_micros(1));
    world.tokens.refresh().await.unwrap();
    assert_eq!(world.keys().len(), 1);

    world.clock.advance(Duration::from_micros(1));
    world.tokens.refresh().await.unwrap();
    let published = kids(&world.tokens.jwks().await.unwrap());
    assert_eq!(published, [world.keys()[0].id.clone(), world.keys()[1].id.clone()]);
    assert_eq!(kid(&world.issue().await), kid(&first));

    world.clock.advance(HOUR - Duration::from_micros(1));
    let last = world.issue().await;
    assert_eq!(kid(&last), kid(&first));
    world.clock.advance(Duration::from_micros(1));
    assert_eq!(kid(&world.issue().await), world.keys()[1].id);
    assert!(world.verify(&last).await.is_ok());

    // The last second in which the last token of the first key is good, and the key's own end.
    world.clock.advance(Duration::from_secs(900 + 29) - Duration::from_micros(1));
    assert!(world.verify(&last).await.is_ok());
    world.clock.advance(Duration::from_secs(31) + Duration::from_micros(1));
    assert_eq!(world.verify(&last).await.unwrap_err().kind(), ErrorKind::UnknownSigningKey);
    assert_eq!(kids(&world.tokens.jwks().await.unwrap()), [world.keys()[1].id.clone()]);
}

#[tokio::test]
async fn one_key_follows_the_other_without_a_gap_for_a_year() {
    let world = World::new();
    for _ in 0..365 * 4 {
        world.tokens.refresh().await.unwrap();
        let token = world.issue().await;
        world.verify(&token).await.unwrap();
        world.clock.advance(DAY / 4);
    }
    let keys = world.keys();

    assert_eq!(keys.len(), 13);
    for pair in keys.windows(2) {
        assert_eq!(pair[0].signs_until, pair[1].signs_from);
    }
}

#[tokio::test]
async fn an_installation_that_slept_through_a_rotation_signs_at_once() {
    let world = World::new();
    let first = world.issue().await;
    world.clock.advance(45 * DAY);

    let token = world.issue().await;

    assert_ne!(kid(&token), kid(&first));
    assert_eq!(world.keys()[1].signs_from, world.clock.now());
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_and_another_signs() {
    let world = World::new();
    let token = world.issue().await;
    world.clock.advance(30 * DAY - HOUR);
    world.tokens.refresh().await.unwrap();
    let next = world.keys()[1].clone();

    assert!(world.tokens.withdraw(&kid(&token)).await.unwrap());
    let token_of_now = world.issue().await;

    // The one that was published keeps its time; one of its own fills the time until then.
    let filler = world.keys()[2].clone();
    assert_eq!(kid(&token_of_now), filler.id);
    assert_eq!((filler.signs_from, filler.signs_until), (world.clock.now(), next.signs_from));
    assert_eq!(world.verify(&token).await.unwrap_err().kind(), ErrorKind::UnknownSigningKey);
    assert_eq!(kids(&world.tokens.jwks().await.unwrap()), [filler.id, next.id]);
    assert!(!world.tokens.withdraw("none with this name").await.unwrap());
}

#[tokio::test]
async fn a_process_whose_clock_is_behind_refuses_a_withdrawn_key_too() {
    let world = World::new();
    let token = world.issue().await;
    let behind = World { kept: world.kept.clone(), ..World::new() };
    let behind = behind.process(settings());
    // A minute, which is what two clocks may be apart when each is off by the leeway.
    world.clock.advance(Duration::from_secs(60));
    assert!(behind.verify(&token).await.is_ok());

    world.tokens.withdraw(&kid(&token)).await.unwrap();
    behind.refresh().await.unwrap();

    assert_eq!(behind.verify(&token).await.unwrap_err().kind(), ErrorKind::UnknownSigningKey);
}

#[tokio::test(start_paused = true)]
async fn all_processes_refuse_a_withdrawn_key_within_five_seconds() {
    let kept = Arc::new(Kept::default());
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::new());
    let vault = Arc::new(Vault::new(super::forge::SECRET).unwrap());
    let process = || {
        let sources =
            codeflow_auth::TokenSources { store: kept.clone(), vault: vault.clone(), clock: clock.clone() };
        Arc::new(codeflow_auth::SignedTokens::new(settings(), sources).unwrap())
    };
    let (one, other, tasks) = (process(), process(), Tasks::new());
    let token = token(&one).await;
    let watching = tasks.spawn("watch", {
        let (other, stop) = (Arc::clone(&other), tasks.stop_token());
        async move { other.watch(stop).await }
    });
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(other.verify(&token).await.is_ok());

    one.withdraw(&kid(&token)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;

    assert_eq!(other.verify(&token).await.unwrap_err().kind(), ErrorKind::UnknownSigningKey);

    // Storage is away and comes back: the watch goes on.
    kept.go_away(true);
    tokio::time::sleep(Duration::from_secs(20)).await;
    kept.go_away(false);
    let before = kept.reads();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(kept.reads() >= before + 9);
    assert!(tasks.shut_down(Duration::from_secs(5)).await);
    watching.await.unwrap();
}

#[tokio::test]
async fn unknown_keys_have_storage_asked_once_a_second_and_what_is_no_name_never() {
    let world = World::new();
    world.issue().await;
    let claims = world.claims().to_string();
    let token = |kid: &str| {
        let header = serde_json::json!({"alg": "EdDSA", "typ": "at+jwt", "kid": kid}).to_string();
        world.sign(&header, &claims)
    };
    let reads = world.kept.reads();

    for number in 0..1000 {
        let kid = encode(format!("{number:012}"));
        assert_eq!(kid.len(), 16);
        world.verify(&token(&kid)).await.unwrap_err();
    }
    assert_eq!(world.kept.reads(), reads, "it was just read when the key was made");
    world.clock.advance(Duration::from_secs(1));
    for number in 0..1000 {
        world.verify(&token(&encode(format!("{number:012}")))).await.unwrap_err();
    }
    assert_eq!(world.kept.reads(), reads + 1);
    world.clock.advance(Duration::from_secs(1));
    world.verify(&token("../../etc/passwd")).await.unwrap_err();
    assert_eq!(world.kept.reads(), reads + 1);
}

#[tokio::test]
async fn a_key_that_another_process_made_is_found_when_its_first_token_comes() {
    let world = World::new();
    let other = world.process(settings());
    other.refresh().await.unwrap();
    let old = token(&other).await;
    world.tokens.withdraw(&kid(&old)).await.unwrap();
    let token = world.issue().await;

    world.clock.advance(Duration::from_secs(1));

    assert!(other.verify(&token).await.is_ok());
}

#[tokio::test]
async fn known_keys_are_used_while_storage_is_away_and_nobody_is_refused_for_it() {
    let world = World::new();
    let token = world.issue().await;
    world.kept.go_away(true);

    assert!(world.verify(&token).await.is_ok());
    assert!(world.tokens.issue(&super::forge::subject()).await.is_ok());
    assert_eq!(kids(&world.tokens.jwks().await.unwrap()).len(), 1);
    assert_eq!(world.tokens.refresh().await.unwrap_err().kind(), ErrorKind::Unavailable);

    // A process that never saw the keys can tell nobody that their token is bad, however often it is asked.
    let fresh = world.process(settings());
    for _ in 0..2 {
        assert_eq!(fresh.verify(&token).await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert_eq!(fresh.issue(&super::forge::subject()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(fresh.jwks().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_key_that_was_put_into_storage_by_others_is_not_believed() {
    let world = World::new();
    let token = world.issue().await;
    let attacker = World::new();
    let forged = attacker.issue().await;
    {
        // Their key under our name: its public part, and a secret that our vault did not seal.
        let mut keys = world.kept.keys.lock().unwrap();
        keys[0].public = attacker.keys()[0].public.clone();
    }
    let fresh = world.process(settings());

    assert!(fresh.verify(&token).await.is_ok());
    assert_eq!(fresh.jwks().await.unwrap(), world.tokens.jwks().await.unwrap());
    let with_our_name = {
        let parts: Vec<&str> = forged.split('.').collect();
        format!("{}.{}.{}", encode(world.header().to_string()), parts[1], parts[2])
    };
    assert_eq!(fresh.verify(&with_our_name).await.unwrap_err().kind(), ErrorKind::BadSignature);
}

#[tokio::test]
async fn keys_that_cannot_be_opened_sign_nothing_until_they_are_withdrawn() {
    for break_it in [
        |key: &mut codeflow_auth::SigningKey| key.secret[20] ^= 1,
        |key: &mut codeflow_auth::SigningKey| key.algorithm = "ES256".to_owned(),
        |key: &mut codeflow_auth::SigningKey| key.algorithm = "RS256".to_owned(),
    ] {
        let world = World::new();
        let token = world.issue().await;
        break_it(&mut world.kept.keys.lock().unwrap()[0]);
        let fresh = world.process(settings());

        let error = fresh.issue(&super::forge::subject()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(fresh.verify(&token).await.unwrap_err().kind(), ErrorKind::UnknownSigningKey);

        fresh.withdraw(&kid(&token)).await.unwrap();
        assert!(fresh.issue(&super::forge::subject()).await.is_ok());
    }
}

#[tokio::test]
async fn public_keys_are_published_and_nothing_of_the_private_ones() {
    for (signing, members) in [
        (Signing::EdDsa, &["alg", "crv", "kid", "kty", "use", "x"][..]),
        (Signing::Es256, &["alg", "crv", "kid", "kty", "use", "x", "y"][..]),
    ] {
        let world = World::with(TokenSettings { signing, ..settings() });
        let token = world.issue().await;

        let jwks = world.tokens.jwks().await.unwrap();
        let mut names: Vec<_> = jwks["keys"][0].as_object().unwrap().keys().cloned().collect();
        names.sort();
        let key: jsonwebtoken::jwk::Jwk = serde_json::from_value(jwks["keys"][0].clone()).unwrap();
        let key = jsonwebtoken::DecodingKey::from_jwk(&key).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let algorithm = jwks["keys"][0]["alg"].as_str().unwrap().parse().unwrap();

        assert_eq!(names, members);
        assert!(jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &key, algorithm).unwrap());
    }
}
