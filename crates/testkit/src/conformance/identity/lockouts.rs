//! Failed attempts: added up over processes, forgotten with time, cleared for all at once.

use codeflow_auth::Lockout;
use codeflow_core::Timestamp;

use super::{IdentitySubject, at};

fn failed(name: &[u8], failures: u32, seconds: i64) -> Lockout {
    Lockout { name: name.to_vec(), failures, changed_at: at(seconds), clears: 0 }
}

/// Nothing is too long ago.
const ALL: Timestamp = Timestamp::EPOCH;

/// Whichever process counted them, and whichever comes last.
pub async fn failures_add_up_over_processes(subject: &IdentitySubject) {
    let names: [&[u8]; 3] = [&[0, 128, 255], &[0], b"'"];
    subject.store.add_failures(&names.map(|name| failed(name, 2, 10)), ALL).await.unwrap();
    subject.other.add_failures(&[failed(names[0], 3, 7), failed(names[1], 1, 12)], ALL).await.unwrap();
    subject.other.add_failures(&[], ALL).await.unwrap();

    let expected = [failed(names[0], 5, 10), failed(names[1], 3, 12), failed(names[2], 2, 10)];
    for one in &expected {
        assert_eq!(subject.store.find_lockout(&one.name).await.unwrap().as_ref(), Some(one));
    }
    assert_eq!(subject.store.find_lockout(b"nobody").await.unwrap(), None);
    let asked: Vec<Vec<u8>> = [names[0], b"nobody", names[2]].map(<[u8]>::to_vec).to_vec();
    let several = subject.other.find_lockouts(&asked).await.unwrap();
    assert_eq!(several, [expected[0].clone(), expected[2].clone()]);
}

/// None is lost, and nobody waits for the other for ever.
pub async fn failures_of_many_writers_are_all_counted(subject: &IdentitySubject) {
    let names: Vec<Vec<u8>> = (0_u8..20).map(|number| vec![number]).collect();

    subject
        .eight(|store, number| {
            let mut all: Vec<Lockout> = names.iter().map(|name| failed(name, 1, number.into())).collect();
            if number % 2 == 0 {
                all.reverse();
            }
            async move {
                for _ in 0..5 {
                    store.add_failures(&all, ALL).await.unwrap();
                }
            }
        })
        .await;

    for name in &names {
        assert_eq!(subject.store.find_lockout(name).await.unwrap(), Some(failed(name, 40, 7)));
    }
}

/// Whatever happened before does not count; what happens then does.
pub async fn what_is_forgotten_counts_no_more(subject: &IdentitySubject) {
    subject.store.add_failures(&[failed(b"a", 5, 10), failed(b"b", 5, 11)], ALL).await.unwrap();

    let new = [failed(b"a", 1, 30), failed(b"b", 1, 30), failed(b"c", 1, 30)];
    subject.store.add_failures(&new, at(11)).await.unwrap();

    for (name, failures) in [(b"a", 1), (b"b", 6), (b"c", 1)] {
        assert_eq!(subject.other.find_lockout(name).await.unwrap(), Some(failed(name, failures, 30)));
    }
}

/// Also those that another process counted before, and adds afterwards.
pub async fn a_cleared_name_has_no_failures(subject: &IdentitySubject) {
    subject.store.add_failures(&[failed(b"a", 5, 10)], ALL).await.unwrap();

    for name in [b"a", b"b"] {
        subject.store.clear_lockout(name, at(20)).await.unwrap();
        subject.other.add_failures(&[failed(name, 3, 30)], ALL).await.unwrap();

        let cleared = Lockout { clears: 1, ..failed(name, 0, 20) };
        assert_eq!(subject.other.find_lockout(name).await.unwrap(), Some(cleared));
    }

    let later = Lockout { clears: 1, ..failed(b"a", 2, 25) };
    subject.other.add_failures(std::slice::from_ref(&later), ALL).await.unwrap();
    assert_eq!(subject.store.find_lockout(b"a").await.unwrap(), Some(later));
    subject.store.clear_lockout(b"a", at(40)).await.unwrap();
    let cleared = Lockout { clears: 2, ..failed(b"a", 0, 40) };
    assert_eq!(subject.store.find_lockout(b"a").await.unwrap(), Some(cleared));
}

/// What is too old, and what is too much.
pub async fn old_failures_are_removed_in_pieces_the_oldest_first(subject: &IdentitySubject) {
    let all: Vec<Lockout> = (0_u8..8).map(|number| failed(&[number], 1, i64::from(number / 2))).collect();
    subject.store.add_failures(&all, ALL).await.unwrap();
    let there = async || {
        let mut there = Vec::new();
        for one in &all {
            if subject.other.find_lockout(&one.name).await.unwrap().is_some() {
                there.push(one.name[0]);
            }
        }
        there
    };

    assert_eq!(subject.store.sweep_lockouts(at(0), 8, 100).await.unwrap(), 0);
    assert_eq!(subject.store.sweep_lockouts(at(2), 8, 3).await.unwrap(), 3);
    assert_eq!(there().await, [3, 4, 5, 6, 7]);
    assert_eq!(subject.store.sweep_lockouts(at(2), 8, 3).await.unwrap(), 1);
    assert_eq!(subject.store.sweep_lockouts(at(0), 3, 100).await.unwrap(), 1);
    assert_eq!(there().await, [5, 6, 7]);
    assert_eq!(subject.store.sweep_lockouts(at(9), 3, 0).await.unwrap(), 0);
    assert_eq!(subject.store.sweep_lockouts(at(0), 0, 100).await.unwrap(), 3);
    assert!(there().await.is_empty());
}
