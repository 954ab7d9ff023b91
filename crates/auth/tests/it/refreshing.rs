//! Refresh tokens: exchanged once, copied never.

use std::sync::{Arc, Mutex};

use codeflow_auth::{ErrorKind, Origin, SignedIn, UserChange};
use futures_util::FutureExt;
use secrecy::ExposeSecret;

use crate::support::{World, kind, page, seconds, world};

const DAY: u64 = 24 * 3600;

async fn refresh(world: &World, signed_in: &SignedIn) -> Result<SignedIn, codeflow_auth::Error> {
    world.identity.refresh(signed_in.refresh.expose_secret(), &Origin::default()).await
}

#[tokio::test]
async fn a_token_that_is_exchanged_twice_ends_the_whole_sign_in() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let first = world.sign_in("someone").await;
    let second = refresh(&world, &first).await.unwrap();
    let third = refresh(&world, &second).await.unwrap();

    assert_eq!(kind(refresh(&world, &first).await), ErrorKind::ReusedRefreshToken);

    assert_eq!(kind(refresh(&world, &third).await), ErrorKind::Revoked);
    for signed_in in [&first, &second, &third] {
        assert_eq!(kind(world.caller_of(signed_in).await), ErrorKind::Revoked);
    }
    assert_eq!(world.actions().await.iter().filter(|action| *action == "login.reuse").count(), 1);
    assert_eq!(kind(refresh(&world, &second).await), ErrorKind::ReusedRefreshToken);
    assert_eq!(world.actions().await.iter().filter(|action| *action == "login.reuse").count(), 1);
}

#[tokio::test]
async fn reuse_in_one_family_leaves_the_others_alone() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let (copied, other) = (world.sign_in("someone").await, world.sign_in("someone").await);
    refresh(&world, &copied).await.unwrap();

    assert_eq!(kind(refresh(&world, &copied).await), ErrorKind::ReusedRefreshToken);

    assert!(world.caller_of(&other).await.is_ok());
    assert!(refresh(&world, &other).await.is_ok());
}

#[tokio::test]
async fn of_two_exchanges_at_once_one_wins_and_the_other_ends_the_sign_in() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    let (identity, token) = (Arc::clone(&world.identity), signed_in.refresh.clone());
    let winner = Arc::new(Mutex::new(None));
    let won = Arc::clone(&winner);
    world.clock.after_looks(0, move || {
        let exchanged = identity.refresh(token.expose_secret(), &Origin::default()).now_or_never();
        *won.lock().unwrap() = Some(exchanged.unwrap().unwrap());
    });

    let loser = refresh(&world, &signed_in).await;

    assert_eq!(kind(loser), ErrorKind::ReusedRefreshToken);
    let winner = winner.lock().unwrap().take().unwrap();
    assert_eq!(kind(refresh(&world, &winner).await), ErrorKind::Revoked);
    assert_eq!(kind(world.caller_of(&winner).await), ErrorKind::Revoked);
}

#[tokio::test]
async fn an_exchange_that_meets_a_sign_out_is_no_reuse() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    let caller = world.caller_of(&signed_in).await.unwrap();
    let identity = Arc::clone(&world.identity);
    world.clock.after_looks(0, move || identity.sign_out(&caller).now_or_never().unwrap().unwrap());

    assert_eq!(kind(refresh(&world, &signed_in).await), ErrorKind::Revoked);
    assert!(!world.actions().await.contains(&"login.reuse".to_owned()));
}

