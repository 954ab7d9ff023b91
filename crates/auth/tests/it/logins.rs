//! Signing in and out.

use codeflow_auth::{ErrorKind, LoginStore, Origin, Permission, UserChange, UserStore};
use futures_util::FutureExt;
use secrecy::ExposeSecret;

use crate::support::{PASSWORD, ask, kind, page, seconds, world};

#[tokio::test]
async fn whoever_signs_in_may_do_what_their_roles_say() {
    let world = world().await;
    world.user("someone", &["viewer", "user"]).await;

    let signed_in = world.try_sign_in("SomeOne", PASSWORD).await.unwrap();

    let caller = world.caller_of(&signed_in).await.unwrap();
    assert_eq!(&*caller.principal.name, "someone");
    assert_eq!(&*caller.principal.tier, "authenticated");
    assert!(caller.principal.permissions.has(Permission::ModelsCall));
    assert!(!caller.principal.permissions.has(Permission::UsersRead));
    assert_eq!(
        signed_in.refresh_expires_at,
        codeflow_core::Clock::now(&*world.clock).after(seconds(30 * 24 * 3600))
    );
}

#[tokio::test]
async fn a_sign_in_says_from_where_it_was_made() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let origin = Origin {
        address: Some("192.0.2.7".parse().unwrap()),
        agent: Some(format!("curl\n{}", "x".repeat(500))),
        request_id: Some("req_1".into()),
    };
    world.identity.sign_in(ask("someone", PASSWORD), &origin).await.unwrap();

    let logins = world.identity.list_logins(&world.operator(), (None, None), page()).await.unwrap();

    assert_eq!(logins[0].address.as_deref(), Some("192.0.2.7"));
    assert_eq!(logins[0].agent.as_ref().unwrap().len(), 200);
}

#[tokio::test]
async fn a_disabled_user_is_refused_everywhere() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    let key = codeflow_auth::NewKey {
        owner: caller.principal.user,
        name: "k".into(),
        scopes: vec![Permission::ModelsCall],
        ..Default::default()
    };
    let key = world.identity.create_key(&caller, key).await.unwrap();
    assert!(world.caller_with(key.secret.expose_secret()).await.is_ok());
    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    world.identity.change_user(&world.operator(), caller.principal.user.unwrap(), disabled).await.unwrap();

    assert_eq!(kind(world.caller_of(&signed_in).await), ErrorKind::Revoked);
    assert_eq!(kind(world.caller_with(key.secret.expose_secret()).await), ErrorKind::ExpiredKey);
    assert_eq!(kind(world.try_sign_in("someone", PASSWORD).await), ErrorKind::WrongPassword);
    let refreshed = world.identity.refresh(signed_in.refresh.expose_secret(), &Origin::default()).await;
    assert_eq!(kind(refreshed), ErrorKind::Revoked);
}

