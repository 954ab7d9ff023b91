//! API keys: replaced once, revoked once, and when they were used.

use std::num::NonZeroU32;

use codeflow_auth::{ApiKey, ErrorKind, KeyFilter, Page, Permission};
use codeflow_core::{KeyId, Timestamp};

use super::{IdentitySubject, at, first, kind, tenant};

/// No limit, a list of nothing and a list of all are different things.
pub async fn a_key_is_read_back_whole(subject: &IdentitySubject) {
    let owner = subject.user("ada").await;
    let plain = subject.new_key(None);
    let full = ApiKey {
        scopes: Permission::ALL.to_vec(),
        models: Some(vec!["gpt-*".to_owned(), "ünïcode".to_owned()]),
        tier: Some("premium".to_owned()),
        requests_per_minute: Some(NonZeroU32::MAX),
        tokens_per_minute: Some(NonZeroU32::MIN),
        expires_at: Some(at(1)),
        revoked_at: Some(at(2)),
        last_used_at: Some(at(3)),
        ..subject.new_key(Some(owner.id))
    };
    let closed = ApiKey { models: Some(vec![]), ..subject.new_key(None) };

    for key in [&plain, &full, &closed] {
        subject.store.add_key(key, None).await.unwrap();
    }

    for key in [plain, full, closed] {
        assert_eq!(subject.other.find_key(key.id).await.unwrap(), Some(key));
    }
    assert_eq!(subject.store.find_key(subject.new_key(None).id).await.unwrap(), None);
}

/// Whoever lost the answer and tries again finds the first.
pub async fn a_key_is_added_once(subject: &IdentitySubject) {
    let key = subject.new_key(None);
    subject.store.add_key(&key, None).await.unwrap();

    let again = ApiKey { digest: vec![7], ..key.clone() };
    assert_eq!(kind(subject.store.add_key(&again, None).await), ErrorKind::Conflict);

    assert_eq!(subject.store.find_key(key.id).await.unwrap(), Some(key));
}

/// In all combinations, in the order of ids.
pub async fn keys_are_listed_in_pages_of_a_tenant_and_an_owner(subject: &IdentitySubject) {
    let (ada, ben) = (subject.user("ada").await, subject.user("ben").await);
    let mut keys = Vec::new();
    for owner in [Some(ada.id), None, Some(ben.id), Some(ada.id)] {
        for of in ["default", "other"] {
            let key = ApiKey { tenant: tenant(of), ..subject.new_key(owner) };
            subject.store.add_key(&key, None).await.unwrap();
            keys.push(key);
        }
    }

    for of in [None, Some("default"), Some("other"), Some("nobody")] {
        for owner in [None, Some(ada.id), Some(ben.id)] {
            let filter = KeyFilter { tenant: of.map(tenant), owner };
            let is_meant = |key: &&ApiKey| {
                filter.tenant.as_ref().is_none_or(|of| key.tenant == *of)
                    && (owner.is_none() || key.owner == owner)
            };
            let meant: Vec<ApiKey> = keys.iter().filter(is_meant).cloned().collect();
            let mut seen: Vec<ApiKey> = Vec::new();
            loop {
                let page = Page { after: seen.last().map(|key| key.id), limit: 3 };
                let more = subject.store.list_keys(&filter, page).await.unwrap();
                assert!(more.len() <= 3);
                if more.is_empty() {
                    break;
                }
                seen.extend(more);
            }
            assert_eq!(seen, meant, "{filter:?}");
        }
    }
    let all = subject.store.list_keys(&KeyFilter::default(), first(u32::MAX)).await.unwrap();
    assert_eq!(all, keys);
}

