//! What becomes of a user's keys with a new password.

use codeflow_auth::{
    AuditFilter, Caller, ErrorKind, KeyStore, LoginStore, MadeKey, NewKey, OwnKeys, Permission as P,
};
use codeflow_core::UserId;
use futures_util::FutureExt;
use secrecy::ExposeSecret;

use crate::support::{PASSWORD, World, cheap, kind, page, seconds, secret, world};

fn wish(owner: Option<UserId>) -> NewKey {
    NewKey { owner, name: "k".into(), scopes: vec![P::ModelsCall], ..NewKey::default() }
}

async fn key(world: &World, caller: &Caller) -> MadeKey {
    world.identity.create_key(caller, wish(caller.principal.user)).await.unwrap()
}

async fn works(world: &World, key: &MadeKey) -> bool {
    world.caller_with(key.secret.expose_secret()).await.is_ok()
}

/// What the audit log says of this, and of how many keys.
async fn noted(world: &World, action: &str) -> Vec<Option<u64>> {
    world.identity.flush().await.unwrap();
    let filter = AuditFilter { action: Some(action.to_owned()), ..AuditFilter::default() };
    let entries = world.identity.list_audit(&world.operator(), filter, page()).await.unwrap();
    entries.iter().map(|entry| entry.event.details.get("revoked_keys").and_then(|one| one.as_u64())).collect()
}

#[tokio::test]
async fn ones_keys_go_on_with_a_new_password_unless_one_says_otherwise() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let (first, second) = (key(&world, &caller).await, key(&world, &caller).await);
    let theirs = key(&world, &world.caller("other", &["user"]).await).await;
    world.identity.revoke_key(&caller, second.key.id).await.unwrap();
    let third = key(&world, &caller).await;
    let (one, two, old) = (secret("another long password"), secret("yet another password"), secret(PASSWORD));

    world.identity.change_password(&caller, &old, &one, OwnKeys::Keep).await.unwrap();
    assert!(works(&world, &first).await && works(&world, &third).await);

    world.identity.change_password(&caller, &one, &two, OwnKeys::Revoke).await.unwrap();
    assert!(!works(&world, &first).await && !works(&world, &third).await);
    assert!(works(&world, &theirs).await);
    assert_eq!(noted(&world, "user.change_password").await, [None, Some(2)]);
}

#[tokio::test]
async fn keys_are_revoked_with_a_password_that_an_admin_sets_unless_they_say_otherwise() {
    let world = world().await;
    let caller = world.caller("someone", &["user"]).await;
    let (user, made) = (caller.principal.user.unwrap(), key(&world, &caller).await);
    let operator = world.operator();
    let service = world.identity.create_key(&operator, wish(None)).await.unwrap();
    let other = world.other(cheap()).await;
    let elsewhere = async |key: &MadeKey| {
        codeflow_auth::Authenticate::authenticate(&*other, key.secret.expose_secret()).await.is_ok()
    };
    let new = secret("another long password");

    world.identity.set_password(&operator, user, &new, OwnKeys::Keep).await.unwrap();
    assert!(works(&world, &made).await && elsewhere(&made).await);

    world.identity.set_password(&operator, user, &new, OwnKeys::Revoke).await.unwrap();
    world.clock.advance(seconds(3));
    assert!(!works(&world, &made).await && !elsewhere(&made).await);
    assert!(works(&world, &service).await, "it is nobody's");
    assert_eq!(noted(&world, "user.set_password").await, [None, Some(1)]);
}

/// Whenever in between the sign-in ends, and the keys are revoked.
#[tokio::test]
async fn no_key_outlives_a_revocation_during_which_it_is_made() {
    let mut refused = 0;
    for looks in 0..6 {
        let world = world().await;
        let caller = world.caller("someone", &["user"]).await;
        let (store, user) = (world.store.clone(), caller.principal.user.unwrap());
        let now = codeflow_core::Clock::now(&world.clock.time);
        world.clock.after_looks(looks, move || {
            // What another process does with a new password, in its order.
            store.end_logins(user, None, now).now_or_never().unwrap().unwrap();
            store.revoke_keys_of(user, now).now_or_never().unwrap().unwrap();
        });

        let made = world.identity.create_key(&caller, wish(Some(user))).await;

        refused += u32::from(made.is_err());
        let live = world.store.count_keys((&caller.principal.tenant, Some(user)), now, 9).await.unwrap();
        let ended = world.store.list_logins((None, Some(user)), now, page()).await.unwrap().is_empty();
        assert!(live == 0 || !ended, "after {looks} looks");
        if let Err(error) = made {
            assert_eq!(error.kind(), ErrorKind::Revoked);
        }
    }
    assert!(refused > 1, "it was refused {refused} times");
}

#[tokio::test]
async fn a_key_makes_none_when_it_is_revoked_meanwhile() {
    let mut refused = 0;
    for looks in 0..6 {
        let world = world().await;
        let admin = world.caller("boss", &["admin"]).await;
        let scopes = vec![P::KeysWrite, P::ModelsCall];
        let made = world.identity.create_key(&admin, NewKey { scopes, ..wish(None) }).await.unwrap();
        let with_key = world.caller_with(made.secret.expose_secret()).await.unwrap();
        let (store, id) = (world.store.clone(), made.key.id);
        let now = codeflow_core::Clock::now(&world.clock.time);
        world.clock.after_looks(looks, move || {
            store.revoke_key(id, now).now_or_never().unwrap().unwrap();
        });

        let second = world.identity.create_key(&with_key, wish(None)).await;

        refused += u32::from(second.is_err());
        let kinds = [ErrorKind::Revoked, ErrorKind::ExpiredKey];
        assert!(second.is_ok() || kinds.contains(&kind(second)), "after {looks} looks");
    }
    // Three times before the key that asks is looked at, and once after that.
    assert!(refused > 3, "it was refused {refused} times");
}
