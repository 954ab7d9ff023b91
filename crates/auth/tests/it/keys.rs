//! API keys.

use std::sync::Arc;

use codeflow_auth::{
    ApiKey, Authenticate, Caller, Credential, ErrorKind, KeyFilter, KeyStore, MadeKey, NewKey, NewRole,
    Permission as P, UserChange, UserStore,
};
use codeflow_core::Clock;
use secrecy::ExposeSecret;

use crate::support::{World, kind, page, seconds, world};

const DAY: u64 = 24 * 3600;

fn service(scopes: &[P]) -> NewKey {
    NewKey { name: "ci".into(), scopes: scopes.to_vec(), ..NewKey::default() }
}

async fn made(world: &World, wish: NewKey) -> MadeKey {
    world.identity.create_key(&world.operator(), wish).await.unwrap()
}

async fn with(world: &World, made: &MadeKey) -> Result<Caller, codeflow_auth::Error> {
    world.caller_with(made.secret.expose_secret()).await
}

#[tokio::test]
async fn a_key_says_who_calls_and_is_kept_as_a_hash() {
    let world = world().await;
    let models = Some(vec!["gpt-*".to_owned()]);
    let made =
        made(&world, NewKey { models, tier: Some("premium".into()), ..service(&[P::ModelsCall]) }).await;
    let text = made.secret.expose_secret();
    assert!(text.starts_with(&format!("cf_live_{}_", made.key.id.uuid().simple())), "{text}");
    assert_eq!(text.len(), 8 + 32 + 1 + 43);

    let caller = with(&world, &made).await.unwrap();

    assert_eq!(caller.principal.credential, Credential::Key(made.key.id));
    assert_eq!((&*caller.principal.name, &*caller.principal.tier), ("ci", "premium"));
    assert_eq!(caller.principal.permissions.iter().collect::<Vec<_>>(), [P::ModelsCall]);
    assert_eq!(caller.principal.models.as_deref(), Some(&["gpt-*".to_owned()][..]));
    let kept = world.store.find_key(made.key.id).await.unwrap().unwrap();
    assert_eq!(kept.digest.len(), 32);
    assert!(!format!("{kept:?}{made:?}").contains(&text[41..]));
}

#[tokio::test]
async fn keys_that_were_not_made_here_are_refused_without_a_look_at_storage() {
    let world = world().await;
    let made = made(&world, service(&[P::ModelsCall])).await;
    let text = made.secret.expose_secret();
    let forged =
        [format!("{}{}", &text[..41], "A".repeat(43)), format!("cf_live_{}_{}", "0".repeat(32), &text[41..])];
    world.store.set_away(true);

    for text in forged {
        assert_eq!(kind(world.caller_with(&text).await), ErrorKind::UnknownKey);
    }
    assert_eq!(kind(with(&world, &made).await), ErrorKind::Unavailable);
    assert_eq!(world.identity.password_hashes(), 1);
}

#[tokio::test]
async fn a_key_that_is_gone_is_unknown() {
    let world = world().await;
    let user = world.user("someone", &["user"]).await.id;
    let key = made(&world, NewKey { owner: Some(user), ..service(&[P::ModelsCall]) }).await;
    with(&world, &key).await.unwrap();
    world.identity.remove_user(&world.operator(), user).await.unwrap();

    assert_eq!(kind(with(&world, &key).await), ErrorKind::UnknownKey);
    world.store.set_away(true);
    assert_eq!(kind(with(&world, &key).await), ErrorKind::UnknownKey);
}

#[tokio::test]
async fn a_key_with_another_hash_in_storage_is_unknown() {
    let world = world().await;
    let original = made(&world, service(&[P::ModelsCall])).await;
    let other = crate::support::world().await;
    let copy = ApiKey { digest: vec![0; 32], ..original.key.clone() };
    other.store.add_key(&copy, None).await.unwrap();

    assert_eq!(kind(other.caller_with(original.secret.expose_secret()).await), ErrorKind::UnknownKey);
}

#[tokio::test]
async fn a_key_is_refused_when_its_time_is_over_also_while_it_is_remembered() {
    let world = world().await;
    let expires_at = Some(world.clock.now().after(seconds(2)));
    let made = made(&world, NewKey { expires_at, ..service(&[P::ModelsCall]) }).await;
    with(&world, &made).await.unwrap();
    world.clock.advance(seconds(2));

    assert_eq!(kind(with(&world, &made).await), ErrorKind::ExpiredKey);
}

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_for_ever() {
    let world = world().await;
    let made = made(&world, service(&[P::ModelsCall])).await;
    with(&world, &made).await.unwrap();

    world.identity.revoke_key(&world.operator(), made.key.id).await.unwrap();

    assert_eq!(kind(with(&world, &made).await), ErrorKind::ExpiredKey);
    let again = world.identity.revoke_key(&world.operator(), made.key.id).await;
    assert_eq!(kind(again), ErrorKind::Conflict);
    let rotated = world.identity.rotate_key(&world.operator(), made.key.id, seconds(0)).await;
    assert_eq!(kind(rotated), ErrorKind::Conflict);
}