/// Whoever revokes them is told which they were, and nobody is told twice.
pub async fn all_keys_of_an_owner_are_revoked_once(subject: &IdentitySubject) {
    let (ada, ben) = (subject.user("ada").await, subject.user("ben").await);
    let mut own = Vec::new();
    for of in ["default", "other", "default"] {
        let key = ApiKey { tenant: tenant(of), ..subject.new_key(Some(ada.id)) };
        subject.store.add_key(&key, None).await.unwrap();
        own.push(key.id);
    }
    let others = [subject.new_key(Some(ben.id)), subject.new_key(None)];
    for key in &others {
        subject.store.add_key(key, None).await.unwrap();
    }
    subject.store.revoke_key(own[1], at(1)).await.unwrap();

    let id = ada.id;
    let revoked = subject
        .eight(|store, number| async move { store.revoke_keys_of(id, at(number.into())).await.unwrap() })
        .await;

    let mut told: Vec<KeyId> = revoked.into_iter().flatten().collect();
    told.sort_unstable();
    assert_eq!(told, [own[0], own[2]]);
    for id in own {
        assert!(subject.other.find_key(id).await.unwrap().unwrap().revoked_at.is_some());
    }
    for key in others {
        assert_eq!(subject.other.find_key(key.id).await.unwrap(), Some(key));
    }
}

/// Of one owner, or of none; no further than asked.
pub async fn keys_are_counted_while_they_last(subject: &IdentitySubject) {
    let owner = subject.user("ada").await.id;
    for of in [None, Some(owner)] {
        for until in [None, Some(at(50)), Some(at(51))] {
            let key = ApiKey { expires_at: until, ..subject.new_key(of) };
            subject.store.add_key(&key, None).await.unwrap();
        }
        let revoked = subject.new_key(of);
        subject.store.add_key(&revoked, None).await.unwrap();
        subject.store.revoke_key(revoked.id, at(1)).await.unwrap();
    }
    subject.store.add_key(&subject.new_key(Some(owner)), None).await.unwrap();
    let default = tenant("default");

    for (of, most, counted) in [(None, 9, 2), (Some(owner), 9, 3), (Some(owner), 2, 2), (None, 0, 0)] {
        assert_eq!(subject.other.count_keys((&default, of), at(50), most).await.unwrap(), counted);
    }
    assert_eq!(subject.store.count_keys((&default, None), at(49), u32::MAX).await.unwrap(), 3);
    assert_eq!(subject.store.count_keys((&tenant("other"), Some(owner)), at(0), 9).await.unwrap(), 0);
}

/// It ends no later than it would have.
pub async fn a_replaced_key_names_its_successor_and_ends_in_time(subject: &IdentitySubject) {
    for (known, ends) in [(None, 50), (Some(40), 40), (Some(50), 50), (Some(60), 50)] {
        let old = ApiKey { expires_at: known.map(at), ..subject.new_key(None) };
        let new = subject.new_key(None);
        subject.store.add_key(&old, None).await.unwrap();

        subject.store.add_key(&new, Some((old.id, at(50)))).await.unwrap();

        let replaced = ApiKey { replaced_by: Some(new.id), expires_at: Some(at(ends)), ..old.clone() };
        assert_eq!(subject.other.find_key(old.id).await.unwrap(), Some(replaced));
        assert_eq!(subject.other.find_key(new.id).await.unwrap(), Some(new));
    }
}

/// Revoked, replaced, another tenant's or unknown: nothing is added and nothing is changed.
pub async fn a_key_that_is_not_in_use_is_not_replaced(subject: &IdentitySubject) {
    let (revoked, replaced, gone) = (subject.new_key(None), subject.new_key(None), subject.new_key(None));
    let theirs = ApiKey { tenant: tenant("other"), ..subject.new_key(None) };
    for key in [&revoked, &replaced, &theirs] {
        subject.store.add_key(key, None).await.unwrap();
    }
    subject.store.revoke_key(revoked.id, at(1)).await.unwrap();
    subject.store.add_key(&subject.new_key(None), Some((replaced.id, at(9)))).await.unwrap();

    for old in [revoked.id, replaced.id, theirs.id, gone.id] {
        let (before, new) = (subject.store.find_key(old).await.unwrap(), subject.new_key(None));
        assert_eq!(kind(subject.store.add_key(&new, Some((old, at(5)))).await), ErrorKind::Conflict);
        assert_eq!(subject.store.find_key(new.id).await.unwrap(), None);
        assert_eq!(subject.store.find_key(old).await.unwrap(), before);
    }
}

