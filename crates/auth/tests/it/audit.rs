//! The audit log.

use std::sync::Arc;

use codeflow_auth::{AuditEntry, AuditEvent, AuditFilter, AuditStore, ErrorKind, Outcome, Page};
use codeflow_core::Clock;
use serde_json::json;

use crate::support::{World, cheap, kind, open_over, page, world};
use crate::tampered::Tampered;

fn event(world: &World, action: &str) -> AuditEvent {
    AuditEvent {
        at: world.clock.now(),
        tenant: None,
        actor: "someone".into(),
        action: action.into(),
        target: "something".into(),
        address: None,
        request_id: None,
        outcome: Outcome::Done,
        details: Default::default(),
    }
}

async fn entries(world: &World) -> Vec<AuditEntry> {
    world.store.audit(&AuditFilter::default(), page()).await.unwrap()
}

#[tokio::test]
async fn what_is_done_stands_in_the_log_with_who_did_it() {
    let world = world().await;
    let admin = world.caller("boss", &["admin"]).await;
    let made = world.identity.create_user(&admin, crate::support::wish("made", &[])).await.unwrap();

    let all = entries(&world).await;

    let last = &all.last().unwrap().event;
    assert_eq!((last.action.as_str(), last.target.clone()), ("user.create", made.id.to_string()));
    assert_eq!(last.actor, admin.principal.user.unwrap().to_string());
    assert_eq!(last.tenant, Some(admin.principal.tenant.clone()));
    assert!(!format!("{all:?}").contains(crate::support::PASSWORD));
}

#[tokio::test]
async fn an_untouched_log_is_whole() {
    let world = world().await;
    for number in 0..1_200 {
        world.identity.audit().note(event(&world, &format!("number.{number}")));
    }
    world.identity.audit().flush().await.unwrap();

    let verdict = world.identity.verify_audit(&world.operator()).await.unwrap();

    assert_eq!((verdict.entries, verdict.broken), (1_200, None));
    assert_ne!(verdict.last, [0; 32]);
}

/// What somebody does to the entries of a log, and which one is named for it.
type Forgery = (fn(&mut AuditEntry) -> bool, Option<i64>);

#[tokio::test]
async fn the_first_entry_that_is_not_what_it_was_is_named() {
    let forgeries: [Forgery; 9] = [
        (|_| true, None),
        (|entry| change(&mut entry.event.actor), Some(1)),
        (|entry| entry.position != 3, Some(4)),
        (|entry| entry.position != 1, Some(2)),
        (|entry| entry.position != 3 || change(&mut entry.event.target), Some(3)),
        (|entry| entry.position != 3 || zero(&mut entry.hash), Some(3)),
        (|entry| entry.position != 3 || zero(&mut entry.previous), Some(3)),
        (|entry| entry.position < 3 || move_up(&mut entry.position), Some(4)),
        (|entry| entry.position != 5, None),
    ];
    for (place, (forgery, named)) in forgeries.into_iter().enumerate() {
        let (world, tampered) = (world().await, Tampered::default());
        let identity =
            open_over(Arc::new(tampered.clone()), &world.clock, &world.ids, cheap()).await.unwrap();
        for _ in 0..5 {
            identity.audit().write(event(&world, "x")).await.unwrap();
        }
        *tampered.entries.lock().unwrap() = Some(Box::new(forgery));

        let verdict = identity.audit().verify().await.unwrap();

        assert_eq!(verdict.broken, named, "{place}");
    }
}

fn change(text: &mut String) -> bool {
    text.push('x');
    true
}

fn zero(hash: &mut [u8; 32]) -> bool {
    *hash = [0; 32];
    true
}

fn move_up(position: &mut i64) -> bool {
    *position += 1;
    true
}

/// The hash covers every field: none can be moved to another, or left out.
#[tokio::test]
async fn no_two_different_events_have_the_same_hash() {
    let base = || async {
        let world = world().await;
        let event = event(&world, "a");
        (world, event)
    };
    let (_, plain) = base().await;
    let mut variants = vec![plain.clone()];
    let mut vary = |change: fn(&mut AuditEvent)| {
        let mut event = plain.clone();
        change(&mut event);
        variants.push(event);
    };
    vary(|event| event.at = event.at.after(std::time::Duration::from_micros(1)));
    vary(|event| event.tenant = Some("a".parse().unwrap()));
    vary(|event| event.actor = "someonea".into());
    vary(|event| (event.actor, event.action) = ("someonea".into(), String::new()));
    vary(|event| event.action = "b".into());
    vary(|event| event.target = "other".into());
    vary(|event| event.address = Some(String::new()));
    vary(|event| event.request_id = Some(String::new()));
    vary(|event| event.outcome = Outcome::Refused);
    vary(|event| event.outcome = Outcome::Failed);
    for details in [
        json!({"a": null}),
        json!({"a": true}),
        json!({"a": false}),
        json!({"a": 1}),
        json!({"a": "1"}),
        json!({"a": "true"}),
        json!({"a": []}),
        json!({"a": {}}),
        json!({"a": ["b", "c"]}),
        json!({"a": [["b"], "c"]}),
        json!({"a": {"b": "c"}}),
        json!({"a": "b", "c": "d"}),
        json!({"a": "bc", "d": ""}),
    ] {
        let mut event = plain.clone();
        event.details = details.as_object().unwrap().clone();
        variants.push(event);
    }

    let mut hashes = std::collections::HashSet::new();
    let count = variants.len();
    for event in variants {
        let (world, _) = base().await;
        world.identity.audit().write(event).await.unwrap();
        hashes.insert(entries(&world).await[0].hash);
    }
    assert_eq!(hashes.len(), count);
}

