//! Nobody gets, by way of others, what they may not do themselves; and nobody reaches another tenant.

use codeflow_auth::{ErrorKind, KeyFilter, NewKey, NewRole, NewUser, OwnKeys, Permission as P, UserChange};
use codeflow_core::Tenant;
use secrecy::ExposeSecret;

use crate::support::{PASSWORD, kind, page, secret, wish, world};

fn role(name: &str, permissions: &[P]) -> NewRole {
    NewRole { tenant: None, name: name.into(), description: String::new(), permissions: permissions.to_vec() }
}

fn roles(names: &[&str]) -> UserChange {
    let roles = names.iter().map(|name| (*name).to_owned()).collect();
    UserChange { roles: Some(roles), ..UserChange::default() }
}

#[tokio::test]
async fn nobody_gives_a_role_that_reaches_further_than_they_do() {
    let world = world().await;
    let wanted = [P::UsersWrite, P::UsersRead, P::RolesWrite, P::AccountManage];
    world.identity.put_role(&world.operator(), role("clerk", &wanted)).await.unwrap();
    let clerk = world.caller("clerk", &["clerk"]).await;
    let other = world.user("other", &["clerk"]).await;

    assert_eq!(
        kind(world.identity.create_user(&clerk, wish("made", &["admin"])).await),
        ErrorKind::Forbidden
    );
    assert_eq!(
        kind(world.identity.create_user(&clerk, wish("made", &["viewer"])).await),
        ErrorKind::Forbidden
    );
    let own = clerk.principal.user.unwrap();
    assert_eq!(kind(world.identity.change_user(&clerk, own, roles(&["admin"])).await), ErrorKind::Forbidden);
    assert_eq!(
        kind(world.identity.change_user(&clerk, other.id, roles(&["user"])).await),
        ErrorKind::Forbidden
    );
    let wide = role("wide", &[P::UsersWrite, P::AuditRead]);
    assert_eq!(kind(world.identity.put_role(&clerk, wide).await), ErrorKind::Forbidden);

    world.identity.create_user(&clerk, wish("made", &["clerk"])).await.unwrap();
}

#[tokio::test]
async fn nobody_manages_a_user_who_reaches_further_than_they_do() {
    let world = world().await;
    world.identity.put_role(&world.operator(), role("clerk", &[P::UsersWrite, P::UsersRead])).await.unwrap();
    let clerk = world.caller("clerk", &["clerk"]).await;
    let admin = world.user("boss", &["admin"]).await.id;
    let identity = &world.identity;

    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    assert_eq!(
        kind(identity.set_password(&clerk, admin, &secret(PASSWORD), OwnKeys::Keep).await),
        ErrorKind::Forbidden
    );
    assert_eq!(kind(identity.change_user(&clerk, admin, disabled).await), ErrorKind::Forbidden);
    assert_eq!(kind(identity.change_user(&clerk, admin, roles(&[])).await), ErrorKind::Forbidden);
    assert_eq!(kind(identity.remove_user(&clerk, admin).await), ErrorKind::Forbidden);
    assert_eq!(kind(identity.reset_second_factor(&clerk, admin).await), ErrorKind::Forbidden);
    assert_eq!(kind(identity.unlock_user(&clerk, admin).await), ErrorKind::Forbidden);
}

#[tokio::test]
async fn a_role_that_reaches_further_is_changed_and_removed_by_nobody_who_does_not() {
    let world = world().await;
    let identity = &world.identity;
    identity.put_role(&world.operator(), role("auditor", &[P::AuditRead])).await.unwrap();
    identity.put_role(&world.operator(), role("clerk", &[P::RolesWrite, P::RolesRead])).await.unwrap();
    let clerk = world.caller("clerk", &["clerk"]).await;

    assert_eq!(kind(identity.put_role(&clerk, role("auditor", &[])).await), ErrorKind::Forbidden);
    assert_eq!(kind(identity.remove_role(&clerk, None, "auditor").await), ErrorKind::Forbidden);
}

#[tokio::test]
async fn an_admin_of_a_tenant_cannot_make_an_operator() {
    let world = world().await;
    let admin = world.caller("boss", &["admin"]).await;

    assert_eq!(
        kind(world.identity.create_user(&admin, wish("op", &["operator"])).await),
        ErrorKind::Forbidden
    );
    let made = world.identity.put_role(&admin, role("op", &[P::TenantsAll])).await;
    assert_eq!(kind(made), ErrorKind::Forbidden);
}