/// The others leave no key behind.
pub async fn of_eight_replacements_of_one_key_one_is_made(subject: &IdentitySubject) {
    let old = subject.new_key(None);
    subject.store.add_key(&old, None).await.unwrap();
    let new: Vec<ApiKey> = (0..8).map(|_| subject.new_key(None)).collect();

    let made = subject
        .eight(|store, number| {
            let (key, old) = (new[usize::try_from(number).unwrap()].clone(), old.id);
            async move { store.add_key(&key, Some((old, at(5)))).await.is_ok() }
        })
        .await;

    let there = subject.store.list_keys(&KeyFilter::default(), first(10)).await.unwrap();
    assert_eq!((made.iter().filter(|one| **one).count(), there.len()), (1, 2));
    let successor = subject.store.find_key(old.id).await.unwrap().unwrap().replaced_by.unwrap();
    assert!(new.iter().zip(made).any(|(key, made)| made && key.id == successor));
}

/// The first of eight says when.
pub async fn a_key_is_revoked_once(subject: &IdentitySubject) {
    let key = subject.new_key(None);
    subject.store.add_key(&key, None).await.unwrap();

    let id = key.id;
    let revoked = subject
        .eight(|store, number| async move { store.revoke_key(id, at(number.into())).await.unwrap() })
        .await;

    let first = revoked.iter().position(|one| *one).unwrap();
    assert_eq!(revoked.iter().filter(|one| **one).count(), 1);
    let revoked_at = Some(at(i64::try_from(first).unwrap()));
    assert_eq!(subject.store.find_key(id).await.unwrap(), Some(ApiKey { revoked_at, ..key }));
    assert!(!subject.store.revoke_key(subject.new_key(None).id, at(1)).await.unwrap());
}

async fn last_uses(subject: &IdentitySubject, keys: &[KeyId]) -> Vec<Option<Timestamp>> {
    let mut uses = Vec::new();
    for id in keys {
        uses.push(subject.store.find_key(*id).await.unwrap().unwrap().last_used_at);
    }
    uses
}

/// Also when one call tells of several uses; unknown keys stay unknown.
pub async fn the_last_use_of_a_key_never_goes_back(subject: &IdentitySubject) {
    let mut ids = Vec::new();
    for _ in 0..3 {
        let key = subject.new_key(None);
        subject.store.add_key(&key, None).await.unwrap();
        ids.push(key.id);
    }
    let unknown = subject.new_key(None).id;

    subject.store.touch_keys(&[]).await.unwrap();
    subject.store.touch_keys(&[(ids[0], at(5)), (unknown, at(9)), (ids[1], at(6))]).await.unwrap();
    subject.store.touch_keys(&[(ids[0], at(4)), (ids[1], at(7))]).await.unwrap();
    subject.store.touch_keys(&[(ids[1], at(8)), (ids[1], at(10)), (ids[1], at(9))]).await.unwrap();

    assert_eq!(last_uses(subject, &ids).await, [Some(at(5)), Some(at(10)), None]);
    assert_eq!(subject.store.find_key(unknown).await.unwrap(), None);
}

/// Each caller names them in another order.
pub async fn uses_of_the_same_keys_cross_without_a_deadlock(subject: &IdentitySubject) {
    let mut ids = Vec::new();
    for _ in 0..20 {
        let key = subject.new_key(None);
        subject.store.add_key(&key, None).await.unwrap();
        ids.push(key.id);
    }

    subject
        .eight(|store, number| {
            let mut ids = ids.clone();
            async move {
                for round in 0..10 {
                    ids.reverse();
                    ids.rotate_left(usize::try_from(number).unwrap());
                    let moment = at(i64::from(number) * 10 + round);
                    let used: Vec<_> = ids.iter().map(|id| (*id, moment)).collect();
                    store.touch_keys(&used).await.unwrap();
                }
            }
        })
        .await;

    assert_eq!(last_uses(subject, &ids).await, vec![Some(at(79)); 20]);
}
