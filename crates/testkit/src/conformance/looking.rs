//! What people look at: pages of executions, journals and versions.

use codeflow_core::workflow::VersionId;
use codeflow_core::{ExecutionId, Tenant};
use codeflow_engine::{ExecutionFilter, FactPlace, NewVersion, Recorded};
use serde_json::json;

use super::Subject;
use super::subject::{advance, settled, workflow_name};

/// Waits until storage shows another time.
async fn a_moment(subject: &Subject) {
    let mut asked = 0;
    let some_time = async || {
        asked += 1;
        (asked > 2).then_some(())
    };
    subject.until("a moment", some_time).await;
}

/// From a time on, that time included, and before another one.
pub async fn a_list_is_filtered_by_time(subject: &Subject) {
    let version = subject.workflow("review").await;
    let mut records = Vec::new();
    for _ in 0..3 {
        let new = subject.execution(&version, vec![]);
        subject.store.start(new.clone()).await.unwrap();
        records.push(subject.read(new.id).await.record);
        a_moment(subject).await;
    }
    let [first, second, third] = [0, 1, 2].map(|place: usize| (records[place].id, records[place].created_at));
    let listed = async |since, until| {
        let filter = ExecutionFilter { since, until, ..ExecutionFilter::default() };
        let records = subject.store.list(filter, 10).await.unwrap();
        records.into_iter().map(|record| record.id).collect::<Vec<_>>()
    };

    assert_eq!(listed(Some(second.1), None).await, [third.0, second.0]);
    assert_eq!(listed(None, Some(second.1)).await, [first.0]);
    assert_eq!(listed(Some(first.1), Some(third.1)).await, [second.0, first.0]);
    assert!(listed(Some(third.1), Some(first.1)).await.is_empty());
}

/// A page begins after the last fact of the page before, also in the middle of a commit.
pub async fn a_journal_is_read_page_by_page(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let (other, _) = subject.started(1).await;
    let session = subject.session().await;
    for (seq, names) in (1..).zip([&["zeta", "alpha", "mid"][..], &[], &["beta", "alpha", "omega"], &["chi"]])
    {
        let facts = names.iter().map(|name| settled(name, json!(name))).collect();
        subject.flush(session, advance(id, seq, facts)).await;
        subject.flush(session, advance(other, seq, vec![settled("other", json!(seq))])).await;
    }
    let whole = subject.read(id).await.facts;
    let commits = subject.store.commits(id).await.unwrap();

    let mut pages: Vec<Recorded> = Vec::new();
    let mut sizes = Vec::new();
    loop {
        let after = pages.last().map(|last| last.place);
        let page = subject.store.facts(id, after, 2).await.unwrap();
        sizes.push(page.len());
        if page.is_empty() {
            break;
        }
        pages.extend(page);
    }

    assert_eq!(sizes, [2, 2, 2, 0], "the second `alpha` is none");
    assert!(pages.is_sorted_by(|one, next| one.place < next.place), "{pages:?}");
    assert_eq!(pages.iter().map(|one| one.place.seq).collect::<Vec<_>>(), commits);
    let facts: Vec<_> = pages.into_iter().map(|one| (one.generation, one.fact)).collect();
    assert_eq!(facts, whole);
    let end = Some(FactPlace { seq: i64::MAX, ordinal: u32::MAX });
    assert!(subject.store.facts(id, end, 9).await.unwrap().is_empty());
    let unknown = subject.id(ExecutionId::generate);
    assert!(subject.store.facts(unknown, None, 9).await.unwrap().is_empty());
}

/// Either a fact is whole, or it says that it is not; small ones are always whole, and those of up to 1 MiB when they are
/// asked for alone.
pub async fn large_payloads_may_be_left_out_of_a_page(subject: &Subject) {
    let (id, _) = subject.started(1).await;
    let session = subject.session().await;
    let facts = vec![settled("small", json!("x")), settled("large", json!("y".repeat(9_000)))];
    subject.flush(session, advance(id, 1, facts.clone())).await;
    // As JSON they have two quotes more.
    let most = |more: usize| json!("z".repeat((1 << 20) - 2 + more));
    let ends = vec![settled("largest", most(0)), settled("too_large", most(1))];
    subject.flush(session, advance(id, 2, ends.clone())).await;

    let page = subject.store.facts(id, None, 9).await.unwrap();

    assert_eq!((page.len(), &page[0].fact, page[0].is_cut), (4, &facts[0], false));
    assert_eq!(page[1].fact.path(), "large");
    for (fact, whole) in page[1..].iter().zip([&facts[1], &ends[0], &ends[1]]) {
        assert!(fact.is_cut || fact.fact == *whole, "{}", whole.path());
    }
    for (before, whole) in page.iter().zip([&facts[1], &ends[0]]) {
        let alone = subject.store.facts(id, Some(before.place), 1).await.unwrap();
        assert_eq!((alone.len(), alone[0].is_cut), (1, false), "{}", whole.path());
        assert!(alone[0].fact == *whole, "{}", whole.path());
    }
    let too_large = subject.store.facts(id, Some(page[2].place), 1).await.unwrap();
    assert_eq!(too_large[0].fact.path(), "too_large");
    assert!(too_large[0].is_cut || too_large[0].fact == ends[1]);
}

/// Each once, with the latest marked, and only those of one tenant and workflow.
pub async fn versions_are_listed_youngest_first_in_pages(subject: &Subject) {
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.insert(0, subject.workflow("review").await);
        a_moment(subject).await;
    }
    let other = subject.workflow("other").await;
    let theirs: Tenant = "acme".parse().unwrap();
    let new = NewVersion {
        tenant: theirs.clone(),
        ..subject.version("review", &VersionId::from_hash("e".repeat(64)))
    };
    subject.store.put_version(new).await.unwrap();
    // The first one is the latest again, and as old as it was.
    subject.store.put_version(subject.version("review", &kept[2])).await.unwrap();
    let listed = async |tenant: &Tenant, after: Option<&VersionId>, limit| {
        let name = workflow_name("review");
        subject.store.list_versions(tenant, &name, after, limit).await.unwrap()
    };
    let names = |listed: Vec<codeflow_engine::ListedVersion>| -> Vec<VersionId> {
        listed.into_iter().map(|one| one.version).collect()
    };
    let ours = Tenant::default();

    let all = listed(&ours, None, 9).await;
    assert_eq!(all.iter().map(|one| one.is_latest).collect::<Vec<_>>(), [false, false, true]);
    let found = subject.store.find_version(&kept[0]).await.unwrap().unwrap();
    assert_eq!(all[0].created_at, found.created_at);
    assert_eq!(names(all), kept);
    assert_eq!(names(listed(&ours, None, 2).await), kept[..2]);
    assert_eq!(names(listed(&ours, Some(&kept[1]), 2).await), kept[2..]);
    assert!(listed(&ours, Some(&other), 9).await.is_empty(), "it is no version of this workflow");
    assert_eq!(listed(&theirs, None, 9).await.len(), 1);
    assert!(listed(&"nobody".parse().unwrap(), None, 9).await.is_empty());
}
