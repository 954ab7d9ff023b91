//! Users.

use std::sync::Arc;

use codeflow_auth::{ErrorKind, NewUser, OwnKeys, Page, UserChange, UserStore};
use futures_util::FutureExt;

use crate::support::{PASSWORD, kind, page, secret, wish, world};

fn disabled(disabled: bool) -> UserChange {
    UserChange { disabled: Some(disabled), ..UserChange::default() }
}

fn with_roles(roles: &[&str]) -> UserChange {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    UserChange { roles: Some(roles), ..UserChange::default() }
}

#[tokio::test]
async fn all_that_is_wrong_with_a_wish_is_said_at_once() {
    let world = world().await;
    let wish = NewUser {
        name: "with space".into(),
        display_name: "two\nlines".into(),
        email: Some("nowhere".into()),
        password: Some("short".into()),
        roles: vec!["nonsense".into(), "nonsense".into()],
        ..NewUser::default()
    };

    let error = world.identity.create_user(&world.operator(), wish).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let fields: Vec<&str> = error.problems().iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["name", "display_name", "email", "password", "roles", "roles"]);
    assert!(!error.to_string().contains("short"));
}

#[tokio::test]
async fn names_are_kept_in_small_letters_and_taken_once_in_all_tenants() {
    let world = world().await;
    let user = world.user("Some.One+x@here", &["user"]).await;
    assert_eq!((user.name.as_str(), user.display_name.as_str()), ("some.one+x@here", "some.one+x@here"));

    let tenant = Some("theirs".parse().unwrap());
    let again = NewUser { tenant, ..wish("SOME.ONE+X@HERE", &[]) };

    assert_eq!(kind(world.identity.create_user(&world.operator(), again).await), ErrorKind::Conflict);
}

#[tokio::test]
async fn users_are_listed_by_pages() {
    let world = world().await;
    let mut made = Vec::new();
    for number in 0..5 {
        made.push(world.user(&format!("name{number}"), &["user"]).await);
    }
    world.user_of("theirs", "they", &["user"]).await;
    let list = |after| {
        world.identity.list_users(OPERATOR.get_or_init(|| world.operator()), None, Page { after, limit: 3 })
    };
    static OPERATOR: std::sync::OnceLock<codeflow_auth::Caller> = std::sync::OnceLock::new();

    let first = list(None).await.unwrap();
    let second = list(Some(first[2].user.id)).await.unwrap();

    let listed: Vec<_> = [first, second].concat().into_iter().map(|shown| shown.user).collect();
    assert_eq!(listed, made);
}

#[tokio::test]
async fn one_sees_and_names_oneself_and_nobody_else() {
    let world = world().await;
    let caller = world.caller("someone", &["viewer"]).await;
    let own = caller.principal.user.unwrap();
    let other = world.user("other", &["viewer"]).await.id;
    let named = UserChange {
        display_name: Some("Some One".into()),
        email: Some(Some("some@one.example".into())),
        ..UserChange::default()
    };

    let changed = world.identity.change_user(&caller, own, named.clone()).await.unwrap();

    assert_eq!((changed.user.display_name.as_str(), changed.user.version), ("Some One", 2));
    assert_eq!(world.identity.get_user(&caller, own).await.unwrap(), changed);
    assert_eq!(kind(world.identity.get_user(&caller, other).await), ErrorKind::Forbidden);
    assert_eq!(kind(world.identity.change_user(&caller, other, named).await), ErrorKind::Forbidden);
    assert_eq!(kind(world.identity.change_user(&caller, own, disabled(false)).await), ErrorKind::Forbidden);
    assert_eq!(kind(world.identity.change_user(&caller, own, with_roles(&[])).await), ErrorKind::Forbidden);
    let bad = UserChange {
        display_name: Some(String::new()),
        email: Some(Some("@".into())),
        ..UserChange::default()
    };
    let error = world.identity.change_user(&caller, own, bad).await.unwrap_err();
    assert_eq!(error.problems().len(), 2);
    let none = UserChange { email: Some(None), ..UserChange::default() };
    assert_eq!(world.identity.change_user(&caller, own, none).await.unwrap().user.email, None);
}

#[tokio::test]
async fn a_change_of_what_was_changed_meanwhile_is_refused() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await;
    let change = UserChange { version: Some(1), ..with_roles(&["viewer"]) };
    world.identity.change_user(&world.operator(), user.id, change.clone()).await.unwrap();

    assert_eq!(
        kind(world.identity.change_user(&world.operator(), user.id, change).await),
        ErrorKind::Conflict
    );
}

