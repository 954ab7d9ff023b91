//! Roles.

use codeflow_auth::{ErrorKind, Permission, Role, User};

use super::{IdentitySubject, at, kind, tenant};

fn role(of: &str, name: &str) -> Role {
    Role {
        tenant: tenant(of),
        name: name.to_owned(),
        description: "what it is for".to_owned(),
        permissions: vec![Permission::UsersRead, Permission::AuditRead],
        changed_at: at(1),
    }
}

/// Each tenant has its own.
pub async fn a_role_is_kept_and_replaced(subject: &IdentitySubject) {
    let (first, theirs) = (role("default", "reader"), role("other", "reader"));
    subject.store.put_role(&first).await.unwrap();
    subject.store.put_role(&theirs).await.unwrap();
    assert_eq!(subject.other.roles(&first.tenant).await.unwrap(), std::slice::from_ref(&first));

    let next = Role { permissions: vec![], changed_at: at(2), description: String::new(), ..first };
    subject.store.put_role(&next).await.unwrap();
    subject.store.put_role(&next).await.unwrap();

    assert_eq!(subject.other.roles(&next.tenant).await.unwrap(), std::slice::from_ref(&next));
    assert_eq!(subject.other.roles(&theirs.tenant).await.unwrap(), [theirs]);
}

/// Whatever the database thinks about languages.
pub async fn roles_come_by_name_byte_by_byte(subject: &IdentitySubject) {
    let mut names = ["b", "B", "_", "a-b", "ab", "ä", "a b"];
    for name in names {
        subject.store.put_role(&role("default", name)).await.unwrap();
    }

    let listed = subject.store.roles(&tenant("default")).await.unwrap();

    names.sort_unstable();
    assert_eq!(listed.iter().map(|role| role.name.as_str()).collect::<Vec<_>>(), names);
}

/// A user of its own tenant, and with its whole name.
pub async fn a_role_is_not_removed_while_a_user_has_it(subject: &IdentitySubject) {
    let default = tenant("default");
    for name in ["reader", "read", "\"quoted\""] {
        subject.store.put_role(&role("default", name)).await.unwrap();
    }
    let roles = vec!["admin".to_owned(), "reader".to_owned(), "\"quoted\"".to_owned()];
    let ada = User { roles, ..subject.new_user("ada") };
    subject.store.add_user(&ada).await.unwrap();
    let roles = vec!["read".to_owned()];
    let elsewhere = User { tenant: tenant("other"), roles, ..subject.new_user("ben") };
    subject.store.add_user(&elsewhere).await.unwrap();

    for used in ["reader", "\"quoted\""] {
        assert_eq!(kind(subject.store.remove_role(&default, used).await), ErrorKind::Conflict);
    }
    assert!(subject.store.remove_role(&default, "read").await.unwrap());
    assert!(!subject.store.remove_role(&default, "read").await.unwrap());

    let without = User { roles: vec![], ..ada };
    assert!(subject.store.replace_user(&without).await.unwrap());
    assert!(subject.store.remove_role(&default, "reader").await.unwrap());
    assert_eq!(subject.store.roles(&default).await.unwrap().len(), 1);
}
