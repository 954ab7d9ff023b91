//! Users: unique, changed only by whoever saw the last change, removed with all that is theirs.

use codeflow_auth::{ErrorKind, Page, SecondFactor, User};
use codeflow_core::UserId;

use super::{IdentitySubject, at, first, kind, tenant};

/// Whatever a user may hold, and all that it need not hold, is found by its id, its name and its identity.
pub async fn a_user_is_read_back_whole(subject: &IdentitySubject) {
    let plain = subject.new_user("plain");
    let full = User {
        email: Some("ada@example.org".to_owned()),
        password: Some("$argon2id$v=19$…".to_owned()),
        roles: vec!["admin".to_owned(), "\"quoted\" \\ ünïcode".to_owned()],
        disabled: true,
        second_factor: Some(SecondFactor {
            secret: vec![0, 1, 255],
            confirmed: true,
            last_step: 57_000_000,
            recovery: vec![vec![0; 32], vec![255], vec![]],
        }),
        identity: Some(("https://issuer.example".to_owned(), "4711".to_owned())),
        ..subject.new_user("full")
    };

    for user in [&plain, &full] {
        subject.store.add_user(user).await.unwrap();
    }

    for user in [plain, full] {
        assert_eq!(subject.other.find_user(user.id).await.unwrap().as_ref(), Some(&user));
        assert_eq!(subject.other.find_user_by_name(&user.name).await.unwrap().as_ref(), Some(&user));
        let Some((issuer, name)) = user.identity.clone() else { continue };
        assert_eq!(subject.other.find_user_by_identity(&issuer, &name).await.unwrap(), Some(user));
        assert_eq!(subject.other.find_user_by_identity(&name, &issuer).await.unwrap(), None);
    }
    assert_eq!(subject.store.find_user_by_name("nobody").await.unwrap(), None);
    assert_eq!(subject.store.find_user_by_name("PLAIN").await.unwrap(), None);
}

/// In the whole installation; whoever has no identity shares that with others.
pub async fn names_and_identities_belong_to_one_user(subject: &IdentitySubject) {
    let identity = |subject: &str| Some(("issuer".to_owned(), subject.to_owned()));
    let known = User { identity: identity("1"), ..subject.new_user("ada") };
    subject.store.add_user(&known).await.unwrap();
    let same_name = User { tenant: tenant("other"), ..subject.new_user("ada") };
    let same_identity = User { identity: identity("1"), ..subject.new_user("ben") };
    let same_id = User { id: known.id, ..subject.new_user("cid") };

    for user in [same_name, same_identity, same_id] {
        assert_eq!(kind(subject.store.add_user(&user).await), ErrorKind::Conflict);
    }

    let free = User { identity: identity("2"), ..subject.new_user("ben") };
    subject.store.add_user(&free).await.unwrap();
    for name in ["without", "identity"] {
        subject.store.add_user(&subject.new_user(name)).await.unwrap();
    }
    assert_eq!(subject.store.count_users(None, 10).await.unwrap(), 4);
}

/// A change that takes what is another's changes nothing.
pub async fn names_and_identities_stay_unique_when_users_change(subject: &IdentitySubject) {
    let identity = Some(("issuer".to_owned(), "1".to_owned()));
    let ada = User { identity: identity.clone(), ..subject.new_user("ada") };
    let ben = subject.user("ben").await;
    subject.store.add_user(&ada).await.unwrap();

    let same_name = User { name: "ada".to_owned(), ..ben.clone() };
    let same_identity = User { identity, ..ben.clone() };
    for user in [same_name, same_identity] {
        assert_eq!(kind(subject.store.replace_user(&user).await), ErrorKind::Conflict);
    }

    assert_eq!(subject.store.find_user(ben.id).await.unwrap(), Some(ben.clone()));
    let renamed = User { name: "cid".to_owned(), ..ben };
    assert!(subject.store.replace_user(&renamed).await.unwrap());
    assert_eq!(subject.store.find_user_by_name("ben").await.unwrap(), None);
}

