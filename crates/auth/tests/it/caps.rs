//! How much there may be of what anybody could make without end.

use std::time::Duration;

use codeflow_auth::{
    AuditFilter, Caps, Error, ErrorKind, IdentitySettings, NewKey, NewRole, NewUser, Origin, Permission as P,
};
use codeflow_core::UserId;

use crate::support::{World, cheap, kind, open, page, wish, world_with};

async fn small() -> World {
    let caps = Caps {
        keys_of_user: 2,
        keys_of_services: 3,
        roles_of_tenant: 2,
        users_of_tenant: 4,
        sign_ins_of_user: 3,
    };
    world_with(IdentitySettings { caps, ..cheap() }).await
}

fn key(owner: Option<UserId>) -> NewKey {
    NewKey { owner, name: "k".into(), scopes: vec![P::ModelsCall], ..NewKey::default() }
}

fn told(result: Result<impl Sized, Error>) -> String {
    let error = result.err().expect("there is no room");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    error.to_string()
}

#[tokio::test]
async fn a_user_has_so_many_live_keys_and_no_more() {
    let world = small().await;
    let caller = world.caller("someone", &["user"]).await;
    let (own, other) = (caller.principal.user, world.user("other", &["user"]).await.id);
    let first = world.identity.create_key(&caller, key(own)).await.unwrap().key.id;
    world.identity.create_key(&caller, key(own)).await.unwrap();

    let refused = told(world.identity.create_key(&caller, key(own)).await);
    assert_eq!(refused, "a user has at most 2 keys; revoke some that nobody uses");
    world.identity.create_key(&world.operator(), key(Some(other))).await.unwrap();

    world.identity.revoke_key(&caller, first).await.unwrap();
    let soon = world.clock.time_after(60);
    let short = NewKey { expires_at: Some(soon), ..key(own) };
    world.identity.create_key(&caller, short).await.unwrap();
    told(world.identity.create_key(&caller, key(own)).await);
    world.clock.advance(Duration::from_secs(60));
    world.identity.create_key(&caller, key(own)).await.unwrap();
}

#[tokio::test]
async fn a_key_is_replaced_where_there_is_no_room_for_another_but_not_without_end() {
    let world = small().await;
    let caller = world.caller("someone", &["user"]).await;
    let own = caller.principal.user;
    world.identity.create_key(&caller, key(own)).await.unwrap();
    let mut last = world.identity.create_key(&caller, key(own)).await.unwrap().key.id;
    let overlap = Duration::from_secs(3600);

    for _ in 0..2 {
        last = world.identity.rotate_key(&caller, last, overlap).await.unwrap().key.id;
    }

    told(world.identity.rotate_key(&caller, last, overlap).await);
    world.clock.advance(overlap);
    world.identity.rotate_key(&caller, last, overlap).await.unwrap();
}

#[tokio::test]
async fn a_tenant_has_so_many_keys_of_services() {
    let world = small().await;
    for _ in 0..3 {
        world.identity.create_key(&world.operator(), key(None)).await.unwrap();
    }

    let refused = told(world.identity.create_key(&world.operator(), key(None)).await);

    assert_eq!(refused, "a tenant has, without an owner, at most 3 keys; revoke some that nobody uses");
    let elsewhere = NewKey { tenant: Some("theirs".parse().unwrap()), ..key(None) };
    world.identity.create_key(&world.operator(), elsewhere).await.unwrap();
}

#[tokio::test]
async fn a_tenant_has_so_many_roles_of_its_own() {
    let world = small().await;
    let role = |name: &str| NewRole {
        tenant: None,
        name: name.into(),
        description: String::new(),
        permissions: Vec::new(),
    };
    for name in ["one", "two", "one"] {
        world.identity.put_role(&world.operator(), role(name)).await.unwrap();
    }

    let refused = told(world.identity.put_role(&world.operator(), role("three")).await);

    assert_eq!(refused, "a tenant has at most 2 roles of its own");
}

#[tokio::test]
async fn a_tenant_has_so_many_users_however_they_come() {
    let world = small().await;
    for number in 0..4 {
        world.user(&format!("name{number}"), &["user"]).await;
    }

    let refused = told(world.identity.create_user(&world.operator(), wish("more", &["user"])).await);
    assert_eq!(refused, "a tenant has at most 4 users");
    let who = crate::outside::who("1", "newcomer");
    told(world.identity.sign_in_with(&who, &Origin::default()).await);

    let elsewhere = NewUser { tenant: Some("theirs".parse().unwrap()), ..wish("more", &["user"]) };
    world.identity.create_user(&world.operator(), elsewhere).await.unwrap();
}

#[tokio::test]
async fn with_one_sign_in_too_many_the_first_ends() {
    let world = small().await;
    world.user("someone", &["user"]).await;
    world.user("other", &["user"]).await;
    let theirs = world.sign_in("other").await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(world.sign_in("someone").await);
    }

    for (number, signed_in) in all.iter().enumerate() {
        assert_eq!(world.caller_of(signed_in).await.is_ok(), number >= 2, "sign-in {number}");
    }
    assert!(world.caller_of(&theirs).await.is_ok());
    world.identity.flush().await.unwrap();
    let filter = AuditFilter { action: Some("login.end".into()), ..AuditFilter::default() };
    let noted = world.identity.list_audit(&world.operator(), filter, page()).await.unwrap();
    let targets: Vec<_> = noted.iter().map(|entry| entry.event.target.clone()).collect();
    assert_eq!(targets, [all[0].login.to_string(), all[1].login.to_string()]);
    assert!(noted.iter().all(|entry| entry.event.details["reason"] == "too many sign-ins"));
}

#[tokio::test]
async fn a_smaller_number_of_sign_ins_holds_from_the_next_one_on() {
    let world = small().await;
    world.user("someone", &["user"]).await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(world.sign_in("someone").await);
    }
    let caps = Caps { sign_ins_of_user: 1, ..Caps::default() };
    let other = world.other(IdentitySettings { caps, ..cheap() }).await;

    let ask = crate::support::ask("someone", crate::support::PASSWORD);
    all.push(other.sign_in(ask, &Origin::default()).await.unwrap());

    world.identity.revocations().nudge();
    world.clock.advance(Duration::from_secs(3));
    for (number, signed_in) in all.iter().enumerate() {
        assert_eq!(world.caller_of(signed_in).await.is_ok(), number == 3, "sign-in {number}");
    }
    for count in [0, 901] {
        let caps = Caps { sign_ins_of_user: count, ..Caps::default() };
        let opened = open(&world.store, &world.clock, &world.ids, IdentitySettings { caps, ..cheap() }).await;
        assert_eq!(kind(opened), ErrorKind::InvalidInput, "{count}");
    }
}
