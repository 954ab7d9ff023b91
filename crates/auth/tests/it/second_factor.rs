//! The second factor.

use codeflow_auth::{
    Caller, Enrolment, ErrorKind, Origin, OwnKeys, SecondFactor, SignIn, SignedIn, UserStore, Vault,
};
use codeflow_core::{Clock, Timestamp};
use futures_util::FutureExt;
use secrecy::ExposeSecret;

use crate::support::{PASSWORD, SECRET, World, ask, kind, seconds, secret, world, world_at};

/// What an app makes of the secret that was typed into it.
pub(crate) mod app {
    use aws_lc_rs::hmac;

    pub(crate) fn code(secret: &str, step: i64) -> String {
        let bits: Vec<u8> = secret.bytes().flat_map(bits_of).collect();
        let key: Vec<u8> =
            bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit)).collect();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let start = usize::from(tag.as_ref()[19] & 15);
        let number = u32::from_be_bytes(tag.as_ref()[start..start + 4].try_into().unwrap()) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }

    fn bits_of(letter: u8) -> impl Iterator<Item = u8> {
        let value = if letter.is_ascii_digit() { letter - b'2' + 26 } else { letter - b'A' };
        (0..5).rev().map(move |place| value >> place & 1)
    }
}

pub(crate) fn now_step(world: &World) -> i64 {
    world.clock.now().micros() / 30_000_000
}

/// A user with a second factor that is confirmed: the secret and the recovery codes.
async fn enrolled(world: &World) -> (Caller, String, Vec<String>) {
    let caller = world.caller("someone", &["user"]).await;
    let (secret, codes) = enrol(world, &caller, Some(PASSWORD)).await;
    (caller, secret, codes)
}

/// Sets a second factor up: the secret and the recovery codes.
pub(crate) async fn enrol(world: &World, caller: &Caller, password: Option<&str>) -> (String, Vec<String>) {
    let password = password.map(Into::into);
    let enrolment = world.identity.begin_second_factor(caller, password.as_ref()).await.unwrap();
    let secret = enrolment.secret.expose_secret().to_owned();
    let code = app::code(&secret, now_step(world));
    let codes = world.identity.confirm_second_factor(caller, &code).await.unwrap();
    (secret, codes.iter().map(|code| code.expose_secret().to_owned()).collect())
}

async fn begin(world: &World, caller: &Caller) -> Result<Enrolment, codeflow_auth::Error> {
    world.identity.begin_second_factor(caller, Some(&PASSWORD.into())).await
}

async fn sign_in(world: &World, code: &str) -> Result<SignedIn, codeflow_auth::Error> {
    let ask = SignIn { code: Some(code.to_owned()), ..ask("someone", PASSWORD) };
    world.identity.sign_in(ask, &Origin::default()).await
}

#[tokio::test]
async fn a_code_is_used_once() {
    let world = world().await;
    let (_, secret, _) = enrolled(&world).await;
    assert_eq!(
        kind(sign_in(&world, &app::code(&secret, now_step(&world))).await),
        ErrorKind::WrongSecondFactor
    );
    world.clock.advance(seconds(30));
    let code = app::code(&secret, now_step(&world));

    assert!(sign_in(&world, &code).await.is_ok());

    assert_eq!(kind(sign_in(&world, &code).await), ErrorKind::WrongSecondFactor);
    let older = app::code(&secret, now_step(&world) - 1);
    assert_eq!(kind(sign_in(&world, &older).await), ErrorKind::WrongSecondFactor);
}

#[tokio::test]
async fn of_two_uses_of_a_code_at_once_one_wins() {
    let world = world().await;
    let (_, secret, _) = enrolled(&world).await;
    world.clock.advance(seconds(30));
    let code = app::code(&secret, now_step(&world));
    let other = world.other(crate::support::cheap()).await;
    let ask = SignIn { code: Some(code.clone()), ..ask("someone", PASSWORD) };

    let origin = Origin::default();
    let (one, two) = futures_util::join!(sign_in(&world, &code), other.sign_in(ask, &origin));

    let kinds: Vec<_> = [one, two].into_iter().filter_map(Result::err).map(|error| error.kind()).collect();
    assert_eq!(kinds, [ErrorKind::WrongSecondFactor]);
}

#[tokio::test]
async fn a_clock_may_be_one_step_off_and_no_more() {
    let world = world().await;
    let (_, secret, _) = enrolled(&world).await;
    world.clock.advance(seconds(300));
    let step = now_step(&world);

    for off in [-2, 2] {
        let refused = sign_in(&world, &app::code(&secret, step + off)).await;
        assert_eq!(kind(refused), ErrorKind::WrongSecondFactor);
    }
    assert!(sign_in(&world, &app::code(&secret, step - 1)).await.is_ok());
    let spaced = app::code(&secret, step + 1);
    assert!(sign_in(&world, &format!(" {} {}", &spaced[..3], &spaced[3..])).await.is_ok());
}

