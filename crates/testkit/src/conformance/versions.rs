//! Workflow versions.

use codeflow_core::workflow::VersionId;

use super::Subject;
use super::subject::workflow_name;

/// What was kept is found, and what was not is not.
pub async fn a_version_is_found_as_it_was_kept(subject: &Subject) {
    let version = VersionId::from_hash("a".repeat(64));
    let mut new = subject.version("review", &version);
    new.document = "name: review # ü \u{1f980}\n".to_owned();
    subject.store.put_version(new.clone()).await.unwrap();

    let found = subject.store.find_version(&version).await.unwrap().expect("it was kept");
    let unknown = subject.store.find_version(&VersionId::from_hash("b".repeat(64))).await.unwrap();

    assert_eq!((found.name, found.version, found.document), (new.name, new.version, new.document));
    assert_eq!(found.workflow_id, new.workflow_id);
    assert_eq!(unknown, None);
}

/// A workflow has one latest version: the one that was kept last.
pub async fn the_version_kept_last_is_the_latest(subject: &Subject) {
    let first = subject.workflow("review").await;
    let second = subject.workflow("review").await;
    subject.workflow("other").await;

    let latest = subject.store.latest_version(&workflow_name("review")).await.unwrap().expect("kept");
    let nothing = subject.store.latest_version(&workflow_name("nothing")).await.unwrap();

    let old = subject.store.find_version(&first).await.unwrap().expect("kept");
    assert_eq!(latest.version, second);
    assert_eq!(latest.workflow_id, old.workflow_id, "both are versions of one workflow");
    assert_eq!(nothing, None);
}

/// Content names a version, so an equal one is the same one.
pub async fn an_equal_version_changes_nothing_but_the_latest(subject: &Subject) {
    let first = subject.workflow("review").await;
    let before = subject.store.find_version(&first).await.unwrap();
    subject.workflow("review").await;

    subject.store.put_version(subject.version("review", &first)).await.unwrap();

    let latest = subject.store.latest_version(&workflow_name("review")).await.unwrap();
    assert_eq!(latest, before);
}