/// The version rises with each change, and the tenant and the time of making stay whatever is handed in.
pub async fn a_change_of_what_changed_meanwhile_is_refused(subject: &IdentitySubject) {
    let seen = User { email: Some("a@b".to_owned()), ..subject.new_user("ada") };
    subject.store.add_user(&seen).await.unwrap();
    let changed = User { display_name: "Ada".to_owned(), email: None, ..seen.clone() };
    let moved = User { tenant: tenant("elsewhere"), created_at: at(999), ..changed.clone() };

    assert!(subject.store.replace_user(&moved).await.unwrap());
    let lost = User { disabled: true, ..seen.clone() };
    assert!(!subject.store.replace_user(&lost).await.unwrap());

    let kept = User { version: seen.version + 1, ..changed };
    assert_eq!(subject.store.find_user(seen.id).await.unwrap(), Some(kept.clone()));
    assert!(subject.store.replace_user(&User { disabled: true, ..kept }).await.unwrap());
    assert!(!subject.store.replace_user(&subject.new_user("never added")).await.unwrap());
}

/// No change is lost.
pub async fn of_eight_changes_of_one_version_one_is_made(subject: &IdentitySubject) {
    let seen = subject.user("ada").await;

    let changed = subject
        .eight(|store, number| {
            let user = User { display_name: number.to_string(), ..seen.clone() };
            async move { store.replace_user(&user).await.unwrap() }
        })
        .await;

    assert_eq!(changed.iter().filter(|one| **one).count(), 1, "{changed:?}");
    let kept = subject.store.find_user(seen.id).await.unwrap().unwrap();
    assert_eq!(kept.version, seen.version + 1);
    assert!(changed[kept.display_name.parse::<usize>().unwrap()]);
}

/// The others conflict.
pub async fn of_eight_users_with_one_name_one_is_added(subject: &IdentitySubject) {
    let users: Vec<User> = (0..8).map(|_| subject.new_user("ada")).collect();

    let added = subject
        .eight(|store, number| {
            let user = users[usize::try_from(number).unwrap()].clone();
            async move { store.add_user(&user).await.map_err(|error| error.kind()) }
        })
        .await;

    assert_eq!(added.iter().filter(|one| one.is_ok()).count(), 1, "{added:?}");
    assert!(added.iter().all(|one| matches!(one, Ok(()) | Err(ErrorKind::Conflict))), "{added:?}");
    assert_eq!(subject.store.count_users(None, 10).await.unwrap(), 1);
}

/// In the order of their ids, from the last one seen on.
pub async fn users_are_listed_in_pages_of_a_tenant(subject: &IdentitySubject) {
    let mut mine = Vec::new();
    for number in 0..5 {
        mine.push(subject.user(&format!("mine{number}")).await.id);
        let theirs = subject.new_user(&format!("theirs{number}"));
        let theirs = User { tenant: tenant("other"), ..theirs };
        subject.store.add_user(&theirs).await.unwrap();
    }
    let (default, ids) = (tenant("default"), |users: Vec<User>| users.iter().map(|user| user.id).collect());

    let mut seen: Vec<UserId> = Vec::new();
    loop {
        let page = Page { after: seen.last().copied(), limit: 2 };
        let users = subject.store.list_users(Some(&default), page).await.unwrap();
        if users.is_empty() {
            break;
        }
        assert!(users.len() <= 2);
        seen.extend::<Vec<UserId>>(ids(users));
    }

    assert_eq!(seen, mine);
    let all: Vec<UserId> = ids(subject.store.list_users(None, first(u32::MAX)).await.unwrap());
    assert!(all.len() == 10 && all.is_sorted());
    assert!(subject.store.list_users(None, first(0)).await.unwrap().is_empty());
}

/// What is another's stays, and a key that one of these had replaced has no successor any more.
pub async fn a_removed_user_takes_its_keys_and_sign_ins_along(subject: &IdentitySubject) {
    let (ada, ben) = (subject.user("ada").await, subject.user("ben").await);
    let (key, successor) = (subject.new_key(Some(ada.id)), subject.new_key(Some(ada.id)));
    subject.store.add_key(&key, None).await.unwrap();
    subject.store.add_key(&successor, Some((key.id, at(50)))).await.unwrap();
    let service = subject.new_key(None);
    subject.store.add_key(&service, None).await.unwrap();
    let replaced = subject.new_key(Some(ada.id));
    subject.store.add_key(&replaced, Some((service.id, at(50)))).await.unwrap();
    let (login, other) = (subject.login(&ada).await, subject.login(&ben).await);

    assert!(subject.store.remove_user(ada.id).await.unwrap());

    assert!(!subject.store.remove_user(ada.id).await.unwrap());
    for id in [key.id, successor.id, replaced.id] {
        assert_eq!(subject.other.find_key(id).await.unwrap(), None);
    }
    assert_eq!(subject.other.find_login(login.id).await.unwrap(), None);
    assert_eq!(subject.other.find_login(other.id).await.unwrap(), Some(other));
    let service = subject.other.find_key(service.id).await.unwrap().unwrap();
    assert_eq!((service.replaced_by, service.expires_at), (None, Some(at(50))));
}

