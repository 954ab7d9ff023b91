//! Signing in with another service, by somebody who has a second factor here.

use codeflow_auth::{
    Caller, CodeTicket, Error, ErrorKind, Origin, OutsideSignIn, SignedIn, UserChange, UserStore,
    VerifiedIdentity,
};
use secrecy::{ExposeSecret, SecretString};

use super::world::World as Service;
use crate::outside::enter;
use crate::second_factor::{app, enrol, now_step};
use crate::support::{World, cheap, kind, page, seconds, world};

/// Somebody who signs in with the local issuer, and the secret and recovery codes of their second factor.
struct Person {
    world: World,
    who: VerifiedIdentity,
    caller: Caller,
    secret: String,
    codes: Vec<String>,
}

impl Person {
    async fn enrolled() -> Self {
        let (world, service) = (world().await, Service::new().await);
        world.user("boss", &["admin"]).await;
        let who = service.sign_in("local").await.unwrap().identity;
        let caller = world.caller_of(&enter(&world, &who).await.unwrap()).await.unwrap();
        let (secret, codes) = enrol(&world, &caller, None).await;
        world.clock.advance(seconds(30));
        Self { world, who, caller, secret, codes }
    }

    /// The other service vouches for them.
    async fn come(&self) -> CodeTicket {
        match self.world.identity.sign_in_with(&self.who, &Origin::default()).await.unwrap() {
            OutsideSignIn::CodeNeeded(ticket) => ticket,
            OutsideSignIn::Done(_) => unreachable!("no code was asked for"),
        }
    }

    async fn finish(&self, ticket: &SecretString, code: &str) -> Result<SignedIn, Error> {
        self.world.identity.sign_in_with_code(ticket.expose_secret(), code, &Origin::default()).await
    }

    fn code(&self) -> String {
        app::code(&self.secret, now_step(&self.world))
    }

    async fn logins(&self) -> usize {
        let of = (None, self.caller.principal.user);
        self.world.identity.list_logins(&self.world.operator(), of, page()).await.unwrap().len()
    }
}

#[tokio::test]
async fn the_word_of_another_service_is_not_enough_for_who_has_a_second_factor() {
    let person = Person::enrolled().await;
    let before = person.logins().await;

    let ticket = person.come().await;

    assert_eq!(person.logins().await, before, "nobody is signed in yet");
    assert_eq!(ticket.expires_at, person.world.clock.time_after(300));
    assert!(!format!("{ticket:?}").contains(ticket.ticket.expose_secret()));
    let credential = person.world.caller_with(ticket.ticket.expose_secret()).await;
    assert_eq!(kind(credential), ErrorKind::MalformedCredential, "a ticket is no token");
    let signed_in = person.finish(&ticket.ticket, &person.code()).await.unwrap();
    let caller = person.world.caller_of(&signed_in).await.unwrap();
    assert_eq!(caller.principal.user, person.caller.principal.user);
    assert!(person.world.actions().await.ends_with(&["login.create".to_owned()]));
}

#[tokio::test]
async fn a_wrong_code_may_be_mended_and_a_ticket_signs_in_once() {
    let person = Person::enrolled().await;
    let ticket = person.come().await.ticket;

    assert_eq!(kind(person.finish(&ticket, "000000").await), ErrorKind::WrongSecondFactor);
    person.finish(&ticket, &person.codes[0]).await.unwrap();

    let signed_in = person.logins().await;
    let again = person.finish(&ticket, &person.codes[1]).await;
    assert_eq!(kind(again), ErrorKind::SignInFailed);
    let fresh = person.come().await.ticket;
    assert_eq!(kind(person.finish(&fresh, &person.codes[0]).await), ErrorKind::WrongSecondFactor);
    assert_eq!(person.logins().await, signed_in);
}

#[tokio::test]
async fn of_two_uses_of_a_ticket_at_once_one_signs_in() {
    let person = Person::enrolled().await;
    let ticket = person.come().await.ticket;
    let other = person.world.other(cheap()).await;
    let (here, origin) = (Origin::default(), Origin::default());

    let (one, two) = futures_util::join!(
        person.world.identity.sign_in_with_code(ticket.expose_secret(), &person.codes[0], &here),
        other.sign_in_with_code(ticket.expose_secret(), &person.codes[1], &origin)
    );

    let refused: Vec<_> = [one, two].into_iter().filter_map(Result::err).map(|error| error.kind()).collect();
    assert_eq!(refused, [ErrorKind::SignInFailed]);
}