#[tokio::test]
async fn the_code_is_asked_for_only_after_the_right_password() {
    let world = world().await;
    enrolled(&world).await;

    let needed = world.try_sign_in("someone", PASSWORD).await;
    assert_eq!(kind(needed), ErrorKind::SecondFactorNeeded);
    let wrong = world.try_sign_in("someone", "a wrong password").await;
    assert_eq!(kind(wrong), ErrorKind::WrongPassword);
}

#[tokio::test]
async fn guessing_codes_leads_to_waits() {
    let world = world().await;
    let (_, secret, _) = enrolled(&world).await;
    world.clock.advance(seconds(300));
    for _ in 0..6 {
        assert_eq!(kind(sign_in(&world, "nonsense").await), ErrorKind::WrongSecondFactor);
        let needed = world.try_sign_in("someone", PASSWORD).await.unwrap_err().kind();
        assert!(matches!(needed, ErrorKind::SecondFactorNeeded | ErrorKind::LockedOut));
    }

    assert_eq!(kind(sign_in(&world, &app::code(&secret, now_step(&world))).await), ErrorKind::LockedOut);
}

#[tokio::test]
async fn each_recovery_code_signs_in_once() {
    let world = world().await;
    let (caller, _, codes) = enrolled(&world).await;
    assert_eq!(codes.len(), 10);

    assert!(sign_in(&world, &codes[3].to_uppercase()).await.is_ok());
    assert_eq!(kind(sign_in(&world, &codes[3]).await), ErrorKind::WrongSecondFactor);
    assert!(sign_in(&world, &codes[4]).await.is_ok());

    let user = world.store.find_user(caller.principal.user.unwrap()).await.unwrap().unwrap();
    let factor = user.second_factor.unwrap();
    assert_eq!(factor.recovery.len(), 8);
    assert!(factor.recovery.iter().all(|kept| codes.iter().all(|code| kept != code.as_bytes())));
}

#[tokio::test]
async fn what_is_not_confirmed_is_not_asked_for() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let first = begin(&world, &caller).await.unwrap();
    world.sign_in("someone").await;
    let second = begin(&world, &caller).await.unwrap();

    let code = app::code(first.secret.expose_secret(), now_step(&world));
    assert_eq!(
        kind(world.identity.confirm_second_factor(&caller, &code).await),
        ErrorKind::WrongSecondFactor
    );
    let code = app::code(second.secret.expose_secret(), now_step(&world));
    world.identity.confirm_second_factor(&caller, &code).await.unwrap();

    assert_eq!(kind(begin(&world, &caller).await), ErrorKind::Conflict);
    assert_eq!(kind(world.identity.confirm_second_factor(&caller, &code).await), ErrorKind::Conflict);
}

#[tokio::test]
async fn taking_it_away_needs_a_code() {
    let world = world().await;
    let (caller, _, codes) = enrolled(&world).await;

    let refused = world.identity.disable_second_factor(&caller, "123").await;
    assert_eq!(kind(refused), ErrorKind::WrongSecondFactor);
    world.identity.disable_second_factor(&caller, &codes[0]).await.unwrap();

    world.sign_in("someone").await;
    assert_eq!(kind(world.identity.disable_second_factor(&caller, &codes[1]).await), ErrorKind::Conflict);
}

#[tokio::test]
async fn an_admin_resets_that_of_others_and_not_their_own() {
    let world = world().await;
    let (caller, _, _) = enrolled(&world).await;
    let admin = world.caller("boss", &["admin"]).await;
    let own = admin.principal.user.unwrap();

    assert_eq!(kind(world.identity.reset_second_factor(&admin, own).await), ErrorKind::Forbidden);
    world.identity.reset_second_factor(&admin, caller.principal.user.unwrap()).await.unwrap();

    world.sign_in("someone").await;
    let none = begin(&world, &world.operator()).await;
    assert_eq!(kind(none), ErrorKind::Forbidden);
}

#[tokio::test]
async fn whoever_has_only_a_token_sets_none_up() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let wrong = secret("certainly not this one");

    let without = world.identity.begin_second_factor(&caller, None).await.unwrap_err();
    assert_eq!((without.kind(), without.path()), (ErrorKind::InvalidInput, Some("password")));
    for _ in 0..6 {
        let guessed = world.identity.begin_second_factor(&caller, Some(&wrong)).await;
        assert_eq!(kind(guessed), ErrorKind::WrongPassword);
    }
    assert_eq!(kind(begin(&world, &caller).await), ErrorKind::LockedOut);
    assert_eq!(kind(world.try_sign_in("someone", PASSWORD).await), ErrorKind::LockedOut);

    world.clock.advance(seconds(1));
    begin(&world, &caller).await.unwrap();
    let user = world.store.find_user(caller.principal.user.unwrap()).await.unwrap().unwrap();
    assert!(!user.second_factor.unwrap().confirmed);
}

