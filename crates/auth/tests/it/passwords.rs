//! Passwords: what they have to be, how they are kept, and how many are worked on at a time.

use codeflow_auth::{ErrorKind, IdentitySettings, NewUser, OwnKeys, PasswordSettings, UserStore};
use futures_util::future::join_all;

use crate::support::{PASSWORD, cheap, kind, open, secret, wish, world, world_with};

fn costing(memory_kib: u32, passes: u32) -> IdentitySettings {
    let passwords = PasswordSettings { memory_kib, passes, lanes: 1, at_once: 1, waiting: 4 };
    IdentitySettings { passwords, ..cheap() }
}

#[tokio::test]
async fn a_password_that_breaks_a_rule_is_refused_by_name() {
    let world = world().await;
    let long_name = "a-name-of-fourteen";
    let cases = [
        ("elevenchars", "12 to 256"),
        (&*"a".repeat(257), "12 to 256"),
        ("with a\ttab in it", "control"),
        ("A-Name-Of-Fourteen", "not the name"),
    ];
    for (password, rule) in cases {
        let wish = NewUser { password: Some(password.into()), ..wish(long_name, &[]) };
        let error = world.identity.create_user(&world.operator(), wish).await.unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::InvalidInput, Some("password")));
        assert!(error.problems()[0].1.contains(rule), "{error}");
    }
    for password in ["exactly12chr", "пароль на двенадцать", &"ü".repeat(256)] {
        let name = format!("n{}", password.len());
        let wish = NewUser { password: Some(password.into()), ..wish(&name, &[]) };
        world.identity.create_user(&world.operator(), wish).await.unwrap();
        assert!(world.try_sign_in(&name, password).await.is_ok());
    }
}

#[tokio::test]
async fn what_is_kept_is_an_argon2id_hash_with_its_parameters() {
    let world = world().await;
    let user = world.user("someone", &[]).await;
    let same = world.user("another", &[]).await;

    let hash = user.password.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
    assert_ne!(Some(hash), same.password);
}

#[tokio::test]
async fn a_hash_is_made_anew_at_sign_in_when_the_parameters_rose() {
    let world = world_with(costing(8, 1)).await;
    let user = world.user("someone", &[]).await;
    let stricter = world.other(costing(16, 2)).await;
    let ask = || crate::support::ask("someone", PASSWORD);

    stricter.sign_in(ask(), &Default::default()).await.unwrap();

    let renewed = world.store.find_user(user.id).await.unwrap().unwrap().password.unwrap();
    assert!(renewed.contains("$m=16,t=2,p=1$"), "{renewed}");
    let before = stricter.password_hashes();
    stricter.sign_in(ask(), &Default::default()).await.unwrap();
    assert_eq!(stricter.password_hashes() - before, 1);
    world.identity.sign_in(ask(), &Default::default()).await.unwrap();
    assert_eq!(world.store.find_user(user.id).await.unwrap().unwrap().password, Some(renewed));
}

#[tokio::test]
async fn finding_a_password_wrong_is_the_same_work_whatever_its_hash_cost() {
    let world = world_with(costing(8, 1)).await;
    world.user("cheap", &[]).await;
    for (name, memory_kib, passes) in [("wide", 24, 1), ("long", 8, 4), ("dear", 64, 3), ("usual", 32, 2)] {
        let other = world.other(costing(memory_kib, passes)).await;
        other.create_user(&world.operator(), wish(name, &[])).await.unwrap();
    }
    let mut broken = world.user("broken", &[]).await;
    broken.password = Some("plain".into());
    assert!(world.store.replace_user(&broken).await.unwrap());
    let process = world.other(costing(32, 2)).await;
    let work = async |name: &str| {
        let (before, origin) = (process.password_work(), Default::default());
        let wrong = process.sign_in(crate::support::ask(name, "certainly not this one"), &origin);
        assert_eq!(kind(wrong.await), ErrorKind::WrongPassword);
        process.password_work() - before
    };

    for name in ["nobody", "usual", "cheap", "wide", "long", "broken"] {
        assert_eq!(work(name).await, 64, "{name}");
    }
    assert_eq!(work("dear").await, 192, "it is the first that costs more");
    for name in ["nobody", "usual", "cheap", "wide", "long", "dear", "broken"] {
        // What is left over and would be less than the least hash is not made up for.
        let work = work(name).await;
        assert!((185..=192).contains(&work), "{name}: {work}");
    }
}