#[tokio::test]
async fn new_roles_void_the_tokens_and_not_the_sign_in() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    world.identity.change_user(&world.operator(), user.id, with_roles(&["viewer"])).await.unwrap();
    assert_eq!(kind(world.caller_of(&signed_in).await), ErrorKind::Revoked);
    world.clock.advance(crate::support::seconds(1));

    let token = secrecy::ExposeSecret::expose_secret(&signed_in.refresh);
    let again = world.identity.refresh(token, &Default::default()).await.unwrap();

    assert!(
        !world
            .caller_of(&again)
            .await
            .unwrap()
            .principal
            .permissions
            .has(codeflow_auth::Permission::ModelsCall)
    );
}

#[tokio::test]
async fn the_last_administrator_of_a_tenant_stays_one() {
    let world = world().await;
    let only = world.user("boss", &["admin"]).await;
    world.user("off", &["admin"]).await;
    let off = world.store.find_user_by_name("off").await.unwrap().unwrap().id;
    world.user_of("theirs", "they", &["admin"]).await;
    let operator = world.operator();
    world.identity.change_user(&operator, off, disabled(true)).await.unwrap();

    for refused in [
        kind(world.identity.change_user(&operator, only.id, disabled(true)).await),
        kind(world.identity.change_user(&operator, only.id, with_roles(&["user"])).await),
        kind(world.identity.remove_user(&operator, only.id).await),
    ] {
        assert_eq!(refused, ErrorKind::Conflict);
    }
    let kept = world.identity.get_user(&operator, only.id).await.unwrap().user;
    assert_eq!((kept.roles, kept.disabled), (only.roles, false));
    assert!(world.try_sign_in("boss", PASSWORD).await.is_ok());

    world.identity.change_user(&operator, off, disabled(false)).await.unwrap();
    world.identity.remove_user(&operator, only.id).await.unwrap();
}

#[tokio::test]
async fn two_processes_that_take_each_others_administrator_away_leave_one() {
    let world = world().await;
    let (one, two) = (world.user("one", &["admin"]).await.id, world.user("two", &["admin"]).await.id);
    let other = world.other(crate::support::cheap()).await;
    let (identity, operator) = (Arc::clone(&world.identity), world.operator());

    let (first, second) = futures_util::join!(
        identity.change_user(&operator, one, disabled(true)),
        other.change_user(&operator, two, disabled(true))
    );

    let _ = (first, second);
    let users = world.identity.list_users(&world.operator(), None, page()).await.unwrap();
    assert!(users.iter().any(|shown| !shown.user.disabled));
}

#[tokio::test]
async fn a_user_that_is_gone_is_not_found() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await.id;
    world.identity.remove_user(&world.operator(), user).await.unwrap();

    assert_eq!(kind(world.identity.get_user(&world.operator(), user).await), ErrorKind::NotFound);
    assert_eq!(kind(world.identity.remove_user(&world.operator(), user).await), ErrorKind::NotFound);
    let password =
        world.identity.set_password(&world.operator(), user, &secret(PASSWORD), OwnKeys::Keep).await;
    assert_eq!(kind(password), ErrorKind::NotFound);
    assert_eq!(kind(world.identity.unlock_user(&world.operator(), user).await), ErrorKind::NotFound);
    let own = world
        .identity
        .change_password(&world.operator(), &secret(PASSWORD), &secret(PASSWORD), OwnKeys::Keep)
        .await;
    assert_eq!(kind(own), ErrorKind::Forbidden);
}

#[tokio::test]
async fn a_password_that_is_set_ends_all_sign_ins() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await.id;
    let signed_in = world.sign_in("someone").await;

    let weak = world.identity.set_password(&world.operator(), user, &secret("someone"), OwnKeys::Keep).await;
    assert_eq!(kind(weak), ErrorKind::InvalidInput);
    world
        .identity
        .set_password(&world.operator(), user, &secret("another long password"), OwnKeys::Keep)
        .await
        .unwrap();

    assert_eq!(kind(world.caller_of(&signed_in).await), ErrorKind::Revoked);
    assert_eq!(kind(world.try_sign_in("someone", PASSWORD).await), ErrorKind::WrongPassword);
    assert!(world.identity.flush().now_or_never().unwrap().is_ok());
}
