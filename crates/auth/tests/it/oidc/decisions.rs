//! Who comes in, and as whom.

use codeflow_auth::{Decision, ErrorKind, NewUsers, Newcomer, User, VerifiedIdentity};
use codeflow_core::{Tenant, Timestamp, UserId};
use serde_json::json;

use super::issuer::Lies;
use super::world::World;

fn identity() -> VerifiedIdentity {
    VerifiedIdentity {
        provider: "local".to_owned(),
        issuer: "https://issuer.example".to_owned(),
        subject: "subject".to_owned(),
        name: Some("Ada Lovelace".to_owned()),
        email: Some("Ada@Example.com".to_owned()),
        email_verified: true,
        new_users: Some(new_users()),
    }
}

fn new_users() -> NewUsers {
    NewUsers { tenant: Tenant::default(), roles: vec!["viewer".to_owned()] }
}

fn user(identity: Option<(&str, &str)>) -> User {
    User {
        id: UserId::from_uuid("0192f0c1a2b37c3d8e4f5a6b7c8d9e0f".parse().unwrap()),
        tenant: Tenant::default(),
        name: "ada@example.com".to_owned(),
        display_name: "Ada".to_owned(),
        email: Some("ada@example.com".to_owned()),
        password: None,
        roles: Vec::new(),
        disabled: false,
        second_factor: None,
        identity: identity.map(|(issuer, subject)| (issuer.to_owned(), subject.to_owned())),
        created_at: Timestamp::EPOCH,
        version: 1,
    }
}

#[test]
fn a_user_is_known_by_issuer_and_subject_and_by_nothing_else() {
    let known = user(Some(("https://issuer.example", "subject")));
    assert_eq!(identity().user_for(Some(&known)).unwrap(), Decision::Known(known.id));

    for other in [None, Some(("https://issuer.example", "other")), Some(("https://other.example", "subject"))]
    {
        let error = identity().user_for(Some(&user(other))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}

#[test]
fn somebody_new_gets_what_settings_say_or_nothing() {
    let new = identity().user_for(None).unwrap();
    let expected = Newcomer {
        settings: new_users(),
        name: "ada@example.com".to_owned(),
        display_name: "Ada Lovelace".to_owned(),
        email: Some("Ada@Example.com".to_owned()),
        identity: ("https://issuer.example".to_owned(), "subject".to_owned()),
    };
    assert_eq!(new, Decision::New(expected));

    let only_known = VerifiedIdentity { new_users: None, ..identity() };
    assert_eq!(only_known.user_for(None).unwrap_err().kind(), ErrorKind::Forbidden);
}

#[test]
fn a_new_users_name_can_always_be_written() {
    let name = |change: fn(&mut VerifiedIdentity)| {
        let mut identity = identity();
        change(&mut identity);
        match identity.user_for(None).unwrap() {
            Decision::New(user) => (user.name, user.email, user.display_name),
            Decision::Known(_) => unreachable!("nobody was handed in"),
        }
    };
    let (unconfirmed, email, _) = name(|identity| identity.email_verified = false);
    assert_eq!((&*unconfirmed, email), ("adalovelace", None));
    let (subject, _, display_name) = name(|identity| (identity.email, identity.name) = (None, None));
    assert_eq!((&*subject, &*display_name), ("subject", "subject"));
    let (provider, ..) =
        name(|identity| (identity.email, identity.name) = (None, Some("\u{0}\u{430}\u{434}".to_owned())));
    assert_eq!(provider, "local");
    let (short, ..) = name(|identity| identity.email = Some(format!("{}@example.com", "a".repeat(100))));
    assert_eq!(short.len(), 64);
}

#[tokio::test]
async fn only_confirmed_addresses_of_the_domains_that_settings_allow_come_in() {
    type Change = fn(&mut serde_json::Value);
    let table: [(&str, Change, bool); 8] = [
        ("of the domain", |_| {}, true),
        ("in other letters", |claims| claims["email"] = json!("ADA@Example.COM"), true),
        ("of another domain", |claims| claims["email"] = json!("ada@example.org"), false),
        ("of a longer domain", |claims| claims["email"] = json!("ada@evil-example.com"), false),
        ("of a domain below", |claims| claims["email"] = json!("ada@evil.example.com"), false),
        ("of two", |claims| claims["email"] = json!("ada@example.com@evil.example"), false),
        ("that nobody confirmed", |claims| claims["email_verified"] = json!(false), false),
        ("that is none", |claims| claims["email"] = json!("example.com"), false),
    ];
    for (name, claims, admitted) in table {
        let domains = |settings: &mut codeflow_auth::ProviderSettings| {
            settings.email_domains = vec!["example.com".to_owned(), "other.example".to_owned()];
        };
        let world = World::with(Lies { claims, ..Lies::default() }, domains).await;

        let outcome = world.sign_in("local").await.map_err(|error| error.kind());

        assert_eq!(outcome.map(drop), if admitted { Ok(()) } else { Err(ErrorKind::Forbidden) }, "{name}");
    }
}
