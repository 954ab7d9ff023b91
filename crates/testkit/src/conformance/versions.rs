//! Workflow versions.

use codeflow_core::Tenant;
use codeflow_core::workflow::VersionId;
use codeflow_engine::{ErrorKind, ExecutionFilter, NewExecution, NewVersion, Started};

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

    let latest = subject
        .store
        .latest_version(&Tenant::default(), &workflow_name("review"))
        .await
        .unwrap()
        .expect("kept");
    let nothing = subject.store.latest_version(&Tenant::default(), &workflow_name("nothing")).await.unwrap();

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

    let latest = subject.store.latest_version(&Tenant::default(), &workflow_name("review")).await.unwrap();
    assert_eq!(latest, before);
}

/// Two tenants may have a workflow of one name; neither sees the other's.
pub async fn tenants_have_names_of_their_own(subject: &Subject) {
    let theirs: Tenant = "acme".parse().unwrap();
    let first = subject.workflow("review").await;
    let version = VersionId::from_hash("c".repeat(64));
    let new = NewVersion { tenant: theirs.clone(), ..subject.version("review", &version) };
    subject.store.put_version(new).await.unwrap();
    subject.workflow("other").await;

    let latest = async |tenant: &Tenant| {
        let found = subject.store.latest_version(tenant, &workflow_name("review")).await.unwrap().unwrap();
        (found.tenant, found.name, found.version)
    };
    let listed = async |tenant: &Tenant, after: Option<&str>, limit| {
        let after = after.map(workflow_name);
        let found = subject.store.list_workflows(tenant, after.as_ref(), limit).await.unwrap();
        found.into_iter().map(|found| found.name.as_str().to_owned()).collect::<Vec<_>>()
    };

    assert_eq!(latest(&Tenant::default()).await, (Tenant::default(), workflow_name("review"), first));
    assert_eq!(latest(&theirs).await, (theirs.clone(), workflow_name("review"), version));
    assert_eq!(listed(&theirs, None, 9).await, ["review"]);
    assert_eq!(listed(&Tenant::default(), None, 9).await, ["other", "review"]);
    assert_eq!(listed(&Tenant::default(), None, 1).await, ["other"]);
    assert_eq!(listed(&Tenant::default(), Some("other"), 9).await, ["review"]);
    assert!(listed(&"nobody".parse().unwrap(), None, 9).await.is_empty());
}

/// An execution is its workflow's tenant's, and so is what is unique about it.
pub async fn an_execution_belongs_to_a_tenant(subject: &Subject) {
    let theirs: Tenant = "acme".parse().unwrap();
    let first = subject.workflow("review").await;
    let version = VersionId::from_hash("d".repeat(64));
    let new = NewVersion { tenant: theirs.clone(), ..subject.version("review", &version) };
    subject.store.put_version(new).await.unwrap();
    let key = Some("push 1".to_owned());
    let ours = NewExecution { idempotency_key: key.clone(), ..subject.execution(&first, vec![]) };
    let other = subject.execution(&version, vec![]);
    let other = NewExecution { tenant: theirs.clone(), idempotency_key: key, ..other };
    let stranger = subject.execution(&version, vec![]);

    let started = [subject.store.start(ours.clone()).await, subject.store.start(other.clone()).await];
    let refused = subject.store.start(stranger).await.unwrap_err();

    assert!(
        started.into_iter().all(|started| started.unwrap() == Started::Created),
        "keys are a tenant's own"
    );
    assert_eq!(refused.kind(), ErrorKind::NotFound, "a version is found by its own tenant alone");
    let listed = async |tenant: Option<Tenant>, name: Option<&str>| {
        let filter = ExecutionFilter { tenant, workflow: name.map(workflow_name), ..Default::default() };
        let records = subject.store.list(filter, 9).await.unwrap();
        records.into_iter().map(|record| (record.tenant, record.id)).collect::<Vec<_>>()
    };
    let (mine, its) = ((Tenant::default(), ours.id), (theirs.clone(), other.id));
    assert_eq!(listed(Some(theirs.clone()), None).await, std::slice::from_ref(&its));
    assert_eq!(listed(Some(theirs), Some("review")).await, std::slice::from_ref(&its));
    assert_eq!(listed(Some(Tenant::default()), None).await, std::slice::from_ref(&mine));
    assert_eq!(listed(None, None).await, [its, mine]);
}
