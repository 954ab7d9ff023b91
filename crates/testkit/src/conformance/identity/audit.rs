//! The audit log: one chain without gaps, whoever writes.

use std::hash::{DefaultHasher, Hash, Hasher};

use codeflow_auth::{AuditEntry, AuditEvent, AuditFilter, ErrorKind, Outcome, Page};
use codeflow_core::Tenant;
use serde_json::{Map, Value, json};

use super::{IdentitySubject, at, first, kind, tenant};

fn event(of: Option<Tenant>, actor: &str, action: &str, moment: i64) -> AuditEvent {
    AuditEvent {
        at: at(moment),
        tenant: of,
        actor: actor.to_owned(),
        action: action.to_owned(),
        target: "user_1".to_owned(),
        address: None,
        request_id: None,
        outcome: Outcome::Done,
        details: Map::new(),
    }
}

/// No hash to rely on, but one that shows what was changed or put in between.
pub(super) fn chain(position: i64, previous: [u8; 32], event: AuditEvent) -> AuditEntry {
    let mut hasher = DefaultHasher::new();
    (position, previous, format!("{event:?}")).hash(&mut hasher);
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&hasher.finish().to_be_bytes());
    AuditEntry { position, event, previous, hash }
}

/// A chain with a fault: it leaves a place out.
fn leaping(position: i64, previous: [u8; 32], event: AuditEvent) -> AuditEntry {
    let place = if event.actor == "leap" { position + 1 } else { position };
    chain(place, previous, event)
}

/// Whether each entry holds the one before it.
fn check(entries: &[AuditEntry]) {
    let mut previous = [0; 32];
    for (entry, position) in entries.iter().zip(1..) {
        assert_eq!(*entry, chain(position, previous, entry.event.clone()));
        previous = entry.hash;
    }
}

async fn whole(subject: &IdentitySubject) -> Vec<AuditEntry> {
    subject.other.audit(&AuditFilter::default(), first(1_000)).await.unwrap()
}

/// To the last digit of a number: its hash covers it.
pub async fn an_entry_is_read_back_whole(subject: &IdentitySubject) {
    let details = json!({
        "float": 0.1 + 0.2, "tiny": 5e-324, "odd": 1.797_693_134_862_315_7e308, "big": u64::MAX,
        "nested": { "zero": "a\0b", "list": [null, true, "ünïcode"] }
    });
    let Value::Object(details) = details else { panic!("it is an object") };
    let full = AuditEvent {
        address: Some("2001:db8::1".to_owned()),
        request_id: Some("req-1".to_owned()),
        outcome: Outcome::Refused,
        details,
        ..event(Some(tenant("default")), "ada", "user.create", 5)
    };
    let failed = AuditEvent { outcome: Outcome::Failed, ..event(None, "", "", -5) };

    subject.store.append_audit(vec![full.clone()], chain).await.unwrap();
    subject.store.append_audit(vec![], chain).await.unwrap();
    subject.store.append_audit(vec![failed.clone()], chain).await.unwrap();

    let entries = whole(subject).await;
    let events: Vec<&AuditEvent> = entries.iter().map(|entry| &entry.event).collect();
    assert_eq!(events, [&full, &failed]);
    check(&entries);
}

/// Zero characters are replaced, and an actor or an action is cut where an index has no more room.
pub async fn the_log_takes_whatever_was_sent(subject: &IdentitySubject) {
    let long = "ä".repeat(10_000);
    let hostile = AuditEvent {
        target: "a\0b".to_owned(),
        address: Some("\0".to_owned()),
        request_id: Some("\0".to_owned()),
        ..event(None, "who\0", &long, 1)
    };

    subject.store.append_audit(vec![hostile], chain).await.unwrap();

    // The hash covers what is kept.
    let entries = whole(subject).await;
    check(&entries);
    let kept = &entries[0].event;
    assert_eq!((kept.actor.as_str(), kept.target.as_str()), ("who\u{fffd}", "a\u{fffd}b"));
    assert_eq!(kept.action, "ä".repeat(256));
    for filter in [
        AuditFilter { actor: Some("who\0".to_owned()), ..Default::default() },
        AuditFilter { action: Some(long), ..Default::default() },
    ] {
        assert_eq!(subject.store.audit(&filter, first(5)).await.unwrap(), entries);
    }
}

