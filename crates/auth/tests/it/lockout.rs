//! Failed attempts: waits that grow, that cost no hash, and that tell nobody who exists.

use std::net::IpAddr;

use codeflow_auth::{
    ErrorKind, IdentitySettings, LockoutSettings, Origin, OwnKeys, PasswordSettings, UserStore,
};

use crate::support::{PASSWORD, World, ask, cheap, kind, seconds, secret, world, world_with};

const WRONG: &str = "certainly not this one";

async fn from(world: &World, address: &str, name: &str) -> codeflow_auth::Error {
    let address: IpAddr = address.parse().unwrap();
    let origin = Origin { address: Some(address), ..Origin::default() };
    world.identity.sign_in(ask(name, WRONG), &origin).await.unwrap_err()
}

/// The kinds and waits of so many attempts, one after the other.
async fn answers(world: &World, name: &str, count: u32) -> Vec<(ErrorKind, String, Option<u64>)> {
    let mut answers = Vec::new();
    for _ in 0..count {
        let error = world.try_sign_in(name, WRONG).await.unwrap_err();
        answers.push((error.kind(), error.to_string(), error.retry_after().map(|wait| wait.as_secs())));
    }
    answers
}

#[tokio::test]
async fn a_name_that_nobody_has_is_locked_like_one_that_somebody_has() {
    let world = world().await;
    world.user("someone", &["user"]).await;

    let known = answers(&world, "someone", 9).await;
    let unknown = answers(&world, "nobody", 9).await;

    assert_eq!(known, unknown);
    assert_eq!(known[5].0, ErrorKind::WrongPassword);
    assert_eq!((known[6].0, known[6].2), (ErrorKind::LockedOut, Some(1)));

    world.identity.flush().await.unwrap();
    world.clock.advance(seconds(1));
    assert_eq!(answers(&world, "someone", 2).await, answers(&world, "nobody", 2).await);
    world.identity.flush().await.unwrap();
    world.clock.advance(seconds(2 * 3600));
    assert_eq!(answers(&world, "someone", 9).await, answers(&world, "nobody", 9).await);
}

#[tokio::test]
async fn every_answer_costs_the_same_hashes_whoever_is_asked_for() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    world
        .identity
        .create_user(
            &world.operator(),
            codeflow_auth::NewUser { password: None, ..crate::support::wish("elsewhere", &[]) },
        )
        .await
        .unwrap();
    let off = world.user("off", &["user"]).await;
    let disabled = codeflow_auth::UserChange { disabled: Some(true), ..Default::default() };
    world.identity.change_user(&world.operator(), off.id, disabled).await.unwrap();

    for (name, password) in
        [("someone", WRONG), ("nobody", WRONG), ("elsewhere", WRONG), ("off", PASSWORD), ("No Name!", WRONG)]
    {
        let before = world.identity.password_hashes();
        let error = world.try_sign_in(name, password).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongPassword, "{name}");
        assert_eq!(error.to_string(), "the name or the password is wrong", "{name}");
        assert_eq!(world.identity.password_hashes() - before, 1, "{name}");
    }
}

#[tokio::test]
async fn known_and_unknown_names_take_about_as_long() {
    let passwords = PasswordSettings { memory_kib: 256, passes: 1, lanes: 1, at_once: 1, waiting: 8 };
    let lockout = LockoutSettings { free: 1_000, ..LockoutSettings::default() };
    let world = world_with(IdentitySettings { passwords, lockout, ..cheap() }).await;
    world.user("someone", &["user"]).await;
    let mut times = [Vec::new(), Vec::new()];

    for _ in 0..40 {
        for (name, times) in ["someone", "nobody"].iter().zip(&mut times) {
            let began = std::time::Instant::now();
            world.try_sign_in(name, WRONG).await.unwrap_err();
            times.push(began.elapsed());
        }
    }

    // The fastest of many is what others on the machine disturb least. Without the hash the difference is twentyfold.
    let [known, unknown] = times.map(|times| times.into_iter().min().unwrap().as_secs_f64());
    assert!((0.5..2.0).contains(&(known / unknown)), "{known} s and {unknown} s");
}

#[tokio::test]
async fn no_hash_is_computed_while_a_wait_is_on() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    answers(&world, "someone", 6).await;
    let before = world.identity.password_hashes();

    assert_eq!(kind(world.try_sign_in("someone", PASSWORD).await), ErrorKind::LockedOut);
    assert_eq!(kind(world.try_sign_in("SomeOne", PASSWORD).await), ErrorKind::LockedOut);

    assert_eq!(world.identity.password_hashes(), before);
}

