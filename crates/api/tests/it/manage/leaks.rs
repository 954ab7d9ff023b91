//! What goes wrong inside stays inside: markers in the errors of every port, looked for in every answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_api::{Control, Executions, NewRerun, NewStart, PutError, Sight, Workflows};
use codeflow_auth::{Authenticate, Principal};
use codeflow_core::workflow::{StepName, VersionId, Workflow, WorkflowName};
use codeflow_core::{ExecutionId, Tenant};
use codeflow_engine::{
    Error, ErrorKind, ExecutionFilter, ExecutionRecord, FactPlace, ListedVersion, LogLine, Recorded,
    Snapshot, StoredVersion,
};

use super::house::{House, Plan, stuck};
use super::script::{Operation, operations};
use crate::live::Answered;

const MARKER: &str = "MARKER-postgres://root@db-7.internal/select-from-users";
/// What the memory of identities says when it is away.
const AWAY: &str = "the memory of this test";

const ENGINE: [ErrorKind; 9] = [
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::Forbidden,
    ErrorKind::InvalidInput,
    ErrorKind::LeaseLost,
    ErrorKind::Locked,
    ErrorKind::Unavailable,
    ErrorKind::Corrupt,
    ErrorKind::Internal,
];

/// Fails in every way, one after the other; or breaks a promise.
#[derive(Default)]
pub(super) struct Broken {
    pub(super) next: AtomicUsize,
    pub(super) panics: AtomicBool,
    hangs: AtomicBool,
}

impl Broken {
    fn fail<T>(&self) -> Result<T, Error> {
        assert!(!self.panics.load(Ordering::SeqCst), "{MARKER}");
        let kind = ENGINE[self.next.load(Ordering::SeqCst) % ENGINE.len()];
        let is_told = matches!(
            kind,
            ErrorKind::NotFound | ErrorKind::Conflict | ErrorKind::Forbidden | ErrorKind::InvalidInput
        );
        let context = if is_told { "this is for the caller" } else { MARKER };
        Err(Error::with_source(kind, context, MARKER))
    }
}

#[async_trait]
impl Workflows for Broken {
    async fn put(&self, _: &Tenant, _: &str) -> Result<StoredVersion, PutError> {
        self.fail().map_err(PutError::Engine)
    }

    async fn check(&self, _: &Tenant, _: &str) -> Result<Workflow, PutError> {
        self.fail().map_err(PutError::Engine)
    }

    async fn outline(&self, _: &Tenant, _: &WorkflowName) -> Result<Arc<Workflow>, Error> {
        self.fail()
    }

    async fn list(&self, _: &Tenant, _: Option<&WorkflowName>, _: u32) -> Result<Vec<StoredVersion>, Error> {
        self.fail()
    }

    async fn get(&self, _: &Tenant, _: &WorkflowName) -> Result<StoredVersion, Error> {
        self.fail()
    }

    async fn versions(
        &self,
        _: &Tenant,
        _: &WorkflowName,
        _: (Option<&VersionId>, u32),
    ) -> Result<Vec<ListedVersion>, Error> {
        self.fail()
    }

    async fn version(&self, _: &Tenant, _: &WorkflowName, _: &VersionId) -> Result<StoredVersion, Error> {
        self.fail()
    }
}

#[async_trait]
impl Executions for Broken {
    async fn start(&self, _: &Tenant, _: NewStart) -> Result<(ExecutionRecord, bool), Error> {
        self.fail()
    }

    async fn list(&self, _: &Tenant, _: ExecutionFilter, _: u32) -> Result<Vec<ExecutionRecord>, Error> {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.fail()
    }

    async fn get(&self, _: &Tenant, _: ExecutionId) -> Result<Snapshot, Error> {
        self.fail()
    }

    async fn steps(&self, _: &Tenant, _: ExecutionId, _: Option<&StepName>) -> Result<Sight, Error> {
        self.fail()
    }

    async fn facts(
        &self,
        _: &Tenant,
        _: ExecutionId,
        _: (Option<FactPlace>, u32),
    ) -> Result<Vec<Recorded>, Error> {
        self.fail()
    }

    async fn rerun(&self, _: &Tenant, _: ExecutionId, _: NewRerun) -> Result<(ExecutionRecord, bool), Error> {
        self.fail()
    }

    async fn logs(&self, _: &Tenant, _: ExecutionId, _: u32, _: u32) -> Result<Vec<LogLine>, Error> {
        self.fail()
    }

    async fn control(&self, _: &Tenant, _: ExecutionId, _: &str, _: Control) -> Result<(), Error> {
        self.fail()
    }
}

/// Refuses everybody in every way, one after the other.
#[derive(Default)]
struct Doubter(AtomicUsize);

#[async_trait]
impl Authenticate for Doubter {
    async fn authenticate(&self, _: &str) -> Result<Arc<Principal>, codeflow_auth::Error> {
        let all = codeflow_auth::ErrorKind::ALL;
        let kind = all[self.0.load(Ordering::SeqCst) % all.len()];
        let is_told =
            !matches!(kind, codeflow_auth::ErrorKind::Unavailable | codeflow_auth::ErrorKind::Internal);
        let context = if is_told { "this is for the caller" } else { MARKER };
        Err(codeflow_auth::Error::with_source(kind, context, MARKER))
    }
}

