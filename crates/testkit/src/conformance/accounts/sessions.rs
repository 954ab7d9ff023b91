//! Sessions, the fence, and what a batch does once.

use std::sync::Arc;

use codeflow_core::Usd;
use codeflow_gateway::{Committed, Ending, Entry, Outcome};

use super::{AccountsSubject, LONG, entry, full_row, key, need, usd};

/// The heart of it.
pub async fn a_slice_is_granted_spent_and_given_back(subject: &AccountsSubject) {
    let mut one = subject.session(LONG).await;

    let granted = one.enter(need(1_000, 100)).await;
    let spent = one.enter(Entry { spent: usd(30), shrink: usd(30), held: usd(70), ..entry(1_000) }).await;
    let back = one.enter(Entry { shrink: usd(70), retire: true, ..entry(1_000) }).await;

    assert_eq!((granted.slice, granted.outcome), (usd(100), Outcome::Granted));
    assert_eq!((spent.slice, spent.spent), (usd(70), usd(30)));
    assert_eq!(back.slice, Usd::ZERO);
    assert_eq!(subject.balance(&key("ci")).await, (30, 0, 0));
}

/// What is spent beyond a slice comes out of what is left.
pub async fn spending_beyond_a_slice_leaves_less_for_others(subject: &AccountsSubject) {
    let (mut one, mut two) = (subject.session(LONG).await, subject.session(LONG).await);
    one.enter(need(100, 50)).await;
    one.enter(Entry { spent: usd(80), shrink: usd(50), ..entry(100) }).await;

    let refused = two.enter(need(100, 30)).await;
    let granted = two.enter(need(100, 20)).await;

    assert_eq!((refused.outcome, refused.spent), (Outcome::Refused, usd(80)));
    assert_eq!(granted.slice, usd(20));
}

/// Whoever is short learns whether others have something to give back.
pub async fn an_idle_slice_is_recalled_and_a_used_one_is_not(subject: &AccountsSubject) {
    let (mut idle, mut short) = (subject.session(LONG).await, subject.session(LONG).await);
    idle.enter(need(100, 80)).await;

    let asked = short.enter(need(100, 60)).await;
    let Outcome::Recalling(number) = asked.outcome else { panic!("{asked:?}") };
    let again = short.enter(Entry { asked: number, ..need(100, 60) }).await;
    let recalls = subject.store.recalls(idle.id).await.unwrap();
    idle.enter(Entry { shrink: usd(50), held: usd(30), answers: number, ..entry(100) }).await;
    let granted = short.enter(Entry { asked: number, held: usd(60), ..need(100, 60) }).await;
    let refused = short.enter(Entry { asked: number, held: usd(60), ..need(100, 20) }).await;

    assert!(asked.tight);
    assert_eq!(again.outcome, Outcome::Recalling(number));
    assert_eq!(recalls.iter().map(|recall| recall.number).collect::<Vec<_>>(), [number]);
    assert_eq!((recalls[0].subject.as_str(), recalls[0].since), ("key:ci", key("ci").since));
    assert_eq!((granted.outcome, granted.slice), (Outcome::Granted, usd(60)));
    assert_eq!(refused.outcome, Outcome::Refused);
    assert!(subject.store.recalls(idle.id).await.unwrap().is_empty());
}

/// The answer to a commit may be lost on its way.
pub async fn a_batch_that_comes_twice_is_written_once(subject: &AccountsSubject) {
    let mut one = subject.session(LONG).await;
    one.enter(need(1_000, 100)).await;
    one.seq += 1;
    let spent = Entry { spent: usd(40), shrink: usd(40), held: usd(60), ..entry(1_000) };
    let batch = one.batch(vec![spent], vec![full_row(&*subject.ids)]);

    let first = subject.store.commit(Arc::clone(&batch)).await.unwrap();
    let second = subject.store.commit(batch).await.unwrap();

    assert_eq!(first, second);
    assert_eq!(subject.balance(&key("ci")).await, (40, 60, 0));
    assert_eq!(subject.usage.list(None, None, 10).await.unwrap().len(), 1);
}

/// A process that was frozen wakes up.
pub async fn a_session_whose_lease_ended_writes_nothing(subject: &AccountsSubject) {
    let mut frozen = subject.session(LONG).await;
    frozen.enter(need(1_000, 100)).await;
    frozen.enter(Entry { spent: usd(10), shrink: usd(10), held: usd(50), ..entry(1_000) }).await;
    frozen.expire().await;
    let last = frozen.seq;

    let late = Entry { spent: usd(500), shrink: usd(90), ..need(1_000, 400) };
    let lost = frozen.commit(vec![late], vec![full_row(&*subject.ids)]).await;

    assert_eq!(lost, Committed::Lost { seq: last });
    assert_eq!(
        subject.balance(&key("ci")).await,
        (60, 0, 50),
        "what was in flight is paid, the rest is free"
    );
    assert!(subject.usage.list(None, None, 10).await.unwrap().is_empty());
}

/// Out of turn, or never opened.
pub async fn a_batch_out_of_turn_is_refused(subject: &AccountsSubject) {
    let mut one = subject.session(LONG).await;
    one.enter(need(1_000, 100)).await;
    one.seq += 1;

    let skipped = one.commit(vec![need(1_000, 100)], vec![]).await;

    assert_eq!(skipped, Committed::Lost { seq: 1 });
    assert_eq!(subject.balance(&key("ci")).await, (0, 100, 0));
}

/// Even one that lives is closed in good order.
pub async fn a_closed_session_gives_everything_back(subject: &AccountsSubject) {
    let (mut one, mut two) = (subject.session(LONG).await, subject.session(LONG).await);
    one.enter(Entry { held: usd(20), ..need(1_000, 100) }).await;
    let other = Entry { key: key("other"), held: usd(90), ..need(1_000, 50) };
    one.enter(other).await;
    two.enter(need(1_000, 7)).await;

    let ended = subject.store.end(Ending::Closed(one.id)).await.unwrap();
    let again = subject.store.end(Ending::Closed(one.id)).await.unwrap();

    assert_eq!(
        (ended.sessions, ended.charged),
        (1, usd(20) + usd(50)),
        "what was hoped for and not granted is not charged"
    );
    assert_eq!(again.sessions, 0);
    assert_eq!(subject.balance(&key("ci")).await, (20, 7, 20));
    assert_eq!(one.commit(vec![], vec![]).await, Committed::Lost { seq: 2 });
}
