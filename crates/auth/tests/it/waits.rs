//! Waits after failed attempts, in several processes over one storage: the same for all, for names that somebody has and
//! for those that nobody has.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use codeflow_auth::{Caller, Error, ErrorKind, Identity, IdentitySettings, LockoutSettings, Origin, OwnKeys};
use codeflow_runtime::Tasks;
use secrecy::ExposeSecret;

use crate::support::{
    PASSWORD, World, ask, cheap, kind, open_over, page, seconds, secret, world, world_with,
};
use crate::tampered::Tampered;

const WRONG: &str = "certainly not this one";

async fn fail(identity: &Identity, name: &str, times: u32) {
    for _ in 0..times {
        let failed = identity.sign_in(ask(name, WRONG), &Origin::default()).await;
        assert_eq!(kind(failed), ErrorKind::WrongPassword);
    }
    identity.flush().await.unwrap();
}

async fn answer(identity: &Identity, name: &str) -> (ErrorKind, String, Option<u64>) {
    let error: Error = identity.sign_in(ask(name, WRONG), &Origin::default()).await.unwrap_err();
    (error.kind(), error.to_string(), error.retry_after().map(|wait| wait.as_secs()))
}

#[tokio::test]
async fn a_wait_is_the_same_in_all_processes_whoever_has_the_name() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let other = world.other(cheap()).await;

    for name in ["someone", "nobody", "No Name!"] {
        fail(&world.identity, name, 3).await;
        fail(&other, name, 3).await;
    }

    for identity in [&world.identity, &other] {
        let before = identity.password_hashes();
        let known = answer(identity, "someone").await;
        assert_eq!((known.0, known.2), (ErrorKind::LockedOut, Some(1)));
        assert_eq!(answer(identity, "nobody").await, known);
        assert_eq!(answer(identity, "No Name!").await, known);
        assert_eq!(identity.password_hashes(), before, "no password is looked at");
    }
    world.clock.advance(seconds(1));
    fail(&other, "someone", 1).await;
    fail(&other, "nobody", 1).await;
    let known = answer(&world.identity, "someone").await;
    assert_eq!(known.2, Some(2), "it doubles, wherever the failures were");
    assert_eq!(answer(&world.identity, "nobody").await, known);
}

#[tokio::test]
async fn a_try_looks_once_at_what_is_known_of_its_name_whoever_has_it() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let store = Tampered { inner: world.store.clone(), ..Tampered::default() };
    let looks = Arc::clone(&store.looks);
    let identity = open_over(Arc::new(store), &world.clock, &world.ids, cheap()).await.unwrap();

    for name in ["someone", "nobody", "No Name!"] {
        for _ in 0..7 {
            let before = looks.load(Ordering::SeqCst);
            identity.sign_in(ask(name, WRONG), &Origin::default()).await.unwrap_err();
            assert_eq!(looks.load(Ordering::SeqCst) - before, 1, "{name}");
        }
    }
}

#[tokio::test]
async fn a_restart_forgets_no_failure_of_anybody() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    fail(&world.identity, "someone", 5).await;
    fail(&world.identity, "nobody", 5).await;

    let restarted = world.other(cheap()).await;

    fail(&restarted, "someone", 1).await;
    fail(&restarted, "nobody", 1).await;
    for name in ["someone", "nobody"] {
        assert_eq!(answer(&restarted, name).await.0, ErrorKind::LockedOut, "{name}");
        assert_eq!(answer(&*world.other(cheap()).await, name).await.0, ErrorKind::LockedOut, "{name}");
    }
    assert_eq!(
        kind(restarted.sign_in(ask("someone", PASSWORD), &Origin::default()).await),
        ErrorKind::LockedOut,
        "not even the right one is looked at"
    );
}

#[tokio::test]
async fn an_unlocking_is_seen_by_all_processes_at_once() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await.id;
    let other = world.other(cheap()).await;
    fail(&other, "someone", 5).await;
    // One more, of which storage was not told yet.
    let unsaved = other.sign_in(ask("someone", WRONG), &Origin::default()).await;
    assert_eq!(kind(unsaved), ErrorKind::WrongPassword);
    assert_eq!(answer(&other, "someone").await.0, ErrorKind::LockedOut);

    world.identity.unlock_user(&world.operator(), user).await.unwrap();

    assert!(other.sign_in(ask("someone", PASSWORD), &Origin::default()).await.is_ok());
    other.flush().await.unwrap();
    assert_eq!(world.failures("someone").await, 0, "what was counted before it does not come back");
}

#[tokio::test]
async fn what_was_counted_before_an_unlocking_and_is_told_after_it_is_void() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await.id;
    let other = world.other(cheap()).await;
    for _ in 0..6 {
        other.sign_in(ask("someone", WRONG), &Origin::default()).await.unwrap_err();
    }
    assert_eq!(answer(&other, "someone").await.0, ErrorKind::LockedOut);
    world.identity.unlock_user(&world.operator(), user).await.unwrap();

    other.flush().await.unwrap();

    assert_eq!(world.failures("someone").await, 0);
    for _ in 0..6 {
        other.sign_in(ask("someone", WRONG), &Origin::default()).await.unwrap_err();
    }
    world.identity.unlock_user(&world.operator(), user).await.unwrap();
    assert_eq!(answer(&other, "someone").await.0, ErrorKind::WrongPassword, "nor does it count here");
    other.flush().await.unwrap();
    assert_eq!(world.failures("someone").await, 1, "what is counted after it counts");
}