#[tokio::test]
async fn what_databases_would_change_is_changed_before_it_is_hashed() {
    let world = world().await;
    let mut event = event(&world, "a\0b");
    event.address = Some("1\0".into());
    event.details =
        json!({"f": 0.1, "t": "x\0y", "l": [1.5, "\0"], "o": {"k\0": 2.0}}).as_object().unwrap().clone();

    world.identity.audit().write(event).await.unwrap();

    let kept = &entries(&world).await[0].event;
    assert_eq!((kept.action.as_str(), kept.address.as_deref()), ("ab", Some("1")));
    let clean = json!({"f": "0.1", "t": "xy", "l": ["1.5", ""], "o": {"k": "2.0"}});
    assert_eq!(Some(&kept.details), clean.as_object());
    assert_eq!(world.identity.verify_audit(&world.operator()).await.unwrap().broken, None);
}

#[tokio::test]
async fn two_processes_write_one_chain() {
    let world = world().await;
    let other = world.other(cheap()).await;
    for number in 0..20 {
        let writer = if number % 2 == 0 { &world.identity } else { &other };
        writer.audit().write(event(&world, "x")).await.unwrap();
    }

    let verdict = other.verify_audit(&world.operator()).await.unwrap();

    assert_eq!((verdict.entries, verdict.broken), (20, None));
}

#[tokio::test]
async fn an_event_that_cannot_be_written_waits_and_is_written_later() {
    let world = world().await;
    world.store.set_away(true);
    let written = world.identity.audit().write(event(&world, "first")).await;
    assert_eq!(kind(written), ErrorKind::Unavailable);
    assert_eq!(world.identity.audit().waiting_events(), 1);
    world.store.set_away(false);

    world.identity.audit().write(event(&world, "second")).await.unwrap();

    let actions: Vec<_> = entries(&world).await.into_iter().map(|entry| entry.event.action).collect();
    assert_eq!(actions, ["first", "second"]);
    assert_eq!(world.identity.audit().waiting_events(), 0);
}

#[tokio::test]
async fn when_too_many_wait_the_next_is_counted_as_lost() {
    let world = world().await;
    for _ in 0..10_000 {
        world.identity.audit().note(event(&world, "x"));
    }

    world.identity.audit().note(event(&world, "lost"));

    assert_eq!(world.identity.audit().dropped_events(), 1);
    let refused = world.identity.audit().write(event(&world, "lost too")).await;
    assert_eq!(kind(refused), ErrorKind::Unavailable);
    assert!(format!("{:?}", world.identity.audit()).contains("AuditLog"));
}

#[tokio::test]
async fn an_admin_reads_the_log_of_the_tenant_and_operators_that_of_all() {
    let world = world().await;
    let admin = world.caller("boss", &["admin"]).await;
    world.user_of("theirs", "they", &["user"]).await;
    world.try_sign_in("boss", "certainly not this one").await.unwrap_err();
    world.identity.flush().await.unwrap();
    let filter = AuditFilter { action: Some("user.create".into()), ..AuditFilter::default() };

    let own = world.identity.list_audit(&admin, filter.clone(), page()).await.unwrap();
    let all = world.identity.list_audit(&world.operator(), filter.clone(), page()).await.unwrap();
    assert_eq!((own.len(), all.len()), (1, 2));
    let theirs = AuditFilter { tenant: Some("theirs".parse().unwrap()), ..filter };
    assert_eq!(kind(world.identity.list_audit(&admin, theirs, page()).await), ErrorKind::NotFound);
    assert_eq!(kind(world.identity.verify_audit(&admin).await), ErrorKind::Forbidden);
    let refused = AuditFilter { action: Some("login.create".into()), ..AuditFilter::default() };
    let last = Page { after: None, limit: 10 };
    let refused = world.identity.list_audit(&admin, refused, last).await.unwrap();
    assert_eq!(refused.last().unwrap().event.outcome, Outcome::Refused);
    assert_eq!(refused.last().unwrap().event.details["reason"], "auth.wrong_password");
}