#[tokio::test]
async fn a_guessed_token_ends_nothing() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    let token = signed_in.refresh.expose_secret();
    let other = world.sign_in("someone").await;
    let (start, end) = token.rsplit_once('_').unwrap();
    let parts: Vec<&str> = token.splitn(4, '_').collect();
    let forged = [
        String::new(),
        "cfr_".to_owned(),
        token.to_uppercase(),
        token[..token.len() - 1].to_owned(),
        format!("{token}A"),
        format!("{start}_{}", "A".repeat(43)),
        format!("{}_{}_7_{}", parts[0], parts[1], parts[3]),
        format!("{}_{}_00_{}", parts[0], parts[1], parts[3]),
        format!("{}_{}_-1_{}", parts[0], parts[1], parts[3]),
        format!("{}_{}_{}_{}", parts[0], "0".repeat(32), parts[2], parts[3]),
        format!(
            "{}_{}_{}_{}",
            parts[0],
            parts[1],
            parts[2],
            other.refresh.expose_secret().splitn(4, '_').last().unwrap()
        ),
        format!("cfr_é{end}"),
    ];

    for text in &forged {
        let answer = world.identity.refresh(text, &Origin::default()).await;
        assert_eq!(kind(answer), ErrorKind::InvalidRefreshToken, "{text}");
        let answer = world.identity.sign_out_with(text, &Origin::default()).await;
        assert_eq!(kind(answer), ErrorKind::InvalidRefreshToken, "{text}");
    }
    assert!(refresh(&world, &signed_in).await.is_ok());
}

#[tokio::test]
async fn a_token_of_a_sign_in_that_is_gone_is_invalid() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    world.identity.remove_user(&world.operator(), user.id).await.unwrap();

    assert_eq!(kind(refresh(&world, &signed_in).await), ErrorKind::InvalidRefreshToken);
    let ended = world.identity.sign_out_with(signed_in.refresh.expose_secret(), &Origin::default()).await;
    assert_eq!(kind(ended), ErrorKind::InvalidRefreshToken);
}

#[tokio::test]
async fn an_unused_sign_in_is_over_after_thirty_days() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    world.clock.advance(seconds(30 * DAY));

    assert_eq!(kind(refresh(&world, &signed_in).await), ErrorKind::InvalidRefreshToken);
}

#[tokio::test]
async fn a_used_sign_in_lasts_ninety_days_and_no_longer() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let mut signed_in = world.sign_in("someone").await;
    for _ in 0..4 {
        world.clock.advance(seconds(20 * DAY));
        signed_in = refresh(&world, &signed_in).await.unwrap();
    }
    world.clock.advance(seconds(9 * DAY));
    signed_in = refresh(&world, &signed_in).await.unwrap();
    world.clock.advance(seconds(DAY));

    assert_eq!(kind(refresh(&world, &signed_in).await), ErrorKind::InvalidRefreshToken);
}

#[tokio::test]
async fn a_disabled_user_exchanges_nothing() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    world.identity.change_user(&world.operator(), user.id, disabled.clone()).await.unwrap();
    assert_eq!(kind(refresh(&world, &signed_in).await), ErrorKind::Revoked);

    let enabled = UserChange { disabled: Some(false), ..UserChange::default() };
    world.identity.change_user(&world.operator(), user.id, enabled).await.unwrap();
    assert_eq!(kind(refresh(&world, &signed_in).await), ErrorKind::Revoked);

    let again = world.sign_in("someone").await;
    let mut kept = codeflow_auth::UserStore::find_user(&world.store, user.id).await.unwrap().unwrap();
    kept.disabled = true;
    assert!(codeflow_auth::UserStore::replace_user(&world.store, &kept).await.unwrap());
    assert_eq!(kind(refresh(&world, &again).await), ErrorKind::Revoked);
}

#[tokio::test]
async fn a_refresh_token_signs_out_once_the_access_token_is_over() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    world.clock.advance(seconds(3600));

    let token = signed_in.refresh.expose_secret();
    world.identity.sign_out_with(token, &Origin::default()).await.unwrap();

    assert_eq!(kind(refresh(&world, &signed_in).await), ErrorKind::Revoked);
    let logins = world.identity.list_logins(&world.operator(), (None, None), page()).await.unwrap();
    assert_eq!(logins, []);
    assert!(world.actions().await.contains(&"login.end".to_owned()));
}

#[tokio::test]
async fn an_old_token_at_sign_out_counts_as_reuse() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let first = world.sign_in("someone").await;
    let second = refresh(&world, &first).await.unwrap();

    let ended = world.identity.sign_out_with(first.refresh.expose_secret(), &Origin::default()).await;

    assert_eq!(kind(ended), ErrorKind::ReusedRefreshToken);
    assert_eq!(kind(refresh(&world, &second).await), ErrorKind::Revoked);
}
