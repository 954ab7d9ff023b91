//! Signing in with another service.

use codeflow_auth::{
    Error, ErrorKind, NewUser, NewUsers, Origin, OutsideSignIn, SignedIn, UserChange, VerifiedIdentity,
};

use crate::support::{World, kind, page, wish, world};

pub(crate) fn who(subject: &str, name: &str) -> VerifiedIdentity {
    VerifiedIdentity {
        provider: "example".into(),
        issuer: "https://issuer.example".into(),
        subject: subject.into(),
        name: Some(name.into()),
        email: None,
        email_verified: false,
        new_users: Some(NewUsers { tenant: Default::default(), roles: vec!["viewer".into()] }),
    }
}

/// Signs in somebody who has no second factor.
pub(crate) async fn enter(world: &World, who: &VerifiedIdentity) -> Result<SignedIn, Error> {
    match world.identity.sign_in_with(who, &Origin::default()).await? {
        OutsideSignIn::Done(signed_in) => Ok(signed_in),
        OutsideSignIn::CodeNeeded(_) => unreachable!("there is no second factor"),
    }
}

async fn users(world: &World) -> Vec<codeflow_auth::User> {
    let listed = world.identity.list_users(&world.operator(), None, page()).await.unwrap();
    listed.into_iter().map(|shown| shown.user).collect()
}

#[tokio::test]
async fn a_newcomer_gets_a_user_and_keeps_it() {
    let world = world().await;
    let refused = world.identity.sign_in_with(&who("1", "early"), &Origin::default()).await;
    assert_eq!(kind(refused), ErrorKind::Forbidden, "the first one is the administrator");
    world.user("boss", &["admin"]).await;
    let email = VerifiedIdentity {
        email: Some("New@Example.com".into()),
        email_verified: true,
        ..who("1", "New\u{7} Comer")
    };

    let first = enter(&world, &email).await.unwrap();
    let second = enter(&world, &who("1", "Renamed")).await.unwrap();

    assert_eq!(first.user, second.user);
    let all = users(&world).await.split_off(1);
    assert_eq!(
        (all.len(), all[0].name.as_str(), all[0].display_name.as_str()),
        (1, "new@example.com", "New Comer")
    );
    assert_eq!((all[0].roles.clone(), all[0].password.as_ref()), (vec!["viewer".to_owned()], None));
    assert!(world.caller_of(&second).await.is_ok());
    assert_eq!(kind(world.try_sign_in("new@example.com", "").await), ErrorKind::WrongPassword);
}

#[tokio::test]
async fn a_name_that_is_taken_is_nobody_elses_account() {
    let world = world().await;
    let admin = world.user("boss", &["admin"]).await;

    let one = enter(&world, &who("1", "Boss")).await.unwrap();
    let two = enter(&world, &who("2", "boss")).await.unwrap();

    assert!(one.user != admin.id && two.user != one.user);
    let names: Vec<_> = users(&world).await.into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["boss", "boss-2", "boss-3"]);
}

#[tokio::test]
async fn a_name_of_which_there_are_too_many_is_refused() {
    let world = world().await;
    world.user("boss", &["admin"]).await;
    let origin = Origin::default();
    for number in 0..20 {
        world.identity.sign_in_with(&who(&number.to_string(), "same"), &origin).await.unwrap();
    }

    assert_eq!(kind(world.identity.sign_in_with(&who("20", "same"), &origin).await), ErrorKind::Conflict);
}

#[tokio::test]
async fn whoever_is_not_known_stays_out_where_only_known_users_sign_in() {
    let world = world().await;
    let known = NewUser {
        password: None,
        identity: Some(("https://issuer.example".into(), "1".into())),
        ..wish("known", &["user"])
    };
    let known = world.identity.create_user(&world.operator(), known).await.unwrap();
    let closed = |subject| VerifiedIdentity { new_users: None, ..who(subject, "x") };
    let origin = Origin::default();

    assert_eq!(enter(&world, &closed("1")).await.unwrap().user, known.id);
    assert_eq!(kind(world.identity.sign_in_with(&closed("2"), &origin).await), ErrorKind::Forbidden);
    let other = VerifiedIdentity { issuer: "https://other.example".into(), ..closed("1") };
    assert_eq!(kind(world.identity.sign_in_with(&other, &origin).await), ErrorKind::Forbidden);
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    world.identity.change_user(&world.operator(), known.id, disabled).await.unwrap();
    assert_eq!(kind(world.identity.sign_in_with(&closed("1"), &origin).await), ErrorKind::SignInFailed);
}

#[tokio::test]
async fn a_role_that_does_not_exist_lets_nobody_in() {
    let world = world().await;
    world.user("boss", &["admin"]).await;
    let new_users = Some(NewUsers { tenant: Default::default(), roles: vec!["nonsense".into()] });
    let who = VerifiedIdentity { new_users, ..who("1", "x") };

    assert_eq!(kind(world.identity.sign_in_with(&who, &Origin::default()).await), ErrorKind::InvalidInput);
}
