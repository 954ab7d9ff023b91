//! A storage under test, with what the cases need to fill it and to let time pass.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::{ExecutionStatus, Fact, Settled, StepPath, StepStatus};
use codeflow_core::workflow::{StepName, VersionId, WorkflowName};
use codeflow_core::{
    ActionCall, ActionCatalog, ActionError, ActionErrorKind, ActionOutcome, BatchId, ExecutionId, Ids,
    MessageId, NoActions, SessionId, TaskId, Tenant, Timestamp, WorkflowId,
};
use codeflow_engine::{
    ActionRunner, Advance, Claim, Claimed, Engine, Error, ErrorKind, Flushed, NewExecution, NewTask,
    NewVersion, Parts, Renewal, Session, Silent, Snapshot, StepSummary, Store, Work,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{ManualClock, SequentialIds};

/// The lease of a session that is not meant to end within a test.
const LONG: Duration = Duration::from_secs(600);
/// How long something that must happen may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to wait before looking again.
const GAP: Duration = Duration::from_millis(5);

/// A storage under test.
pub struct Subject {
    /// The storage.
    pub store: Arc<dyn Store>,
    clock: Option<Arc<ManualClock>>,
    ids: SequentialIds,
    company: bool,
    _kept: Box<dyn Any + Send + Sync>,
}

impl Subject {
    /// A storage, the clock it shows (or none, if it has one of its own), and what must live as long.
    pub fn new(store: Arc<dyn Store>, clock: Option<Arc<ManualClock>>, kept: impl Any + Send + Sync) -> Self {
        Self { store, clock, ids: SequentialIds::new(), company: false, _kept: Box::new(kept) }
    }

    /// The same, where each move is written together with that of an execution which does not exist: a storage
    /// may write one alone in another way.
    #[must_use]
    pub fn in_company(self) -> Self {
        Self { company: true, ..self }
    }

    /// Asks again and again until there is an answer, while time passes.
    ///
    /// # Panics
    /// When there is none for too long.
    pub async fn until<T>(&self, what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            assert!(waited < PATIENCE, "{what} did not happen within {PATIENCE:?}");
            waited += GAP;
            match &self.clock {
                Some(clock) => clock.advance(GAP),
                None => tokio::time::sleep(GAP).await,
            }
        }
    }

    /// An engine on this storage that has no actions.
    pub fn engine(&self) -> Engine {
        Engine::new(Parts {
            store: Arc::clone(&self.store),
            actions: Arc::new(Nothing),
            clock: Arc::new(ManualClock::default()),
            ids: Arc::new(SequentialIds::new()),
            observer: Arc::new(Silent),
        })
    }

    /// A fresh id of any kind.
    pub fn id<T>(&self, make: impl FnOnce(&dyn Ids) -> T) -> T {
        make(&self.ids)
    }

    /// Keeps a version of the workflow `name`.
    pub async fn workflow(&self, name: &str) -> VersionId {
        let version = VersionId::from_hash(format!("{name}-{:032x}", self.ids.next().as_u128()));
        self.store.put_version(self.version(name, &version)).await.unwrap();
        version
    }

    /// A version of the workflow `name`, to be kept.
    pub fn version(&self, name: &str, version: &VersionId) -> NewVersion {
        NewVersion {
            workflow_id: self.id(WorkflowId::generate),
            tenant: Tenant::default(),
            name: workflow_name(name),
            version: version.clone(),
            document: format!("name: {name}\n"),
            steps: vec![
                StepSummary { name: "diff".to_owned(), uses: "git/diff".to_owned() },
                StepSummary { name: "gate".to_owned(), uses: "core/policy".to_owned() },
            ],
            triggers: vec![("manual".to_owned(), json!({ "note": "zero \u{0} ü" }))],
            schedules: Vec::new(),
        }
    }

    /// An execution of the workflow `review` with these tasks, to be started.
    pub fn execution(&self, version: &VersionId, tasks: Vec<NewTask>) -> NewExecution {
        NewExecution {
            id: self.id(ExecutionId::generate),
            tenant: Tenant::default(),
            workflow: workflow_name("review"),
            version: version.clone(),
            inputs: Arc::new(json!({ "range": "HEAD" })),
            idempotency_key: None,
            status: ExecutionStatus::Queued,
            slot: None,
            ending: None,
            facts: Vec::new(),
            tasks,
        }
    }

    /// Starts an execution with `count` tasks that are due at once, and returns their ids.
    pub async fn started(&self, count: usize) -> (ExecutionId, Vec<TaskId>) {
        let version = self.workflow("review").await;
        let tasks: Vec<NewTask> = (0..count).map(|n| self.task(&format!("step{n}"))).collect();
        let ids = tasks.iter().map(|task| task.id).collect();
        let new = self.execution(&version, tasks);
        let id = new.id;
        self.store.start(new).await.unwrap();
        (id, ids)
    }

    /// The first attempt of a step, due at once.
    pub fn task(&self, step: &str) -> NewTask {
        NewTask {
            id: self.id(TaskId::generate),
            work: Work::Attempt(StepPath::step(step_name(step))),
            attempt: 1,
            lane: "default".to_owned(),
            priority: 0,
            fair: 0,
            after: None,
            taken: None,
        }
    }

    /// A session whose lease is long.
    pub async fn session(&self) -> Session {
        self.store.open_session(self.id(SessionId::generate), LONG).await.unwrap()
    }

    /// Lets the lease of a session end.
    pub async fn expire(&self, session: Session) {
        self.until("the end of a lease", async || {
            let renewed = self.renew(session, Duration::from_millis(1), &[]).await;
            renewed.is_err_and(|error| error.kind() == ErrorKind::LeaseLost).then_some(())
        })
        .await;
    }

    /// Extends a lease, and asks which of `working` are to be stopped.
    ///
    /// # Errors
    /// When the lease has ended.
    pub async fn renew(
        &self,
        session: Session,
        ttl: Duration,
        working: &[ExecutionId],
    ) -> Result<Vec<ExecutionId>, Error> {
        let renewal = Renewal { ttl, working: working.to_vec(), ..Renewal::default() };
        self.store.renew(session, renewal).await
    }

    /// A claim of the usual lane.
    pub fn wanted(&self, limit: u32) -> Claim {
        let lanes = vec!["default".to_owned()];
        Claim { batch: self.id(BatchId::generate), lanes, limit, suspect: false }
    }

    /// Claims up to `limit` tasks.
    pub async fn claim(&self, session: Session, limit: u32) -> Claimed {
        self.store.claim(session, self.wanted(limit)).await.unwrap()
    }

    /// Claims a task that must run alone.
    pub async fn claim_suspect(&self, session: Session) -> Claimed {
        let claim = Claim { suspect: true, ..self.wanted(10) };
        self.store.claim(session, claim).await.unwrap()
    }

    /// Loads an execution that must exist.
    pub async fn read(&self, id: ExecutionId) -> Snapshot {
        self.store.read(id, None).await.unwrap().expect("the execution exists")
    }

    /// Writes one move.
    pub async fn flush(&self, session: Session, advance: Advance) -> Flushed {
        self.try_flush(session, advance).await.unwrap()
    }

    /// The same, where it may be refused.
    ///
    /// # Errors
    /// Those of [`flush`](codeflow_engine::Journal::flush).
    pub async fn try_flush(&self, session: Session, advance: Advance) -> Result<Flushed, Error> {
        let company = self.company.then(|| self::advance(self.id(ExecutionId::generate), 1, Vec::new()));
        let moves = [advance].into_iter().chain(company).collect();
        Ok(self.store.flush(session, moves).await?[0])
    }

    /// A message that signals `event`.
    pub fn message_id(&self) -> MessageId {
        self.id(MessageId::generate)
    }
}