/// Without gaps, and what one call writes stays together.
pub async fn entries_of_many_writers_make_one_chain(subject: &IdentitySubject) {
    subject
        .eight(|store, number| async move {
            for round in 0..10 {
                let actor = number.to_string();
                let events = (0..3).map(|part| event(None, &actor, "test", round * 3 + part)).collect();
                store.append_audit(events, chain).await.unwrap();
            }
        })
        .await;

    let entries = whole(subject).await;
    assert_eq!(entries.len(), 240);
    check(&entries);
    for number in 0..8 {
        let mine = entries.iter().filter(|entry| entry.event.actor == number.to_string());
        assert!(
            mine.map(|entry| entry.event.at).eq((0..30).map(at)),
            "the entries of {number} are out of order"
        );
    }
    // What came together stays together.
    assert!(
        entries.chunks(3).all(|three| three.iter().all(|entry| entry.event.actor == three[0].event.actor))
    );
}

/// Nothing of it is kept, and the next one goes on where the last one ended.
pub async fn an_append_that_fails_leaves_no_gap(subject: &IdentitySubject) {
    let good = |actor: &str| event(None, actor, "test", 1);
    subject.store.append_audit(vec![good("first")], chain).await.unwrap();

    let failed = subject.store.append_audit(vec![good("lost"), good("leap")], leaping).await;
    assert_eq!(kind(failed), ErrorKind::Internal);
    subject.store.append_audit(vec![good("second")], chain).await.unwrap();

    let entries = whole(subject).await;
    let actors: Vec<&str> = entries.iter().map(|entry| entry.event.actor.as_str()).collect();
    assert_eq!(actors, ["first", "second"]);
    check(&entries);
}

/// In all combinations, in the order of positions.
pub async fn the_log_is_filtered_and_read_in_pages(subject: &IdentitySubject) {
    let mut events = Vec::new();
    for number in 0..24 {
        let of = [None, Some(tenant("default")), Some(tenant("other"))][number % 3].clone();
        let (actor, action) = (["ada", "ben"][number % 2], ["create", "remove"][number / 12]);
        // Not in the order of time: whoever comes late writes late.
        events.push(event(of, actor, action, i64::try_from(number * 7 % 24).unwrap()));
    }
    subject.store.append_audit(events, chain).await.unwrap();
    let all = whole(subject).await;

    let mut filters = vec![AuditFilter::default()];
    for of in [None, Some(tenant("default")), Some(tenant("nobody"))] {
        for actor in [None, Some("ada".to_owned())] {
            for (since, until) in [(None, None), (Some(at(5)), None), (Some(at(5)), Some(at(15)))] {
                let action = actor.as_ref().map(|_| "remove".to_owned());
                filters.push(AuditFilter { tenant: of.clone(), actor: actor.clone(), action, since, until });
            }
        }
    }
    for filter in filters {
        let is_meant = |entry: &&AuditEntry| {
            let event = &entry.event;
            filter.tenant.as_ref().is_none_or(|of| event.tenant.as_ref() == Some(of))
                && filter.actor.as_ref().is_none_or(|actor| event.actor == *actor)
                && filter.action.as_ref().is_none_or(|action| event.action == *action)
                && filter.since.is_none_or(|since| event.at >= since)
                && filter.until.is_none_or(|until| event.at < until)
        };
        let meant: Vec<AuditEntry> = all.iter().filter(is_meant).cloned().collect();
        let mut seen: Vec<AuditEntry> = Vec::new();
        loop {
            let page = Page { after: seen.last().map(|entry| entry.position), limit: 5 };
            let more = subject.store.audit(&filter, page).await.unwrap();
            assert!(more.len() <= 5);
            if more.is_empty() {
                break;
            }
            seen.extend(more);
        }
        assert_eq!(seen, meant, "{filter:?}");
    }
}

/// Whatever is asked for.
pub async fn no_list_is_longer_than_a_thousand(subject: &IdentitySubject) {
    let events = (0..1_001).map(|moment| event(None, "ada", "test", moment)).collect();
    subject.store.append_audit(events, chain).await.unwrap();
    let role = codeflow_auth::Target::Roles;
    let revocation = codeflow_auth::Revocation { target: role, at: at(0), until: at(1) };
    subject.store.revoke(&[revocation; 1_001]).await.unwrap();

    let entries = subject.store.audit(&AuditFilter::default(), first(u32::MAX)).await.unwrap();
    let revocations = subject.store.revocations(0, u32::MAX).await.unwrap();

    assert_eq!((entries.len(), revocations.len()), (1_000, 1_000));
    check(&entries);
}