#[tokio::test]
async fn waits_double_up_to_a_quarter_of_an_hour() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    answers(&world, "someone", 5).await;
    let mut waits = Vec::new();

    for _ in 0..12 {
        world.try_sign_in("someone", WRONG).await.unwrap_err();
        let wait = world.try_sign_in("someone", WRONG).await.unwrap_err().retry_after().unwrap();
        waits.push(wait.as_secs());
        world.clock.advance(wait);
    }

    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
}

#[tokio::test]
async fn the_right_password_after_the_wait_forgets_the_failures() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    answers(&world, "someone", 6).await;
    world.identity.flush().await.unwrap();
    assert_eq!(world.failures("someone").await, 6);
    world.clock.advance(seconds(1));

    world.sign_in("someone").await;

    assert_eq!(world.failures("someone").await, 0);
    assert_eq!(answers(&world, "someone", 6).await[5].0, ErrorKind::WrongPassword);
}

#[tokio::test]
async fn an_address_that_tries_many_names_has_to_wait() {
    let world = world().await;
    for number in 0..21 {
        let error = from(&world, "192.0.2.7", &format!("name{number}")).await;
        assert_eq!(error.kind(), ErrorKind::WrongPassword);
    }

    assert_eq!(from(&world, "192.0.2.7", "another").await.kind(), ErrorKind::LockedOut);
    assert_eq!(from(&world, "::ffff:192.0.2.7", "another").await.kind(), ErrorKind::LockedOut);
    assert_eq!(from(&world, "192.0.2.8", "another").await.kind(), ErrorKind::WrongPassword);
}

#[tokio::test]
async fn a_network_of_version_six_is_one_address() {
    let world = world().await;
    for number in 0..21 {
        let error = from(&world, &format!("2001:db8:1:2::{number}"), &format!("name{number}")).await;
        assert_eq!(error.kind(), ErrorKind::WrongPassword);
    }

    assert_eq!(from(&world, "2001:db8:1:2:ffff::1", "another").await.kind(), ErrorKind::LockedOut);
    assert_eq!(from(&world, "2001:db8:1:3::1", "another").await.kind(), ErrorKind::WrongPassword);
}

#[tokio::test]
async fn an_account_of_ones_own_does_not_clear_an_address() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let origin = Origin { address: Some("192.0.2.7".parse().unwrap()), ..Origin::default() };
    for number in 0..20 {
        from(&world, "192.0.2.7", &format!("name{number}")).await;
    }
    world.identity.sign_in(ask("someone", PASSWORD), &origin).await.unwrap();

    from(&world, "192.0.2.7", "one-more").await;

    assert_eq!(from(&world, "192.0.2.7", "another").await.kind(), ErrorKind::LockedOut);
}

#[tokio::test]
async fn what_is_remembered_of_failures_is_bounded_and_keeps_who_has_to_wait() {
    let lockout = LockoutSettings { remembered: 4, ..LockoutSettings::default() };
    let world = world_with(IdentitySettings { lockout, ..cheap() }).await;
    answers(&world, "watched", 6).await;

    for number in 0..20 {
        world.clock.advance(std::time::Duration::from_millis(1));
        answers(&world, &format!("name{number}"), 1).await;
    }

    assert_eq!(kind(world.try_sign_in("watched", WRONG).await), ErrorKind::LockedOut);
    assert_eq!(answers(&world, "name0", 6).await[5].0, ErrorKind::WrongPassword);
}

#[tokio::test]
async fn failures_that_could_not_be_written_are_written_later() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await;
    answers(&world, "someone", 3).await;
    answers(&world, "nobody", 2).await;
    world.store.set_away(true);
    assert_eq!(kind(world.identity.flush().await), ErrorKind::Unavailable);
    world.store.set_away(false);

    world.identity.flush().await.unwrap();

    assert_eq!((world.failures("someone").await, world.failures("nobody").await), (3, 2));
    let unchanged = world.store.find_user(user.id).await.unwrap().unwrap();
    assert_eq!(unchanged.version, user.version, "failures change no user");
}

#[tokio::test]
async fn a_new_password_and_an_unlocking_lift_the_wait() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await;
    answers(&world, "someone", 6).await;
    world.identity.unlock_user(&world.operator(), user.id).await.unwrap();
    assert!(world.try_sign_in("someone", PASSWORD).await.is_ok());

    answers(&world, "someone", 6).await;
    world.identity.flush().await.unwrap();
    world
        .identity
        .set_password(&world.operator(), user.id, &secret("another long password"), OwnKeys::Keep)
        .await
        .unwrap();
    assert!(world.try_sign_in("someone", "another long password").await.is_ok());
}