/// Runs nothing.
struct Nothing;

#[async_trait]
impl ActionRunner for Nothing {
    fn catalog(&self) -> &dyn ActionCatalog {
        &NoActions
    }

    async fn run(&self, call: ActionCall, _stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        Err(ActionError::new(ActionErrorKind::Internal, format!("there is no action `{}`", call.uses)))
    }
}

/// A move that records `facts` and nothing else.
pub(super) fn advance(execution: ExecutionId, expected_seq: i64, facts: Vec<Fact>) -> Advance {
    Advance {
        execution,
        expected_seq,
        generation: 0,
        status: ExecutionStatus::Running,
        stopping: false,
        ending: None,
        facts,
        began: None,
        done: Vec::new(),
        dropped: Vec::new(),
        tasks: Vec::new(),
        slot: None,
        read: Vec::new(),
        logs: Vec::new(),
    }
}

/// The fact that a step gave these outputs.
pub(super) fn settled(step: &str, outputs: Value) -> Fact {
    Fact::Settled(Settled {
        path: StepPath::step(step_name(step)),
        status: StepStatus::Succeeded,
        outputs: Some(Arc::new(outputs)),
        error: None,
        attempt: 1,
        began: Some(Timestamp::from_micros(1_767_225_600_123_456)),
        ended: Timestamp::from_micros(1_767_225_601_654_321),
    })
}

pub(super) fn step_name(text: &str) -> StepName {
    text.parse().expect("a test's step has a good name")
}

pub(super) fn workflow_name(text: &str) -> WorkflowName {
    text.parse().expect("a test's workflow has a good name")
}
