//! What requests bring to say who calls.

use codeflow_auth::{ErrorKind, IdentitySettings, LoginStore, UserStore};
use secrecy::ExposeSecret;

use crate::support::{cheap, kind, seconds, world, world_with};

#[tokio::test]
async fn what_cannot_be_read_is_no_credential() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    let id = "0192f0c1a2b37c3d8e4f5a6b7c8d9e0f";
    let secret = "A".repeat(43);
    assert_eq!(kind(world.caller_with("").await), ErrorKind::MissingCredential);
    for text in [
        signed_in.refresh.expose_secret(),
        "cf_",
        "cf_live",
        "cf_live_",
        "nonsense",
        &format!("cf_test_{id}_{secret}"),
        &format!("cf_live_{id}{secret}"),
        &format!("cf_live_{id}_{secret}A"),
        &format!("cf_live_{id}_{}", &secret[1..]),
        &format!("cf_live_{}_{secret}", id.to_uppercase()),
        &format!("cf_live_key_{id}_{secret}"),
        &format!("cf_live_{id}_{}=", &secret[1..]),
        &format!("cf_live_{id}_{}B", &secret[1..]),
        &format!("cf_live_{id}_ü{}", &secret[2..]),
        &format!(" cf_live_{id}_{secret}"),
    ] {
        assert_eq!(kind(world.caller_with(text).await), ErrorKind::MalformedCredential, "{text}");
    }
}

#[tokio::test]
async fn a_token_is_refused_when_its_user_is_gone_or_moved() {
    let world = world().await;
    let mut user = world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    let moved = signed_in.access.token.expose_secret().replace(" default ", " elsewhere ");
    world.caller_of(&signed_in).await.unwrap();

    assert_eq!(kind(world.caller_with(&moved).await), ErrorKind::Revoked);
    user.disabled = true;
    assert!(world.store.replace_user(&user).await.unwrap());
    world.clock.advance(seconds(3));
    assert_eq!(kind(world.caller_of(&signed_in).await), ErrorKind::Revoked);
    assert!(world.store.remove_user(user.id).await.unwrap());
    assert_eq!(kind(world.caller_of(&signed_in).await), ErrorKind::Revoked);
}

#[tokio::test]
async fn what_is_remembered_of_callers_is_bounded() {
    let world = world_with(IdentitySettings { remembered: 4, ..cheap() }).await;
    world.user("someone", &["user"]).await;
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(world.sign_in("someone").await);
    }

    for signed_in in &all {
        world.caller_of(signed_in).await.unwrap();
    }

    world.store.set_away(true);
    let mut remembered = 0;
    for signed_in in &all {
        remembered += usize::from(world.caller_of(signed_in).await.is_ok());
    }
    assert!((1..=4).contains(&remembered), "{remembered}");
}

#[tokio::test]
async fn a_sign_in_that_ended_without_a_revocation_is_found_out_within_seconds() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    world.caller_of(&signed_in).await.unwrap();
    let now = codeflow_core::Clock::now(&*world.clock);
    assert!(world.store.end_login(signed_in.login, now).await.unwrap());
    world.clock.advance(seconds(3));

    assert_eq!(kind(world.caller_of(&signed_in).await), ErrorKind::Revoked);
}