#[tokio::test]
async fn a_key_loses_what_its_owner_loses() {
    let world = world().await;
    let user = world.user("someone", &["admin"]).await.id;
    world.user("boss", &["admin"]).await;
    let scopes = [P::UsersRead, P::ModelsCall];
    let made = made(&world, NewKey { owner: Some(user), ..service(&scopes) }).await;
    assert!(with(&world, &made).await.unwrap().principal.permissions.has(P::UsersRead));

    let weaker = UserChange { roles: Some(vec!["user".into()]), ..UserChange::default() };
    world.identity.change_user(&world.operator(), user, weaker).await.unwrap();

    let caller = with(&world, &made).await.unwrap();
    assert_eq!(caller.principal.permissions.iter().collect::<Vec<_>>(), [P::ModelsCall]);
}

#[tokio::test]
async fn an_exchanged_key_is_accepted_until_the_overlap_is_over() {
    let world = world().await;
    let expires_at = Some(world.clock.now().after(seconds(10 * DAY)));
    let old = made(&world, NewKey { expires_at, ..service(&[P::ModelsCall]) }).await;
    world.clock.advance(seconds(DAY));

    let new = world.identity.rotate_key(&world.operator(), old.key.id, seconds(3600)).await.unwrap();

    assert_eq!(new.key.expires_at, Some(world.clock.now().after(seconds(10 * DAY))));
    assert_eq!((&new.key.name, &new.key.scopes), (&old.key.name, &old.key.scopes));
    let kept = world.identity.get_key(&world.operator(), old.key.id).await.unwrap();
    assert_eq!(kept.replaced_by, Some(new.key.id));
    assert!(with(&world, &old).await.is_ok());
    assert!(with(&world, &new).await.is_ok());
    let twice = world.identity.rotate_key(&world.operator(), old.key.id, seconds(3600)).await;
    assert_eq!(kind(twice), ErrorKind::Conflict);
    world.clock.advance(seconds(3600));
    assert_eq!(kind(with(&world, &old).await), ErrorKind::ExpiredKey);
    assert!(with(&world, &new).await.is_ok());
    let over = world.identity.rotate_key(&world.operator(), old.key.id, seconds(0)).await;
    assert_eq!(kind(over), ErrorKind::Conflict);
    let long = world.identity.rotate_key(&world.operator(), new.key.id, seconds(31 * DAY)).await;
    assert_eq!(kind(long), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn the_last_use_is_written_later_and_not_lost_when_storage_is_away() {
    let world = world().await;
    let made = made(&world, service(&[P::ModelsCall])).await;
    let used = world.clock.now();
    with(&world, &made).await.unwrap();
    let last_use = || async { world.store.find_key(made.key.id).await.unwrap().unwrap().last_used_at };
    assert_eq!(last_use().await, None);
    world.store.set_away(true);
    assert_eq!(kind(world.identity.flush().await), ErrorKind::Unavailable);
    world.store.set_away(false);

    world.identity.flush().await.unwrap();

    assert_eq!(last_use().await, Some(used));
}

#[tokio::test]
async fn all_that_is_wrong_with_a_wish_is_said_at_once() {
    let world = world().await;
    let wish = NewKey {
        name: String::new(),
        models: Some(vec![String::new()]),
        tier: Some("x".repeat(65)),
        expires_at: Some(world.clock.now()),
        ..NewKey::default()
    };

    let error = world.identity.create_key(&world.operator(), wish).await.unwrap_err();

    let fields: Vec<&str> = error.problems().iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["name", "scopes", "models", "tier", "expires_at"]);
    let user = world.user("someone", &["user"]).await.id;
    let tenant = Some("other".parse().unwrap());
    let mixed = NewKey { tenant, owner: Some(user), ..service(&[P::ModelsCall]) };
    let error = world.identity.create_key(&world.operator(), mixed).await.unwrap_err();
    assert_eq!(error.path(), Some("tenant"));
}

#[tokio::test]
async fn one_sees_ones_own_keys_and_admins_see_all_of_the_tenant() {
    let world = world().await;
    let user = world.caller("someone", &["user"]).await;
    let own = NewKey { owner: user.principal.user, ..service(&[P::ModelsCall]) };
    let own = world.identity.create_key(&user, own).await.unwrap();
    let other = made(&world, service(&[P::ModelsCall])).await;

    let mine = KeyFilter { tenant: None, owner: user.principal.user };
    assert_eq!(world.identity.list_keys(&user, mine, page()).await.unwrap(), std::slice::from_ref(&own.key));
    assert_eq!(
        kind(world.identity.list_keys(&user, KeyFilter::default(), page()).await),
        ErrorKind::Forbidden
    );
    assert_eq!(kind(world.identity.get_key(&user, other.key.id).await), ErrorKind::Forbidden);
    assert_eq!(kind(world.identity.revoke_key(&user, other.key.id).await), ErrorKind::Forbidden);
    let all = world.identity.list_keys(&world.operator(), KeyFilter::default(), page()).await.unwrap();
    assert_eq!(all.len(), 2);
    let renewed = world.identity.rotate_key(&user, own.key.id, seconds(0)).await.unwrap();
    world.identity.revoke_key(&user, renewed.key.id).await.unwrap();
}

#[tokio::test]
async fn a_key_that_makes_keys_hands_its_own_bounds_on() {
    let world = world().await;
    let expires_at = Some(world.clock.now().after(seconds(DAY)));
    let maker = NewKey {
        models: Some(vec!["gpt-*".into(), "claude".into()]),
        tier: Some("slow".into()),
        requests_per_minute: 10.try_into().ok(),
        expires_at,
        ..service(&[P::KeysWrite, P::ModelsCall])
    };
    let maker = with(&world, &made(&world, maker).await).await.unwrap();
    let wish = NewKey { requests_per_minute: 99.try_into().ok(), ..service(&[P::ModelsCall]) };

    let made = world.identity.create_key(&maker, wish.clone()).await.unwrap().key;

    assert_eq!((made.expires_at, made.tier.as_deref()), (expires_at, Some("slow")));
    assert_eq!((made.requests_per_minute, made.tokens_per_minute), (10.try_into().ok(), None));
    assert_eq!(made.models, Some(vec!["gpt-*".to_owned(), "claude".to_owned()]));
    let narrower = NewKey { models: Some(vec!["gpt-5".into(), "claude".into()]), ..wish.clone() };
    world.identity.create_key(&maker, narrower).await.unwrap();
    for wider in ["*", "gpt*", "claude-opus", "other"] {
        let wider = NewKey { models: Some(vec![wider.into()]), ..wish.clone() };
        assert_eq!(kind(world.identity.create_key(&maker, wider).await), ErrorKind::Forbidden);
    }
}

#[tokio::test]
async fn a_changed_role_changes_what_keys_may_do_at_once() {
    let world = world().await;
    let role = |permissions: &[P]| NewRole {
        tenant: None,
        name: "some".into(),
        description: "Some things.".into(),
        permissions: permissions.to_vec(),
    };
    world.identity.put_role(&world.operator(), role(&[P::ModelsCall, P::UsageRead])).await.unwrap();
    let user = world.user("someone", &["some"]).await.id;
    let made = made(&world, NewKey { owner: Some(user), ..service(&[P::ModelsCall]) }).await;
    assert!(with(&world, &made).await.unwrap().principal.permissions.has(P::ModelsCall));

    world.identity.put_role(&world.operator(), role(&[P::UsageRead])).await.unwrap();

    assert!(with(&world, &made).await.unwrap().principal.permissions.is_empty());
}

#[tokio::test]
async fn a_caller_with_a_key_is_remembered_for_seconds() {
    let world = world().await;
    let made = made(&world, service(&[P::ModelsCall])).await;
    let authenticate = || world.identity.authenticate(made.secret.expose_secret());
    let first = authenticate().await.unwrap();
    world.store.set_away(true);

    assert!(Arc::ptr_eq(&first, &authenticate().await.unwrap()));
    world.clock.advance(seconds(3));
    assert_eq!(kind(authenticate().await), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_key_whose_owner_was_disabled_behind_our_back_is_found_out_within_seconds() {
    let world = world().await;
    let mut user = world.user("someone", &["user"]).await;
    let made = made(&world, NewKey { owner: Some(user.id), ..service(&[P::ModelsCall]) }).await;
    with(&world, &made).await.unwrap();
    user.disabled = true;
    assert!(world.store.replace_user(&user).await.unwrap());
    world.clock.advance(seconds(3));

    assert_eq!(kind(with(&world, &made).await), ErrorKind::ExpiredKey);
}
