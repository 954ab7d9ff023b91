//! Roles.

use codeflow_auth::{BuiltInRole, ErrorKind, NewRole, Permission as P, Permissions};

use crate::support::{kind, wish, world};

fn role(name: &str, permissions: &[P]) -> NewRole {
    NewRole {
        tenant: None,
        name: name.into(),
        description: "Some things.".into(),
        permissions: permissions.to_vec(),
    }
}

#[tokio::test]
async fn built_in_roles_contain_each_other() {
    let [operator, admin, user, viewer] = BuiltInRole::ALL.map(BuiltInRole::permissions);

    assert_eq!(operator, Permissions::all());
    assert_eq!(
        operator.without(admin).iter().collect::<Vec<_>>(),
        [P::ErrorsRead, P::LimitsRead, P::LimitsWrite, P::TenantsAll]
    );
    assert!(admin.has(P::LimitsBypass));
    assert!(user.without(admin).is_empty() && viewer.without(user).is_empty());
    assert!(!viewer.has(P::ModelsCall) && !user.has(P::UsersRead) && user.has(P::AccountManage));
}

#[tokio::test]
async fn custom_roles_come_after_those_that_are_built_in() {
    let world = world().await;
    let made =
        world.identity.put_role(&world.operator(), role("auditor", &[P::AuditRead, P::AuditRead])).await;
    assert_eq!(made.unwrap().permissions, [P::AuditRead]);

    let roles = world.identity.list_roles(&world.operator(), None).await.unwrap();

    let names: Vec<_> = roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(names, ["operator", "admin", "user", "viewer", "auditor"]);
}

#[tokio::test]
async fn the_name_of_a_built_in_role_is_taken() {
    let world = world().await;
    for name in ["admin", "operator", "", "With Space", "Admin", &"x".repeat(65)] {
        let refused = world.identity.put_role(&world.operator(), role(name, &[])).await.unwrap_err();
        assert_eq!((refused.kind(), refused.path()), (ErrorKind::InvalidInput, Some("name")), "{name}");
    }
    let long = NewRole { description: "x".repeat(257), ..role("fine", &[]) };
    let refused = world.identity.put_role(&world.operator(), long).await.unwrap_err();
    assert_eq!(refused.path(), Some("description"));
    assert_eq!(kind(world.identity.remove_role(&world.operator(), None, "admin").await), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_role_that_somebody_has_is_not_removed() {
    let world = world().await;
    world.identity.put_role(&world.operator(), role("auditor", &[P::AuditRead])).await.unwrap();
    let user = world.user("someone", &["auditor"]).await.id;

    let refused = world.identity.remove_role(&world.operator(), None, "auditor").await;
    assert_eq!(kind(refused), ErrorKind::Conflict);
    world.identity.remove_user(&world.operator(), user).await.unwrap();
    world.identity.remove_role(&world.operator(), None, "auditor").await.unwrap();

    assert_eq!(
        kind(world.identity.create_user(&world.operator(), wish("x", &["auditor"])).await),
        ErrorKind::InvalidInput
    );
}

#[tokio::test]
async fn a_changed_role_holds_for_who_is_signed_in() {
    let world = world().await;
    world.identity.put_role(&world.operator(), role("some", &[P::AuditRead])).await.unwrap();
    world.user("someone", &["some"]).await;
    let signed_in = world.sign_in("someone").await;
    assert!(world.caller_of(&signed_in).await.unwrap().principal.permissions.has(P::AuditRead));

    world.identity.put_role(&world.operator(), role("some", &[])).await.unwrap();

    assert!(world.caller_of(&signed_in).await.unwrap().principal.permissions.is_empty());
}

#[tokio::test]
async fn roles_of_one_tenant_are_none_of_another() {
    let world = world().await;
    let tenant = Some("theirs".parse().unwrap());
    world
        .identity
        .put_role(&world.operator(), NewRole { tenant, ..role("some", &[P::AuditRead]) })
        .await
        .unwrap();

    assert_eq!(
        kind(world.identity.create_user(&world.operator(), wish("x", &["some"])).await),
        ErrorKind::InvalidInput
    );
    world.user_of("theirs", "y", &["some"]).await;
}

#[tokio::test]
async fn a_tenant_has_at_most_500_roles_of_its_own() {
    let world = world().await;
    for number in 0..500 {
        world.identity.put_role(&world.operator(), role(&format!("role{number}"), &[])).await.unwrap();
    }

    assert_eq!(
        kind(world.identity.put_role(&world.operator(), role("more", &[])).await),
        ErrorKind::Conflict
    );
    world.identity.put_role(&world.operator(), role("role7", &[P::AuditRead])).await.unwrap();
}
