//! Calls are read back as they were written.

use codeflow_gateway::{CallStatus, UsageRow};
use codeflow_model::Usage;

use super::{AccountsSubject, LONG, full_row};

/// Everything, and as little as there can be.
pub async fn a_call_is_read_back_whole(subject: &AccountsSubject) {
    let mut one = subject.session(LONG).await;
    let full = full_row(&*subject.ids);
    let bare = UsageRow {
        user: None,
        execution: None,
        step: None,
        provider: None,
        model: None,
        format: None,
        stream: false,
        status: CallStatus::Succeeded,
        usage: Usage::default(),
        cost: None,
        estimated: false,
        latency: codeflow_gateway::Latency::default(),
        ..full_row(&*subject.ids)
    };
    one.commit(vec![], vec![full.clone(), bare.clone()]).await;

    assert_eq!(subject.usage.list(None, None, 10).await.unwrap(), [bare, full]);
}

/// A name from outside must not stop the accounts of all.
pub async fn a_zero_character_in_a_call_is_replaced(subject: &AccountsSubject) {
    let mut one = subject.session(LONG).await;
    let row = UsageRow { route: "a\0b".into(), step: Some("\0".into()), ..full_row(&*subject.ids) };
    one.commit(vec![], vec![row]).await;

    let read = subject.usage.list(None, None, 10).await.unwrap();

    let route = &*read[0].route;
    assert!(route == "a\u{fffd}b" || route == "a\0b", "{route:?}");
}

/// Pages end, and tenants do not see each other.
pub async fn calls_are_listed_newest_first_in_pages_of_a_tenant(subject: &AccountsSubject) {
    let mut one = subject.session(LONG).await;
    let row = |n: usize| UsageRow {
        tenant: if n.is_multiple_of(2) { "acme" } else { "other" }.into(),
        ..full_row(&*subject.ids)
    };
    let rows: Vec<UsageRow> = (0..10).map(row).collect();
    one.commit(vec![], rows.clone()).await;
    let list = async |before| subject.usage.list(Some("acme"), before, 3).await.unwrap();

    let first = list(None).await;
    let second = list(Some(first[2].id)).await;
    let third = list(Some(second[1].id)).await;

    let ids = |rows: &[UsageRow]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(&first), [rows[8].id, rows[6].id, rows[4].id]);
    assert_eq!(ids(&second), [rows[2].id, rows[0].id]);
    assert!(third.is_empty());
    assert!(subject.usage.list(Some("nobody"), None, 3).await.unwrap().is_empty());
}