#[tokio::test]
async fn a_confirmed_one_ends_the_sign_ins_that_were_made_without_it() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let (this, other) = (world.sign_in("someone").await, world.sign_in("someone").await);
    let caller = world.caller_of(&this).await.unwrap();
    let begun = begin(&world, &caller).await.unwrap();
    assert!(world.caller_of(&other).await.is_ok(), "nothing ends before it holds");
    let code = app::code(begun.secret.expose_secret(), now_step(&world));

    world.identity.confirm_second_factor(&caller, &code).await.unwrap();

    assert_eq!(kind(world.caller_of(&other).await), ErrorKind::Revoked);
    assert_eq!(kind(world.caller_of(&this).await), ErrorKind::Revoked, "others may have a copy of the token");
    let ended = world.identity.refresh(other.refresh.expose_secret(), &Origin::default()).await;
    assert_eq!(kind(ended), ErrorKind::Revoked);
    world.clock.advance(seconds(1));
    let again = world.identity.refresh(this.refresh.expose_secret(), &Origin::default()).await.unwrap();
    assert!(world.caller_of(&again).await.is_ok());
}

#[tokio::test]
async fn a_password_that_is_changed_meanwhile_sets_none_up() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let (store, id) = (world.store.clone(), caller.principal.user.unwrap());
    // The second look comes when the user was read, and before the password is found right.
    world.clock.after_looks(1, move || {
        let seen = store.find_user(id).now_or_never().unwrap().unwrap().unwrap();
        let changed = codeflow_auth::User { password: Some("another".into()), ..seen };
        assert!(store.replace_user(&changed).now_or_never().unwrap().unwrap());
    });

    assert_eq!(kind(begin(&world, &caller).await), ErrorKind::Conflict);
}

#[tokio::test]
async fn apps_read_the_address_of_the_enrolment() {
    let world = world().await;
    let caller = world.caller("some+one@here", &["user"]).await;

    let enrolment = begin(&world, &caller).await.unwrap();

    let secret = enrolment.secret.expose_secret();
    assert_eq!(secret.len(), 32);
    assert_eq!(
        enrolment.uri.expose_secret(),
        format!(
            "otpauth://totp/CodeFlow:some%2Bone%40here?secret={secret}&issuer=CodeFlow&algorithm=SHA1&digits=6&period=30"
        )
    );
}

/// Appendix B of RFC 6238, the last six digits, at its times.
#[tokio::test]
async fn codes_are_those_of_the_rfc() {
    for (time, code) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000_i64, "353130"),
    ] {
        let world = world_at(Timestamp::from_micros(time * 1_000_000)).await;
        let mut user = world.user("someone", &["user"]).await;
        let secret = Vault::new(&SECRET).unwrap().seal("second factor", b"12345678901234567890").unwrap();
        user.second_factor =
            Some(SecondFactor { secret, confirmed: true, last_step: 0, recovery: Vec::new() });
        assert!(world.store.replace_user(&user).await.unwrap());

        assert!(sign_in(&world, code).await.is_ok(), "{time}");
    }
}

#[tokio::test]
async fn whoever_has_the_password_and_a_token_does_not_go_on_guessing_codes_by_changing_it() {
    let world = world().await;
    let (caller, secret, _) = enrolled(&world).await;
    for _ in 0..6 {
        let wrong = world.identity.disable_second_factor(&caller, "nonsense").await;
        assert_eq!(kind(wrong), ErrorKind::WrongSecondFactor);
    }

    let (old, new) = (PASSWORD.into(), PASSWORD.into());
    world.identity.change_password(&caller, &old, &new, OwnKeys::Keep).await.unwrap();
    let again = world.identity.disable_second_factor(&caller, "nonsense").await;
    let right = sign_in(&world, &app::code(&secret, now_step(&world) + 1)).await;
    world.identity.unlock_user(&world.operator(), caller.principal.user.unwrap()).await.unwrap();
    let unlocked = sign_in(&world, &app::code(&secret, now_step(&world) + 1)).await;

    assert_eq!((kind(again), kind(right)), (ErrorKind::LockedOut, ErrorKind::LockedOut));
    assert!(unlocked.is_ok());
}

#[tokio::test]
async fn nobody_takes_their_own_wait_away() {
    let world = world().await;
    let admin = world.caller("someone", &["admin"]).await;

    let own = world.identity.unlock_user(&admin, admin.principal.user.unwrap()).await;

    assert_eq!(kind(own), ErrorKind::Forbidden);
}

#[tokio::test]
async fn one_that_was_begun_with_an_old_password_is_not_confirmed() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let begun = begin(&world, &caller).await.unwrap();
    let new = "another long password".into();
    world.identity.change_password(&caller, &PASSWORD.into(), &new, OwnKeys::Keep).await.unwrap();

    let code = app::code(begun.secret.expose_secret(), now_step(&world));

    assert_eq!(kind(world.identity.confirm_second_factor(&caller, &code).await), ErrorKind::Conflict);
}