#[tokio::test]
async fn a_key_reaches_no_further_than_whoever_made_it() {
    let world = world().await;
    let user = world.caller("someone", &["user"]).await;
    let own = user.principal.user;
    let wish =
        |scopes: &[P]| NewKey { owner: own, name: "k".into(), scopes: scopes.to_vec(), ..NewKey::default() };

    let wide = world.identity.create_key(&user, wish(&[P::UsersWrite])).await;
    assert_eq!(kind(wide), ErrorKind::Forbidden);
    let tiered = NewKey { tier: Some("premium".into()), ..wish(&[P::ModelsCall]) };
    assert_eq!(kind(world.identity.create_key(&user, tiered).await), ErrorKind::Forbidden);
    let service = NewKey { owner: None, ..wish(&[P::ModelsCall]) };
    assert_eq!(kind(world.identity.create_key(&user, service).await), ErrorKind::Forbidden);

    world.identity.create_key(&user, wish(&[P::ModelsCall])).await.unwrap();
}

#[tokio::test]
async fn a_key_makes_no_keys_by_managing_its_owners_account() {
    let world = world().await;
    let user = world.caller("someone", &["user"]).await;
    let wish = NewKey {
        owner: user.principal.user,
        name: "k".into(),
        scopes: vec![P::AccountManage],
        ..NewKey::default()
    };
    let made = world.identity.create_key(&user, wish.clone()).await.unwrap();
    let with_key = world.caller_with(made.secret.expose_secret()).await.unwrap();

    assert_eq!(kind(world.identity.create_key(&with_key, wish).await), ErrorKind::Forbidden);
    let rotated = world.identity.rotate_key(&with_key, made.key.id, Default::default()).await;
    assert_eq!(kind(rotated), ErrorKind::Forbidden);
}

#[tokio::test]
async fn a_key_for_another_user_needs_their_reach() {
    let world = world().await;
    world.identity.put_role(&world.operator(), role("keeper", &[P::KeysWrite, P::ModelsCall])).await.unwrap();
    let keeper = world.caller("keeper", &["keeper"]).await;
    let admin = world.user("boss", &["admin"]).await;
    let wish = |owner| NewKey {
        owner: Some(owner),
        name: "k".into(),
        scopes: vec![P::ModelsCall],
        ..NewKey::default()
    };

    assert_eq!(kind(world.identity.create_key(&keeper, wish(admin.id)).await), ErrorKind::Forbidden);
    let made = world.identity.create_key(&world.operator(), wish(admin.id)).await.unwrap();
    let rotated = world.identity.rotate_key(&keeper, made.key.id, Default::default()).await;
    assert_eq!(kind(rotated), ErrorKind::Forbidden);
}

