//! Keys: those that take turns in the queue, and those under which only so many run at once.

use std::collections::HashSet;
use std::sync::Arc;

use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_core::workflow::{Overlap, VersionId};
use codeflow_engine::{
    Admitted, Advance, Ending, Flushed, NewExecution, NewTask, Session, Slot, SlotMove, Started, fair_key,
};
use serde_json::json;
use tokio::task::JoinSet;

use super::Subject;
use super::subject::advance;

/// A key with a thousand tasks does not keep one with two waiting.
pub async fn keys_take_turns_within_a_priority(subject: &Subject) {
    let version = subject.workflow("review").await;
    let of = |name: &str, priority: i16| NewTask { fair: fair_key(name), priority, ..subject.task("any") };
    let mut tasks: Vec<NewTask> = (0..300).map(|_| of("busy", 0)).collect();
    tasks.extend([of("quiet", 0), of("quiet", 0), of("other", 0), of("urgent", 7)]);
    let rare: HashSet<_> = tasks[300..].iter().map(|task| task.id).collect();
    let (first_busy, urgent) = (tasks[0].id, tasks[303].id);
    subject.store.start(subject.execution(&version, tasks)).await.unwrap();
    let session = subject.session().await;

    let claimed = subject.claim(session, 10).await;

    let ids: Vec<_> = claimed.tasks.iter().map(|task| task.id).collect();
    assert_eq!(ids[0], urgent, "a higher priority goes before any turn");
    assert!(rare.iter().all(|id| ids.contains(id)), "each key had its turn");
    assert!(ids[1..4].contains(&first_busy), "the busy one too: {ids:?}");
    assert!(claimed.more);
    let mut left = 0;
    loop {
        let claimed = subject.claim(session, 100).await;
        left += claimed.tasks.len();
        if !claimed.more && claimed.tasks.len() < 100 {
            break;
        }
    }
    assert_eq!(left, 294, "nothing is lost on the way");
}

fn slot(most: u32, on_new: Overlap) -> Option<Slot> {
    Some(Slot { key: "pr 7 \u{fc}".to_owned(), most, on_new })
}

/// An execution with one task that needs a place.
fn placed(subject: &Subject, version: &VersionId, slot: Option<Slot>) -> NewExecution {
    NewExecution { slot, ..subject.execution(version, vec![subject.task("step")]) }
}

async fn end(subject: &Subject, session: Session, id: ExecutionId) {
    let seq = subject.read(id).await.record.seq;
    let ending = Some(Ending { outputs: Some(Arc::new(json!({}))), error: None });
    let slot = Some(SlotMove::Release);
    let status = ExecutionStatus::Succeeded;
    subject.flush(session, Advance { status, ending, slot, ..advance(id, seq, vec![]) }).await;
}

async fn claimed(subject: &Subject, session: Session) -> Vec<ExecutionId> {
    subject.claim(session, 100).await.tasks.iter().map(|task| task.execution).collect()
}

/// No more run than there are places; whoever waits follows in the order of the starts.
pub async fn who_waits_for_a_place_gets_it_in_order(subject: &Subject) {
    let version = subject.workflow("review").await;
    let session = subject.session().await;
    let all: Vec<_> = (0..4).map(|_| placed(subject, &version, slot(2, Overlap::Queue))).collect();
    let ids: Vec<_> = all.iter().map(|new| new.id).collect();
    let other = Some(Slot { key: "pr 8".to_owned(), ..slot(1, Overlap::Queue).unwrap() });
    let beside = placed(subject, &version, other);

    for new in all {
        assert_eq!(subject.store.start(new).await.unwrap(), Started::Created);
    }
    subject.store.start(beside.clone()).await.unwrap();

    assert_eq!(claimed(subject, session).await, [ids[0], ids[1], beside.id]);
    assert!(subject.read(ids[2]).await.tasks[0].delayed, "it waits");
    assert_eq!(subject.store.admit(10).await.unwrap(), Admitted::default());
    end(subject, session, ids[1]).await;
    assert_eq!(subject.store.admit(10).await.unwrap().admitted, 1);
    assert_eq!(subject.store.admit(10).await.unwrap().admitted, 0);
    assert_eq!(claimed(subject, session).await, [ids[2]]);
    end(subject, session, ids[0]).await;
    end(subject, session, ids[2]).await;
    assert_eq!(subject.store.admit(10).await.unwrap().admitted, 1);
    assert_eq!(claimed(subject, session).await, [ids[3]]);
    assert!(!subject.read(ids[3]).await.tasks[0].delayed);
}

/// Neither a place, nor who waits for one, nor who would have one again.
pub async fn a_move_that_lost_a_race_changes_nothing_about_places(subject: &Subject) {
    let version = subject.workflow("review").await;
    let session = subject.session().await;
    let holder = placed(subject, &version, slot(1, Overlap::Queue));
    let waiter = placed(subject, &version, slot(1, Overlap::Queue));
    let other = placed(subject, &version, None);
    for new in [&holder, &waiter, &other] {
        subject.store.start(new.clone()).await.unwrap();
    }
    let key = slot(1, Overlap::Queue).unwrap().key;
    let lost =
        [(holder.id, SlotMove::Release), (waiter.id, SlotMove::Release), (other.id, SlotMove::Retake(key))];

    for (id, moved) in lost {
        let flushed = subject.flush(session, Advance { slot: Some(moved), ..advance(id, 9, vec![]) }).await;
        assert_eq!(flushed, Flushed::Conflict);
    }

    assert_eq!(subject.store.admit(10).await.unwrap().admitted, 0, "the place is taken");
    end(subject, session, holder.id).await;
    assert_eq!(subject.store.admit(10).await.unwrap().admitted, 1, "one waits, and nobody else has it");
}