#[tokio::test]
async fn whoever_comes_when_the_queue_is_full_is_sent_away() {
    let world = world_with(costing(4096, 2)).await;
    world.user("someone", &[]).await;

    let answers = join_all((0..12).map(|_| world.try_sign_in("someone", PASSWORD))).await;

    let refused: Vec<_> = answers.into_iter().filter_map(Result::err).collect();
    assert_eq!(refused.len(), 7);
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.retry_after().is_some());
    }
    assert!(world.try_sign_in("someone", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn a_password_too_long_to_be_one_costs_a_guesser_as_much_as_any() {
    let world = world().await;
    world.user("someone", &[]).await;
    let before = world.identity.password_hashes();

    assert_eq!(kind(world.try_sign_in("someone", &"x".repeat(1_000_000)).await), ErrorKind::WrongPassword);

    assert_eq!(world.identity.password_hashes(), before + 1);
}

#[tokio::test]
async fn a_hash_that_cannot_be_read_lets_nobody_in() {
    let world = world().await;
    let mut user = world.user("someone", &[]).await;
    user.password = Some("plain".into());
    assert!(world.store.replace_user(&user).await.unwrap());

    assert_eq!(kind(world.try_sign_in("someone", "plain").await), ErrorKind::WrongPassword);
}

#[tokio::test]
async fn changing_ones_password_needs_the_old_one() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let new = secret("another long password");
    let identity = &world.identity;

    let guessed =
        identity.change_password(&caller, &secret("not the old password"), &new, OwnKeys::Keep).await;
    assert_eq!(kind(guessed), ErrorKind::WrongPassword);
    let weak = identity.change_password(&caller, &secret(PASSWORD), &secret("short"), OwnKeys::Keep).await;
    assert_eq!(kind(weak), ErrorKind::InvalidInput);
    identity.change_password(&caller, &secret(PASSWORD), &new, OwnKeys::Keep).await.unwrap();

    assert_eq!(kind(world.try_sign_in("someone", PASSWORD).await), ErrorKind::WrongPassword);
    assert!(world.try_sign_in("someone", "another long password").await.is_ok());
}

#[tokio::test]
async fn guessing_the_old_password_leads_to_waits() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let (wrong, new) = (secret("not the old password"), secret("another long password"));
    for _ in 0..6 {
        let guessed = world.identity.change_password(&caller, &wrong, &new, OwnKeys::Keep).await;
        assert_eq!(kind(guessed), ErrorKind::WrongPassword);
    }

    let right = world.identity.change_password(&caller, &secret(PASSWORD), &new, OwnKeys::Keep).await;

    assert_eq!(kind(right), ErrorKind::LockedOut);
    assert_eq!(kind(world.try_sign_in("someone", PASSWORD).await), ErrorKind::LockedOut);
}

#[tokio::test]
async fn a_new_password_ends_the_other_sign_ins() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let (this, other) = (world.sign_in("someone").await, world.sign_in("someone").await);
    let caller = world.caller_of(&this).await.unwrap();

    let new = secret("another long password");
    world.identity.change_password(&caller, &secret(PASSWORD), &new, OwnKeys::Keep).await.unwrap();

    assert_eq!(kind(world.caller_of(&other).await), ErrorKind::Revoked);
    assert_eq!(kind(world.caller_of(&this).await), ErrorKind::Revoked);
    world.clock.advance(crate::support::seconds(1));
    let refresh = |token: &codeflow_auth::SignedIn| token.refresh.clone();
    let again = world
        .identity
        .refresh(secrecy::ExposeSecret::expose_secret(&refresh(&this)), &Default::default())
        .await;
    assert!(world.caller_of(&again.unwrap()).await.is_ok());
    let ended = world
        .identity
        .refresh(secrecy::ExposeSecret::expose_secret(&refresh(&other)), &Default::default())
        .await;
    assert_eq!(kind(ended), ErrorKind::Revoked);
}

#[tokio::test]
async fn settings_that_are_of_no_use_are_refused_at_the_start() {
    let world = world().await;
    let none = open(&world.store, &world.clock, &world.ids, costing(1, 1)).await;
    assert_eq!(kind(none), ErrorKind::InvalidInput);
    for environment in ["", "Live", "a_b", &"x".repeat(17)] {
        let settings = IdentitySettings { environment: environment.to_owned(), ..cheap() };
        let refused = open(&world.store, &world.clock, &world.ids, settings).await;
        assert_eq!(kind(refused), ErrorKind::InvalidInput, "{environment}");
    }
}