#[tokio::test]
async fn a_new_password_is_seen_by_all_processes_at_once() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await.id;
    let signed_in = world.sign_in("someone").await;
    let caller: Caller = world.caller_of(&signed_in).await.unwrap();
    let other = world.other(cheap()).await;
    fail(&other, "someone", 6).await;

    let set = secret("set by somebody else");
    world.identity.set_password(&world.operator(), user, &set, OwnKeys::Keep).await.unwrap();
    let by_other = SignedInWith(&other);
    assert!(by_other.ok("someone", "set by somebody else").await);

    fail(&other, "someone", 5).await;
    let own = secret("another long password");
    world.identity.change_password(&caller, &set, &own, OwnKeys::Keep).await.unwrap();
    fail(&other, "someone", 5).await;
    assert!(by_other.ok("someone", own.expose_secret()).await);
}

struct SignedInWith<'a>(&'a Identity);

impl SignedInWith<'_> {
    async fn ok(&self, name: &str, password: &str) -> bool {
        self.0.sign_in(ask(name, password), &Origin::default()).await.is_ok()
    }
}

#[tokio::test]
async fn a_user_is_shown_with_its_wait_while_that_lasts() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await;
    world.user("another", &["user"]).await;
    fail(&world.identity, "someone", 5).await;
    let operator = world.operator();
    let shown = world.identity.get_user(&operator, user.id).await.unwrap();
    assert_eq!((shown.user, shown.locked_until), (user.clone(), None));
    let other = world.other(cheap()).await;
    // Of this one storage was not told yet.
    world.try_sign_in("someone", WRONG).await.unwrap_err();

    let until = Some(codeflow_core::Clock::now(&*world.clock).after(seconds(1)));
    assert_eq!(world.identity.get_user(&operator, user.id).await.unwrap().locked_until, until);
    assert_eq!(other.get_user(&operator, user.id).await.unwrap().locked_until, None);
    world.identity.flush().await.unwrap();
    assert_eq!(other.find_user(&operator, "Someone").await.unwrap().locked_until, until);
    let listed = other.list_users(&operator, None, page()).await.unwrap();
    assert_eq!(listed.iter().map(|shown| shown.locked_until).collect::<Vec<_>>(), [until, None]);
    world.clock.advance(seconds(1));
    assert_eq!(other.get_user(&operator, user.id).await.unwrap().locked_until, None);
}

#[tokio::test]
async fn whoever_tried_before_there_was_such_a_user_does_not_wait_for_that() {
    let world = world().await;
    fail(&world.identity, "someone", 6).await;

    world.user("someone", &["user"]).await;

    assert!(world.try_sign_in("someone", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn failures_are_forgotten_an_hour_after_the_last() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    for name in ["someone", "nobody"] {
        fail(&world.identity, name, 5).await;
    }
    world.clock.advance(seconds(3600));
    for name in ["someone", "nobody"] {
        fail(&world.identity, name, 1).await;
        assert_eq!(answer(&world.identity, name).await.0, ErrorKind::LockedOut, "{name}");
        assert_eq!(world.failures(name).await, 6, "{name}");
    }

    world.clock.advance(seconds(3601));

    for name in ["someone", "nobody"] {
        fail(&world.identity, name, 5).await;
        assert_eq!(world.failures(name).await, 5, "{name}");
        assert_eq!(answer(&world.identity, name).await.0, ErrorKind::WrongPassword, "{name}");
    }
}

#[tokio::test]
async fn failures_that_are_forgotten_before_storage_is_told_are_not_told() {
    let world = world().await;
    for _ in 0..6 {
        world.try_sign_in("nobody", WRONG).await.unwrap_err();
    }
    world.clock.advance(seconds(3601));

    world.identity.flush().await.unwrap();

    assert_eq!(world.failures("nobody").await, 0);
}

#[tokio::test]
async fn guesses_made_all_at_once_count_like_guesses_made_one_after_the_other() {
    let world = world().await;
    world.user("someone", &["user"]).await;

    let answers = futures_util::future::join_all((0..20).map(|_| world.try_sign_in("someone", WRONG))).await;

    let kinds: Vec<ErrorKind> = answers.into_iter().map(kind).collect();
    let looked_at = kinds.iter().filter(|kind| **kind == ErrorKind::WrongPassword).count();
    assert_eq!(looked_at, 6, "{kinds:?}");
}

#[tokio::test]
async fn failures_of_which_storage_could_not_be_told_count_and_are_told_once() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    for _ in 0..5 {
        world.try_sign_in("someone", WRONG).await.unwrap_err();
    }
    world.store.set_away(true);
    assert_eq!(kind(world.identity.flush().await), ErrorKind::Unavailable);
    world.store.set_away(false);

    world.try_sign_in("someone", WRONG).await.unwrap_err();
    assert_eq!(answer(&world.identity, "someone").await.0, ErrorKind::LockedOut);

    world.identity.flush().await.unwrap();
    world.identity.flush().await.unwrap();
    assert_eq!(world.failures("someone").await, 6);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_of_failures_is_bounded() {
    let lockout = LockoutSettings { kept: 10, ..LockoutSettings::default() };
    let world = world_with(IdentitySettings { lockout, ..cheap() }).await;
    for number in 0..15 {
        world.clock.advance(std::time::Duration::from_millis(1));
        world.try_sign_in(&format!("name{number}"), WRONG).await.unwrap_err();
    }
    let stop = tokio_util::sync::CancellationToken::new();
    let (identity, until) = (Arc::clone(&world.identity), stop.clone());
    let running = Tasks::new().spawn("identity", async move { identity.run(until).await });
    tokio::time::sleep(seconds(62)).await;
    stop.cancel();
    running.await.unwrap();

    assert_eq!(left(&world).await, (5..15).collect::<Vec<_>>());
}

/// Of which of fifteen names failures are kept.
async fn left(world: &World) -> Vec<u32> {
    let mut left = Vec::new();
    for number in 0..15 {
        if world.failures(&format!("name{number}")).await > 0 {
            left.push(number);
        }
    }
    left
}