fn check(operation: &Operation, answered: &Answered) {
    let about = format!("{}: {answered:?}", operation.name());
    for text in [MARKER, "MARKER", AWAY, "SECRET"] {
        assert!(!answered.body.contains(text) && !answered.head.contains(text), "{about}");
    }
    assert!(operation.documents(answered.status), "{about}");
}

#[tokio::test]
async fn no_word_of_a_failing_engine_gets_out() {
    let mut plan = Plan::new().await;
    let broken = Arc::new(Broken::default());
    plan.manage.workflows = Some(Arc::clone(&broken) as _);
    plan.manage.executions = Some(Arc::clone(&broken) as _);
    let house = plan.build().await;
    let all = operations(&house.document().await);
    let reached = |one: &&Operation| {
        let paths = ["/executions", "/workflows", "/workflow-checks"];
        paths.iter().any(|path| one.path.contains(path))
    };

    for (turn, kind) in ENGINE.iter().enumerate() {
        broken.next.store(turn, Ordering::SeqCst);
        for operation in all.iter().filter(reached) {
            let answered = house.call("operator", operation).await;
            assert_eq!(answered.code(), kind.code(), "{}", operation.name());
            let about = answered.body.clone();
            assert!(!about.contains("MARKER") && !answered.head.contains("MARKER"), "{about}");
            assert!(answered.status >= 400);
        }
    }
}

#[tokio::test]
async fn a_route_that_panics_is_answered_like_any_fault_and_the_next_one_is_served() {
    let mut plan = Plan::new().await;
    let broken = Arc::new(Broken::default());
    broken.panics.store(true, Ordering::SeqCst);
    plan.manage.executions = Some(Arc::clone(&broken) as _);
    let house = plan.build().await;

    let panicked = house.ask("user", "GET /api/v1/executions", None).await;
    let next = house.ask("user", "GET /api/v1/me", None).await;

    assert_eq!((panicked.status, panicked.code(), next.status), (500, "api.internal", 200));
    assert!(!panicked.body.contains("MARKER"));
    assert_eq!(panicked.json()["message"], "something went wrong inside the server");
}

#[tokio::test]
async fn no_word_of_a_failing_authentication_gets_out() {
    let mut plan = Plan::new().await;
    let doubter = Arc::new(Doubter::default());
    plan.manage.authenticate = Arc::clone(&doubter) as _;
    let house = plan.build().await;
    let all = operations(&house.document().await);
    let guarded: Vec<_> = all.iter().filter(|one| one.permission().is_some()).collect();

    for (turn, kind) in codeflow_auth::ErrorKind::ALL.iter().enumerate() {
        doubter.0.store(turn, Ordering::SeqCst);
        let operation = guarded[turn % guarded.len()];
        let answered = house.call("operator", operation).await;
        assert_eq!(answered.code(), kind.code(), "{}", operation.name());
        assert!(!answered.body.contains("MARKER") && !answered.head.contains("MARKER"), "{answered:?}");
        let model = house.live.ask("GET /v1/models", &["x-api-key: of-nobody"], "").await;
        assert!(model.status >= 400 && !model.body.contains("MARKER"), "{model:?}");
    }
}

#[tokio::test]
async fn no_word_of_storage_that_is_away_gets_out() {
    let house = House::new().await;
    // Who they are is remembered from the call before.
    assert_eq!(house.ask("operator", "GET /api/v1/me", None).await.status, 200);
    house.people.set_away(true);
    house.live.storage.is_away.store(true, Ordering::SeqCst);

    for operation in operations(&house.document().await) {
        let answered = house.call("operator", &operation).await;
        check(&operation, &answered);
        if answered.status == 503 {
            let code = answered.code();
            assert!(
                ["auth.unavailable", "api.storage_unavailable", "api.not_here"].contains(&code),
                "{code}"
            );
        }
    }
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let mut plan = Plan::new().await;
    let broken = Arc::new(Broken::default());
    broken.hangs.store(true, Ordering::SeqCst);
    plan.manage.executions = Some(Arc::clone(&broken) as _);
    plan.manage.settings.deadline = Duration::from_millis(20);
    let house = plan.build().await;

    let late = house.ask("viewer", "GET /api/v1/executions", None).await;
    let next = house.ask("viewer", "GET /api/v1/me", None).await;

    assert_eq!((late.status, late.code(), next.status), (503, "api.overdue", 200));
}

#[tokio::test]
async fn no_word_of_limits_that_cannot_be_kept_gets_out() {
    use codeflow_ratelimit::ErrorKind::{Corrupt, Unavailable};

    for (kind, status) in [(Unavailable, 503), (Corrupt, 500)] {
        let mut plan = Plan::new().await;
        plan.manage.limits = Some(stuck(kind, MARKER));
        let house = plan.build().await;
        let body = serde_json::json!({ "version": 0, "rules": null });

        let failed = house.ask("operator", "PUT /api/v1/limits", Some(&body)).await;

        assert_eq!((failed.status, failed.code()), (status, kind.code()));
        assert!(!failed.body.contains("MARKER") && !failed.head.contains("MARKER"), "{failed:?}");
    }
}
