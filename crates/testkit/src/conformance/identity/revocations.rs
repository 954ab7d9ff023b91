//! Revocations.

use std::collections::BTreeSet;

use codeflow_auth::{Revocation, Target};
use codeflow_core::{KeyId, LoginId, UserId};

use super::{IdentitySubject, at};

fn revocation(target: Target, until: i64) -> Revocation {
    Revocation { target, at: at(1), until: at(until) }
}

/// With rising positions, also when one is told twice.
pub async fn revocations_come_in_their_order(subject: &IdentitySubject) {
    let ids = &*subject.ids;
    let targets = [
        Target::Login(LoginId::generate(ids)),
        Target::User(UserId::generate(ids)),
        Target::Key(KeyId::generate(ids)),
        Target::Roles,
    ];
    let all: Vec<Revocation> =
        targets.into_iter().zip(10..).map(|(target, until)| revocation(target, until)).collect();
    subject.store.revoke(&[]).await.unwrap();

    subject.store.revoke(&all[..3]).await.unwrap();
    subject.store.revoke(&all[3..]).await.unwrap();
    subject.store.revoke(&all[3..]).await.unwrap();

    let read = subject.other.revocations(0, 10).await.unwrap();
    assert!(read.iter().map(|(position, _)| *position).is_sorted_by(|one, two| 0 < *one && one < two));
    let kept: Vec<Revocation> = read.iter().map(|(_, one)| *one).collect();
    assert_eq!(kept, [&all[..], &all[3..]].concat());
    assert_eq!(subject.other.revocations(0, 2).await.unwrap(), read[..2]);
    assert_eq!(subject.other.revocations(read[1].0, 2).await.unwrap(), read[2..4]);
    assert_eq!(subject.other.revocations(read[4].0, 2).await.unwrap(), []);
    assert_eq!(subject.other.revocations(-5, 0).await.unwrap(), []);
}

/// Each once.
pub async fn revocations_of_many_writers_are_all_read(subject: &IdentitySubject) {
    let written = subject
        .eight(|store, number| {
            let users: Vec<Revocation> = (0..25)
                .map(|_| revocation(Target::User(UserId::generate(&*subject.ids)), number.into()))
                .collect();
            async move {
                for some in users.chunks(5) {
                    store.revoke(some).await.unwrap();
                }
                users
            }
        })
        .await;

    let read = subject.store.revocations(0, 1_000).await.unwrap();

    let key = |one: &Revocation| format!("{one:?}");
    let wanted: BTreeSet<String> = written.iter().flatten().map(key).collect();
    assert_eq!(read.iter().map(|(_, one)| key(one)).collect::<BTreeSet<_>>(), wanted);
    assert_eq!((read.len(), wanted.len()), (200, 200));
}

/// A position is not given again, not even when all before it are gone.
pub async fn old_revocations_are_removed_in_pieces(subject: &IdentitySubject) {
    let all: Vec<Revocation> =
        [30, 10, 40, 20].into_iter().map(|until| revocation(Target::Roles, until)).collect();
    subject.store.revoke(&all).await.unwrap();
    let untils = async || -> Vec<_> {
        subject.store.revocations(0, 10).await.unwrap().into_iter().map(|(_, one)| one.until).collect()
    };
    let last = subject.store.revocations(0, 10).await.unwrap().last().unwrap().0;

    assert_eq!(subject.store.sweep_revocations(at(40), 2).await.unwrap(), 2);
    assert_eq!(untils().await, [at(30), at(40)]);
    assert_eq!(subject.store.sweep_revocations(at(40), 2).await.unwrap(), 1);
    assert_eq!(subject.store.sweep_revocations(at(40), 2).await.unwrap(), 0);
    assert_eq!(subject.store.sweep_revocations(at(41), u32::MAX).await.unwrap(), 1);

    // A reader that has seen all of them must not miss the next.
    subject.store.revoke(&all[..1]).await.unwrap();
    assert_eq!(subject.store.revocations(last, 10).await.unwrap().len(), 1);
}