/// Starts that come in one call are counted like those that come one by one.
pub async fn places_are_counted_within_one_call(subject: &Subject) {
    let version = subject.workflow("review").await;
    let session = subject.session().await;
    let mut all: Vec<_> = (0..5).map(|_| placed(subject, &version, slot(2, Overlap::Queue))).collect();
    all.push(placed(subject, &version, None));
    let ids: Vec<_> = all.iter().map(|new| new.id).collect();

    let started = subject.store.start_all(all, None).await.unwrap();

    assert_eq!(started, [Started::Created; 6]);
    let running: HashSet<_> = claimed(subject, session).await.into_iter().collect();
    assert_eq!(running, HashSet::from([ids[0], ids[1], ids[5]]));
}

/// `skip` starts nothing, says who runs, and leaves nothing behind.
pub async fn who_would_have_to_wait_may_be_skipped(subject: &Subject) {
    let version = subject.workflow("review").await;
    let session = subject.session().await;
    let first = placed(subject, &version, slot(1, Overlap::Skip));
    let keyed = |new: NewExecution| NewExecution { idempotency_key: Some("k".to_owned()), ..new };
    let second = keyed(placed(subject, &version, slot(1, Overlap::Skip)));

    let created = subject.store.start(first.clone()).await.unwrap();
    let skipped = subject.store.start(second.clone()).await.unwrap();
    let nothing = subject.store.read(second.id, None).await.unwrap();
    end(subject, session, first.id).await;
    let late = subject.store.start(second.clone()).await.unwrap();
    let known = subject.store.start(keyed(placed(subject, &version, slot(1, Overlap::Skip)))).await.unwrap();

    assert_eq!((created, skipped), (Started::Created, Started::Skipped(first.id)));
    assert_eq!(nothing, None);
    assert_eq!(late, Started::Created, "neither the place nor the key was taken");
    assert_eq!(known, Started::Existing(second.id), "a known key comes before a missing place");
}

/// `replace` asks for the end of everybody older until they were told.
pub async fn who_replaces_names_everybody_older(subject: &Subject) {
    let version = subject.workflow("review").await;
    let session = subject.session().await;
    let all: Vec<_> = (0..3).map(|_| placed(subject, &version, slot(1, Overlap::Replace))).collect();
    let ids: Vec<_> = all.iter().map(|new| new.id).collect();
    for new in all {
        subject.store.start(new).await.unwrap();
    }

    let named = subject.store.admit(10).await.unwrap();
    subject.flush(session, Advance { stopping: true, ..advance(ids[0], 1, vec![]) }).await;
    let told = subject.store.admit(10).await.unwrap();
    end(subject, session, ids[0]).await;
    end(subject, session, ids[1]).await;
    let free = subject.store.admit(10).await.unwrap();

    let pairs = |admitted: Admitted| admitted.replaced.into_iter().collect::<HashSet<_>>();
    assert_eq!(pairs(named), HashSet::from([(ids[0], ids[1]), (ids[0], ids[2]), (ids[1], ids[2])]));
    assert_eq!(pairs(told), HashSet::from([(ids[1], ids[2])]));
    assert_eq!(free, Admitted { admitted: 1, replaced: Vec::new() });
}

/// Places are rows: whoever ends while it waits leaves none behind, and nobody counts twice.
pub async fn no_place_leaks_when_everything_happens_at_once(subject: &Subject) {
    let version = subject.workflow("review").await;
    let session = subject.session().await;
    let all: Vec<_> = (0..24).map(|_| placed(subject, &version, slot(3, Overlap::Queue))).collect();
    let ids: Vec<_> = all.iter().map(|new| new.id).collect();
    let mut tasks = JoinSet::new();
    for new in all {
        let store = Arc::clone(&subject.store);
        tasks.spawn(async move {
            let id = new.id;
            store.start(new).await.unwrap();
            store.admit(10).await.unwrap();
            let ending = Some(Ending { outputs: None, error: None });
            let (status, slot) = (ExecutionStatus::Cancelled, Some(SlotMove::Release));
            let ended = Advance { status, ending, slot, ..advance(id, 1, vec![]) };
            store.flush(session, vec![ended]).await.unwrap();
            store.admit(10).await.unwrap();
        });
    }
    tasks.join_all().await;

    let last: Vec<_> = (0..4).map(|_| placed(subject, &version, slot(3, Overlap::Queue))).collect();
    let last_ids: Vec<_> = last.iter().map(|new| new.id).collect();
    subject.store.start_all(last, None).await.unwrap();
    subject.store.admit(10).await.unwrap();

    let running = claimed(subject, session).await;
    let fresh: Vec<_> = running.iter().filter(|id| !ids.contains(id)).copied().collect();
    assert_eq!(fresh, last_ids[..3], "exactly three of them run");
}

/// An execution that is taken up again has its place at once, and gives it back as any other.
pub async fn a_retried_execution_has_its_place_at_once(subject: &Subject) {
    let version = subject.workflow("review").await;
    let session = subject.session().await;
    let (first, second) = (
        placed(subject, &version, slot(1, Overlap::Queue)),
        placed(subject, &version, slot(1, Overlap::Queue)),
    );
    subject.store.start(first.clone()).await.unwrap();
    end(subject, session, first.id).await;
    let again = Some(SlotMove::Retake(slot(1, Overlap::Queue).unwrap().key));
    subject.flush(session, Advance { generation: 1, slot: again, ..advance(first.id, 2, vec![]) }).await;

    subject.store.start(second.clone()).await.unwrap();
    let none = subject.store.admit(10).await.unwrap().admitted;
    end(subject, session, first.id).await;
    let one = subject.store.admit(10).await.unwrap().admitted;

    assert_eq!((none, one), (0, 1));
}