#[tokio::test]
async fn signing_out_ends_this_sign_in_and_no_other() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let (this, other) = (world.sign_in("someone").await, world.sign_in("someone").await);
    let caller = world.caller_of(&this).await.unwrap();

    world.identity.sign_out(&caller).await.unwrap();

    assert_eq!(kind(world.caller_of(&this).await), ErrorKind::Revoked);
    assert!(world.caller_of(&other).await.is_ok());
    assert_eq!(kind(world.identity.sign_out(&world.operator()).await), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn one_may_end_all_of_ones_sign_ins_but_this() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await.id;
    let (this, other) = (world.sign_in("someone").await, world.sign_in("someone").await);
    let caller = world.caller_of(&this).await.unwrap();

    assert_eq!(world.identity.end_logins(&caller, user, true).await.unwrap(), 1);
    assert!(world.caller_of(&this).await.is_ok());
    assert_eq!(kind(world.caller_of(&other).await), ErrorKind::Revoked);

    assert_eq!(world.identity.end_logins(&caller, user, false).await.unwrap(), 1);
    assert_eq!(kind(world.caller_of(&this).await), ErrorKind::Revoked);
    let left = world.identity.list_logins(&world.operator(), (None, Some(user)), page()).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn one_sees_and_ends_ones_own_sign_ins_and_not_those_of_others() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let own = world.sign_in("someone").await.login;
    let other = world.user("other", &["user"]).await.id;
    let theirs = world.sign_in("other").await.login;
    let identity = &world.identity;

    let logins = identity.list_logins(&caller, (None, caller.principal.user), page()).await.unwrap();
    assert_eq!(logins.len(), 2);
    assert_eq!(kind(identity.list_logins(&caller, (None, Some(other)), page()).await), ErrorKind::Forbidden);
    assert_eq!(kind(identity.list_logins(&caller, (None, None), page()).await), ErrorKind::Forbidden);
    assert_eq!(kind(identity.end_login(&caller, theirs).await), ErrorKind::Forbidden);
    assert_eq!(kind(identity.end_logins(&caller, other, false).await), ErrorKind::Forbidden);
    identity.end_login(&caller, own).await.unwrap();
    identity.end_login(&world.operator(), theirs).await.unwrap();
    let gone: codeflow_core::LoginId = "login_00000000000000000000000000000000".parse().unwrap();
    assert_eq!(kind(identity.end_login(&caller, gone).await), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_password_changed_during_the_sign_in_wins() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await;
    world.try_sign_in("someone", "a wrong password").await.unwrap_err();
    world.identity.flush().await.unwrap();
    let (store, id) = (world.store.clone(), user.id);
    // The third look comes when the password was found right, and failures are to be forgotten.
    world.clock.after_looks(2, move || {
        let mut kept = store.find_user(id).now_or_never().unwrap().unwrap().unwrap();
        kept.password = Some("$argon2id$another".into());
        assert!(store.replace_user(&kept).now_or_never().unwrap().unwrap());
    });

    assert_eq!(kind(world.try_sign_in("someone", PASSWORD).await), ErrorKind::Unavailable);

    let logins = world.identity.list_logins(&world.operator(), (None, None), page()).await.unwrap();
    assert_eq!(logins, []);
}

#[tokio::test]
async fn nobody_signs_in_while_storage_is_away() {
    let world = world().await;
    world.user("someone", &["user"]).await;
    let signed_in = world.sign_in("someone").await;
    world.clock.advance(seconds(10));
    world.store.set_away(true);

    assert_eq!(kind(world.try_sign_in("someone", PASSWORD).await), ErrorKind::Unavailable);
    assert_eq!(kind(world.caller_of(&signed_in).await), ErrorKind::Unavailable);
    let refreshed = world.identity.refresh(signed_in.refresh.expose_secret(), &Origin::default()).await;
    assert_eq!(kind(refreshed), ErrorKind::Unavailable);
}

#[tokio::test]
async fn no_sign_in_outlives_a_password_that_is_changed_meanwhile() {
    let mut cut = 0;
    for looks in 0..16 {
        let world = world().await;
        let user = world.user("someone", &["user"]).await;
        let (store, now) = (world.store.clone(), codeflow_core::Clock::now(&world.clock.time));
        world.clock.after_looks(looks, move || {
            // What another process does to change a password, in its order.
            let seen = store.find_user(user.id).now_or_never().unwrap().unwrap().unwrap();
            let changed = codeflow_auth::User { password: Some("another".into()), ..seen };
            assert!(store.replace_user(&changed).now_or_never().unwrap().unwrap());
            store.end_logins(user.id, None, now).now_or_never().unwrap().unwrap();
        });

        cut += u32::from(world.try_sign_in("someone", PASSWORD).await.is_err());

        let changed = world.store.find_user(user.id).await.unwrap().unwrap().password;
        let live =
            world.store.list_logins((None, Some(user.id)), codeflow_core::Timestamp::EPOCH, page()).await;
        assert!(live.unwrap().is_empty() || changed.as_deref() != Some("another"), "after {looks} looks");
    }
    assert!(cut > 2, "it was changed in time {cut} times");
}