#[tokio::test]
async fn guessing_codes_with_tickets_leads_to_waits_for_codes_alone() {
    let person = Person::enrolled().await;
    for _ in 0..3 {
        let ticket = person.come().await.ticket;
        for _ in 0..2 {
            assert_eq!(kind(person.finish(&ticket, "nonsense").await), ErrorKind::WrongSecondFactor);
        }
    }

    let ticket = person.come().await.ticket;
    assert_eq!(kind(person.finish(&ticket, &person.code()).await), ErrorKind::LockedOut);
    let name = person.caller.principal.name.to_string();
    assert_eq!(kind(person.world.try_sign_in(&name, "whatever it may be").await), ErrorKind::WrongPassword);

    person.world.clock.advance(seconds(1));
    person.finish(&ticket, &person.code()).await.unwrap();
}

#[tokio::test]
async fn guesses_at_a_password_keep_nobody_from_a_sign_in_with_another_service() {
    let person = Person::enrolled().await;
    let name = person.caller.principal.name.to_string();
    for _ in 0..6 {
        assert_eq!(
            kind(person.world.try_sign_in(&name, "whatever it may be").await),
            ErrorKind::WrongPassword
        );
    }
    assert_eq!(kind(person.world.try_sign_in(&name, "whatever it may be").await), ErrorKind::LockedOut);

    let ticket = person.come().await.ticket;
    person.finish(&ticket, &person.code()).await.unwrap();
}

#[tokio::test]
async fn a_ticket_is_good_for_five_minutes() {
    let person = Person::enrolled().await;
    let (early, late) = (person.come().await.ticket, person.come().await.ticket);
    person.world.clock.advance(seconds(300) - std::time::Duration::from_micros(1));
    person.finish(&early, &person.code()).await.unwrap();
    person.world.clock.advance(seconds(30));

    assert_eq!(kind(person.finish(&late, &person.code()).await), ErrorKind::SignInFailed);
}

#[tokio::test]
async fn a_ticket_that_was_not_made_here_is_none() {
    let person = Person::enrolled().await;
    let ticket = person.come().await.ticket;
    let text = ticket.expose_secret();
    let other = if text.ends_with('A') { "B" } else { "A" };
    let changed = format!("{}{other}", &text[..text.len() - 1]);
    for text in
        ["", "cfc_", "nonsense", &text[4..], &text[..40], &changed, &format!("{text}A"), &"x".repeat(5_000)]
    {
        let refused = person.finish(&text.into(), &person.code()).await;
        assert_eq!(kind(refused), ErrorKind::SignInFailed, "{text}");
    }
    person.finish(&ticket, &person.code()).await.unwrap();
}

#[tokio::test]
async fn a_ticket_is_nothing_for_who_may_not_sign_in_any_more() {
    let person = Person::enrolled().await;
    let (ticket, user) = (person.come().await.ticket, person.caller.principal.user.unwrap());
    let disabled = |disabled| UserChange { disabled: Some(disabled), ..UserChange::default() };
    let (identity, operator) = (&person.world.identity, person.world.operator());

    identity.change_user(&operator, user, disabled(true)).await.unwrap();
    assert_eq!(kind(person.finish(&ticket, &person.codes[0]).await), ErrorKind::SignInFailed);
    identity.change_user(&operator, user, disabled(false)).await.unwrap();
    let mut kept = person.world.store.find_user(user).await.unwrap().unwrap();
    kept.identity = None;
    assert!(person.world.store.replace_user(&kept).await.unwrap());
    assert_eq!(kind(person.finish(&ticket, &person.codes[0]).await), ErrorKind::SignInFailed);
    identity.remove_user(&operator, user).await.unwrap();
    assert_eq!(kind(person.finish(&ticket, &person.codes[0]).await), ErrorKind::SignInFailed);
}

#[tokio::test]
async fn who_has_no_password_sets_a_second_factor_up_soon_after_a_sign_in() {
    let (world, service) = (world().await, Service::new().await);
    world.user("boss", &["admin"]).await;
    let who = service.sign_in("local").await.unwrap().identity;
    let first = enter(&world, &who).await.unwrap();
    let caller = world.caller_of(&first).await.unwrap();
    world.clock.advance(seconds(299));
    world.identity.begin_second_factor(&caller, None).await.unwrap();
    world.clock.advance(seconds(1));

    let late = world.identity.begin_second_factor(&caller, None).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Forbidden);
    assert!(late.to_string().contains("sign in again"), "{late}");
    let renewed = world.identity.refresh(first.refresh.expose_secret(), &Origin::default()).await.unwrap();
    let renewed = world.caller_of(&renewed).await.unwrap();
    let late = world.identity.begin_second_factor(&renewed, Some(&"whatever it is".into())).await;
    assert_eq!(kind(late), ErrorKind::Forbidden, "a renewed token is no new sign-in");

    let again = world.caller_of(&enter(&world, &who).await.unwrap()).await.unwrap();
    enrol(&world, &again, None).await;
    let ended = world.identity.refresh(first.refresh.expose_secret(), &Origin::default()).await;
    assert!(ended.is_err(), "the first sign-in was made without it");
}
