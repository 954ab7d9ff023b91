//! Revocations: how they reach other processes, and what is held of them.

use std::sync::Arc;

use codeflow_auth::{ErrorKind, Identity, IdentitySettings, Revocation, RevocationStore, Target};
use codeflow_core::{Clock, UserId};
use futures_util::FutureExt;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::support::{World, cheap, kind, open_over, seconds, world};
use crate::tampered::Tampered;

async fn knows(identity: &Identity, token: &str) -> bool {
    codeflow_auth::Authenticate::authenticate(identity, token).await.is_ok()
}

/// Another process, with its loops.
async fn running(world: &World) -> (Arc<Identity>, CancellationToken) {
    let other = world.other(cheap()).await;
    let (stop, running) = (CancellationToken::new(), Arc::clone(&other));
    let stopped = stop.clone();
    codeflow_runtime::Tasks::new().spawn("identity", async move { running.run(stopped).await });
    (other, stop)
}

#[tokio::test(start_paused = true)]
async fn another_process_knows_within_five_seconds() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    let (other, stop) = running(&world).await;
    let token = signed_in.access.token.expose_secret();
    assert!(knows(&other, token).await);
    let caller = world.caller_of(&signed_in).await.unwrap();
    world.identity.sign_out(&caller).await.unwrap();

    tokio::time::sleep(seconds(5)).await;

    assert!(!knows(&other, token).await);
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn a_nudge_has_another_process_read_at_once() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await.id;
    let signed_in = world.sign_in("someone").await;
    let (other, stop) = running(&world).await;
    let token = signed_in.access.token.expose_secret();
    assert!(knows(&other, token).await);
    let mut told = world.identity.revocations().announcements();
    told.mark_unchanged();
    world.identity.end_logins(&world.operator(), user, false).await.unwrap();
    assert!(told.has_changed().unwrap());

    other.revocations().nudge();
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;

    assert!(!knows(&other, token).await);
    stop.cancel();
}

#[tokio::test]
async fn revocations_survive_a_restart() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    let caller = world.caller_of(&signed_in).await.unwrap();
    world.identity.sign_out(&caller).await.unwrap();

    let other = world.other(cheap()).await;

    assert!(!knows(&other, signed_in.access.token.expose_secret()).await);
    assert_eq!(other.revocations().held(), 1);
}

#[tokio::test(start_paused = true)]
async fn many_are_read_page_by_page_and_forgotten_in_time() {
    let world = world().await;
    let (other, stop) = running(&world).await;
    let at = world.clock.now();
    let until = at.after(seconds(900));
    let many: Vec<_> = (0..2_500_u128)
        .map(|number| UserId::from_uuid(uuid::Uuid::from_u128(number)))
        .map(|user| Revocation { target: Target::User(user), at, until })
        .collect();
    world.store.revoke(&many).await.unwrap();
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(other.revocations().held(), 2_500);

    let over = Revocation { until: at, ..many[0] };
    world.store.revoke(&[over]).await.unwrap();
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(other.revocations().held(), 2_500);

    world.clock.advance(seconds(901));
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(other.revocations().held(), 0);
    stop.cancel();
}

#[tokio::test(start_paused = true)]
async fn one_that_is_committed_after_later_ones_is_read_as_well() {
    let (world, tampered) = (world().await, Tampered::default());
    let at = world.clock.now();
    let revoked = |position: i64| {
        let user = UserId::from_uuid(uuid::Uuid::from_u128(position.unsigned_abs().into()));
        (position, Revocation { target: Target::User(user), at, until: at.after(seconds(900)) })
    };
    tampered.revoked.lock().unwrap().extend((1..=1_500).filter(|one| *one != 1_300).map(revoked));
    let opened = open_over(Arc::new(tampered.clone()), &world.clock, &world.ids, cheap()).await.unwrap();
    let (identity, stop) = (Arc::new(opened), CancellationToken::new());
    let (running, stopped) = (Arc::clone(&identity), stop.clone());
    codeflow_runtime::Tasks::new().spawn("identity", async move { running.run(stopped).await });
    assert_eq!(identity.revocations().held(), 1_499);

    tampered.revoked.lock().unwrap().push(revoked(1_300));
    tokio::time::sleep(seconds(2)).await;

    assert_eq!(identity.revocations().held(), 1_500);
    stop.cancel();
}

#[tokio::test]
async fn more_revocations_than_there_is_room_for_void_more_and_not_less() {
    let world = world().await;
    let small = world.other(IdentitySettings { revocations: 4, ..cheap() }).await;
    world.user("someone", &["user"]).await;
    let mut all = Vec::new();
    for _ in 0..12 {
        world.clock.advance(seconds(1));
        let ask = crate::support::ask("someone", crate::support::PASSWORD);
        all.push(small.sign_in(ask, &Default::default()).await.unwrap());
    }
    for signed_in in &all {
        world.clock.advance(seconds(1));
        let token = signed_in.refresh.expose_secret();
        small.sign_out_with(token, &Default::default()).await.unwrap();
    }

    assert!(small.revocations().held() <= 4);
    for signed_in in &all {
        assert!(!knows(&small, signed_in.access.token.expose_secret()).await);
    }
    let ask = crate::support::ask("someone", crate::support::PASSWORD);
    world.clock.advance(seconds(1));
    let later = small.sign_in(ask, &Default::default()).await.unwrap();
    assert!(knows(&small, later.access.token.expose_secret()).await);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_cannot_read_says_so() {
    let world = world().await;
    let (other, stop) = running(&world).await;
    assert_eq!(other.revocations().stale_for(), None);
    world.store.set_away(true);
    tokio::time::sleep(seconds(3)).await;
    world.clock.advance(seconds(6));

    assert_eq!(other.revocations().stale_for(), Some(seconds(6)));

    world.store.set_away(false);
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(other.revocations().stale_for(), None);
    stop.cancel();
}

#[tokio::test]
async fn a_process_does_not_start_without_knowing_them() {
    let world = world().await;
    world.store.set_away(true);

    let opened = crate::support::open(&world.store, &world.clock, &world.ids, cheap()).await;

    assert_eq!(kind(opened), ErrorKind::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn the_loops_write_and_sweep_what_waits_and_end_when_told() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let (other, stop) = running(&world).await;
    let wrong = crate::support::ask("nobody", "certainly not this one");
    other.sign_in(wrong, &Default::default()).await.unwrap_err();
    let caller = world.caller_of(&world.sign_in("someone").await).await.unwrap();
    world.identity.sign_out(&caller).await.unwrap();
    tokio::time::sleep(seconds(2)).await;
    assert_eq!(world.failures("nobody").await, 1);

    world.clock.advance(seconds(3 * 3600));
    tokio::time::sleep(seconds(61)).await;
    assert_eq!(world.store.revocations(0, 10).await.unwrap(), []);
    assert_eq!(world.failures("nobody").await, 0);
    world.store.set_away(true);
    tokio::time::sleep(seconds(2)).await;
    stop.cancel();
    assert!(format!("{:?}{:?}", other, other.revocations()).contains("Revocations"));
    assert!(other.flush().now_or_never().is_some());
}