/// Neither a key nor a sign-in.
pub async fn nothing_is_added_for_a_user_that_is_gone(subject: &IdentitySubject) {
    let user = subject.user("ada").await;
    subject.store.remove_user(user.id).await.unwrap();

    let key = subject.new_key(Some(user.id));
    assert_eq!(kind(subject.store.add_key(&key, None).await), ErrorKind::Conflict);
    let login = subject.new_login(&user);
    assert_eq!(kind(subject.store.add_login(&login).await), ErrorKind::Conflict);
}

/// Whichever of them comes first.
pub async fn no_sign_in_outlives_a_user_that_is_removed_meanwhile(subject: &IdentitySubject) {
    for round in 0..5 {
        let user = subject.user(&format!("ada{round}")).await;
        let logins: Vec<_> = (0..8).map(|_| subject.new_login(&user)).collect();

        subject
            .eight(|store, number| {
                let login = logins[usize::try_from(number).unwrap()].clone();
                async move {
                    if number == 4 {
                        assert!(store.remove_user(login.user).await.unwrap());
                    } else if let Err(error) = store.add_login(&login).await {
                        assert_eq!(error.kind(), ErrorKind::Conflict);
                    }
                }
            })
            .await;

        let left = subject.store.list_logins((None, Some(user.id)), at(0), first(10)).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Whether there is anybody is a cheap question.
pub async fn users_are_counted_no_further_than_asked(subject: &IdentitySubject) {
    assert_eq!(subject.store.count_users(None, 1).await.unwrap(), 0);
    for name in ["ada", "ben", "cid"] {
        subject.user(name).await;
    }

    for name in ["dan", "eve"] {
        let user = User { tenant: tenant("other"), ..subject.new_user(name) };
        subject.store.add_user(&user).await.unwrap();
    }

    for (most, counted) in [(0, 0), (1, 1), (5, 5), (u32::MAX, 5)] {
        assert_eq!(subject.store.count_users(None, most).await.unwrap(), counted);
    }
    for (of, most, counted) in [("default", 2, 2), ("default", 9, 3), ("other", 9, 2), ("nobody", 9, 0)] {
        assert_eq!(subject.other.count_users(Some(&tenant(of)), most).await.unwrap(), counted);
    }
}

/// PostgreSQL has none: that is a fault of what was sent, not one of storage.
pub async fn a_zero_character_is_refused_and_never_found(subject: &IdentitySubject) {
    let zero = "a\0b".to_owned();
    let named = User { name: zero.clone(), ..subject.new_user("") };
    let vouched = User { identity: Some((zero.clone(), zero.clone())), ..subject.new_user("ada") };
    let role = User { roles: vec![zero.clone()], ..subject.new_user("ada") };
    for user in [named, vouched, role] {
        assert_eq!(kind(subject.store.add_user(&user).await), ErrorKind::InvalidInput);
    }
    let key = codeflow_auth::ApiKey { name: zero.clone(), ..subject.new_key(None) };
    assert_eq!(kind(subject.store.add_key(&key, None).await), ErrorKind::InvalidInput);
    let user = subject.user("ben").await;
    let login = codeflow_auth::Login { agent: Some(zero.clone()), ..subject.new_login(&user) };
    assert_eq!(kind(subject.store.add_login(&login).await), ErrorKind::InvalidInput);

    assert_eq!(subject.store.find_user_by_name(&zero).await.unwrap(), None);
    assert_eq!(subject.store.find_user_by_identity(&zero, &zero).await.unwrap(), None);
    assert_eq!(subject.store.find_connection(&user.tenant, &zero, &zero).await.unwrap(), None);
    assert!(!subject.store.remove_connection(&user.tenant, &zero, &zero).await.unwrap());
    assert!(!subject.store.remove_role(&user.tenant, &zero).await.unwrap());
    assert!(!subject.store.withdraw_signing_key(&zero, at(0)).await.unwrap());
    assert!(!subject.store.take_secret(&zero, b"").await.unwrap());
}
