//! The first administrator.

use codeflow_auth::{ErrorKind, Origin, Permission, SecretStore};
use futures_util::FutureExt;
use secrecy::ExposeSecret;

use crate::support::{PASSWORD, kind, seconds, secret, world};

#[tokio::test]
async fn the_first_administrator_is_made_while_there_is_nobody() {
    let world = world().await;
    let origin = Origin::default();

    let first = world.identity.bootstrap("boss", secret(PASSWORD), &origin).await.unwrap();

    assert_eq!(first.roles, ["admin", "operator"]);
    let caller = world.caller_of(&world.sign_in("boss").await).await.unwrap();
    assert!(caller.principal.permissions.has(Permission::TenantsAll));
    let second = world.identity.bootstrap("other", secret(PASSWORD), &origin).await;
    assert_eq!(kind(second), ErrorKind::Conflict);
    assert!(world.identity.first_token().await.unwrap().is_none());
}

#[tokio::test]
async fn of_two_at_once_one_makes_the_first_administrator() {
    let world = world().await;
    let other = world.other(crate::support::cheap()).await;
    let origin = Origin::default();

    let (one, two) = futures_util::join!(
        world.identity.bootstrap("one", secret(PASSWORD), &origin),
        other.bootstrap("two", secret(PASSWORD), &origin)
    );

    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1);
    assert_eq!(one.and(two).unwrap_err().kind(), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_bad_wish_leaves_the_way_open() {
    let world = world().await;
    let origin = Origin::default();
    let bad = world.identity.bootstrap("boss", secret("short"), &origin).await;
    assert_eq!(kind(bad), ErrorKind::InvalidInput);

    world.identity.bootstrap("boss", secret(PASSWORD), &origin).await.unwrap();
}

#[tokio::test]
async fn whoever_died_while_making_one_is_not_waited_for_for_ever() {
    let world = world().await;
    let origin = Origin::default();
    let now = codeflow_core::Clock::now(&*world.clock).micros().to_be_bytes();
    world.store.secret("first administrator claim", &[now.as_slice(), &[1; 32]].concat()).await.unwrap();
    let early = world.identity.bootstrap("boss", secret(PASSWORD), &origin).await;
    assert_eq!(kind(early), ErrorKind::Conflict);
    world.clock.advance(seconds(61));

    world.identity.bootstrap("boss", secret(PASSWORD), &origin).await.unwrap();
}

#[tokio::test]
async fn the_token_makes_the_first_administrator_once() {
    let world = world().await;
    let origin = Origin::default();
    let token = world.identity.first_token().await.unwrap().unwrap();
    assert!(token.expose_secret().starts_with("cff_"));
    let wrong = world.identity.bootstrap_with(&secret("cff_x"), ("boss", secret(PASSWORD)), &origin).await;
    assert_eq!(kind(wrong), ErrorKind::SignInFailed);

    world.identity.bootstrap_with(&token, ("boss", secret(PASSWORD)), &origin).await.unwrap();

    let again = world.identity.bootstrap_with(&token, ("other", secret(PASSWORD)), &origin).await;
    assert_eq!(kind(again), ErrorKind::SignInFailed);
}

#[tokio::test]
async fn processes_that_start_together_show_one_token_and_a_later_start_another() {
    let world = world().await;
    let other = world.other(crate::support::cheap()).await;
    let first = world.identity.first_token().await.unwrap().unwrap();
    assert!(other.first_token().await.unwrap().is_none());
    world.clock.advance(seconds(60));

    let second = other.first_token().await.unwrap().unwrap();

    let origin = Origin::default();
    let old = world.identity.bootstrap_with(&first, ("boss", secret(PASSWORD)), &origin).await;
    assert_eq!(kind(old), ErrorKind::SignInFailed);
    world.identity.bootstrap_with(&second, ("boss", secret(PASSWORD)), &origin).await.unwrap();
}

#[tokio::test]
async fn the_token_is_good_for_a_day() {
    let world = world().await;
    let token = world.identity.first_token().await.unwrap().unwrap();
    world.clock.advance(seconds(24 * 3600 + 1));

    let late = world.identity.bootstrap_with(&token, ("boss", secret(PASSWORD)), &Origin::default()).await;

    assert_eq!(kind(late), ErrorKind::SignInFailed);
}

#[tokio::test]
async fn without_a_token_there_is_none_to_guess() {
    let world = world().await;

    let guessed =
        world.identity.bootstrap_with(&secret(""), ("boss", secret(PASSWORD)), &Origin::default()).await;

    assert_eq!(kind(guessed), ErrorKind::SignInFailed);
    world.store.set_away(true);
    assert_eq!(kind(world.identity.first_token().now_or_never().unwrap()), ErrorKind::Unavailable);
}