#[tokio::test]
async fn a_lost_key_does_not_lock_its_owner_out() {
    let world = world().await;
    let admin = world.caller("boss", &["admin"]).await;
    world.user("other", &["admin"]).await;
    let own = admin.principal.user.unwrap();
    let wish = NewKey {
        owner: Some(own),
        name: "k".into(),
        scopes: vec![P::AccountManage, P::UsersWrite],
        ..NewKey::default()
    };
    let made = world.identity.create_key(&admin, wish).await.unwrap();
    let key = world.caller_with(made.secret.expose_secret()).await.unwrap();
    let identity = &world.identity;

    let disabled = UserChange { disabled: Some(true), ..UserChange::default() };
    let refused = [
        kind(identity.begin_second_factor(&key, None).await),
        kind(identity.confirm_second_factor(&key, "000000").await),
        kind(identity.disable_second_factor(&key, "000000").await),
        kind(
            identity
                .change_password(&key, &secret(PASSWORD), &secret("another long password"), OwnKeys::Keep)
                .await,
        ),
        kind(identity.set_password(&key, own, &secret(PASSWORD), OwnKeys::Keep).await),
        kind(identity.change_user(&key, own, disabled).await),
        kind(identity.change_user(&key, own, roles(&[])).await),
        kind(identity.remove_user(&key, own).await),
    ];
    assert_eq!(refused, [ErrorKind::Forbidden; 8]);
    assert!(world.try_sign_in("boss", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn what_is_of_another_tenant_is_not_there() {
    let world = world().await;
    let admin = world.caller("boss", &["admin"]).await;
    let theirs = world.user_of("theirs", "they", &["user"]).await;
    let tenant: Option<Tenant> = Some("theirs".parse().unwrap());
    let identity = &world.identity;
    let wish_key =
        NewKey { owner: Some(theirs.id), name: "k".into(), scopes: vec![P::ModelsCall], ..NewKey::default() };
    let key = identity.create_key(&world.operator(), wish_key.clone()).await.unwrap().key;
    let login = world.sign_in("they").await.login;

    let made = NewUser { tenant: tenant.clone(), ..wish("made", &[]) };
    let by_tenant = KeyFilter { tenant: tenant.clone(), owner: None };
    let foreign_role = NewRole { tenant: tenant.clone(), ..role("r", &[]) };
    let missing = [
        kind(identity.create_user(&admin, made).await),
        kind(identity.list_users(&admin, tenant.clone(), page()).await),
        kind(identity.get_user(&admin, theirs.id).await),
        kind(identity.change_user(&admin, theirs.id, roles(&[])).await),
        kind(identity.remove_user(&admin, theirs.id).await),
        kind(identity.set_password(&admin, theirs.id, &secret(PASSWORD), OwnKeys::Keep).await),
        kind(identity.unlock_user(&admin, theirs.id).await),
        kind(identity.reset_second_factor(&admin, theirs.id).await),
        kind(identity.create_key(&admin, wish_key).await),
        kind(identity.get_key(&admin, key.id).await),
        kind(identity.revoke_key(&admin, key.id).await),
        kind(identity.rotate_key(&admin, key.id, Default::default()).await),
        kind(identity.list_keys(&admin, by_tenant, page()).await),
        kind(identity.list_logins(&admin, (tenant.clone(), None), page()).await),
        kind(identity.end_login(&admin, login).await),
        kind(identity.end_logins(&admin, theirs.id, false).await),
        kind(identity.list_roles(&admin, tenant.clone()).await),
        kind(identity.put_role(&admin, foreign_role).await),
        kind(identity.remove_role(&admin, tenant, "r").await),
    ];
    assert_eq!(missing, [ErrorKind::NotFound; 19]);

    let of_them = KeyFilter { tenant: None, owner: Some(theirs.id) };
    assert_eq!(identity.list_keys(&admin, of_them, page()).await.unwrap(), []);
    assert_eq!(identity.list_logins(&admin, (None, Some(theirs.id)), page()).await.unwrap(), []);
}

#[tokio::test]
async fn whoever_may_do_nothing_is_refused_everywhere() {
    let world = world().await;
    let nobody = world.caller("nobody", &[]).await;
    let id = nobody.principal.user.unwrap();
    let identity = &world.identity;
    let key = NewKey { owner: Some(id), name: "k".into(), ..NewKey::default() };
    let named = UserChange { display_name: Some("x".into()), ..UserChange::default() };

    let refused = [
        kind(identity.create_user(&nobody, wish("made", &[])).await),
        kind(identity.list_users(&nobody, None, page()).await),
        kind(identity.get_user(&nobody, id).await),
        kind(identity.change_user(&nobody, id, named).await),
        kind(identity.remove_user(&nobody, id).await),
        kind(identity.set_password(&nobody, id, &secret(PASSWORD), OwnKeys::Keep).await),
        kind(identity.unlock_user(&nobody, id).await),
        kind(identity.change_password(&nobody, &secret(PASSWORD), &secret(PASSWORD), OwnKeys::Keep).await),
        kind(identity.begin_second_factor(&nobody, None).await),
        kind(identity.confirm_second_factor(&nobody, "000000").await),
        kind(identity.disable_second_factor(&nobody, "000000").await),
        kind(identity.reset_second_factor(&nobody, id).await),
        kind(identity.create_key(&nobody, key).await),
        kind(identity.list_keys(&nobody, KeyFilter::default(), page()).await),
        kind(identity.list_logins(&nobody, (None, Some(id)), page()).await),
        kind(identity.end_logins(&nobody, id, false).await),
        kind(identity.list_roles(&nobody, None).await),
        kind(identity.put_role(&nobody, role("r", &[])).await),
        kind(identity.remove_role(&nobody, None, "r").await),
        kind(identity.list_audit(&nobody, Default::default(), page()).await),
        kind(identity.verify_audit(&nobody).await),
    ];
    assert_eq!(refused, [ErrorKind::Forbidden; 21]);
}

#[tokio::test]
async fn nobody_gives_a_password_with_a_key_nor_one_to_themselves() {
    let world = world().await;
    let admin = world.caller("admin", &["admin"]).await;
    let other = world.user("other", &["user"]).await;
    let wish_of_key =
        NewKey { name: "clerk".into(), scopes: vec![P::UsersWrite, P::UsersRead], ..Default::default() };
    let made = world.identity.create_key(&admin, wish_of_key).await.unwrap();
    let key = world.caller_with(made.secret.expose_secret()).await.unwrap();
    let (identity, new) = (&world.identity, secret("another long password"));

    assert_eq!(kind(identity.create_user(&key, wish("new", &[])).await), ErrorKind::Forbidden);
    assert_eq!(kind(identity.set_password(&key, other.id, &new, OwnKeys::Keep).await), ErrorKind::Forbidden);
    let own = admin.principal.user.unwrap();
    assert_eq!(kind(identity.set_password(&admin, own, &new, OwnKeys::Keep).await), ErrorKind::Forbidden);
    assert!(identity.set_password(&admin, other.id, &new, OwnKeys::Keep).await.is_ok());
}
