//! The action of simulated steps and jobs: takes a while, fails as often as its inputs say, and watches that nobody
//! runs it when it must not run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::execution::{ExecutionStatus, State, StepStatus};
use codeflow_core::{
    ActionCall, ActionCatalog, ActionError, ActionErrorKind, ActionName, ActionOutcome, ActionSpec, SessionId,
};
use codeflow_engine::{ActionRunner, Journal, WorkerVitals};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::LEASE;
use super::chronicle::{Attempt, Chronicle};
use crate::MemoryStore;

/// An action that was told to stop is dropped after this time.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A cancel reaches work within this time.
const REACH: Duration = Duration::from_millis(1_000);

/// The actions of one node.
pub(super) struct SimActions {
    only: ActionSpec,
    node: usize,
    concurrency: usize,
    store: MemoryStore,
    chronicle: Arc<Chronicle>,
    vitals: Mutex<Option<WorkerVitals>>,
}

/// An attempt under way, until it ends or is dropped.
struct Underway {
    chronicle: Arc<Chronicle>,
    node: usize,
    session: SessionId,
    attempt: Attempt,
}

impl Drop for Underway {
    fn drop(&mut self) {
        let (execution, generation, path, number) = &self.attempt;
        self.chronicle.ends(self.session);
        self.chronicle.tell(format_args!("n{} ends {execution} {path} #{number}", self.node));
        let since = self.chronicle.cancelled_for(*execution, *generation).unwrap_or_default();
        // A node that storage does not answer has lost its lease after that time, and drops everything.
        let calm = self.chronicle.calm(self.node, since + REACH);
        let reach = if calm { REACH } else { LEASE + REACH };
        if since > reach + STOP_GRACE {
            let since = since.as_millis();
            self.chronicle.wrong(format_args!("{path} of {execution} ran for {since} ms after the cancel"));
        }
    }
}

impl SimActions {
    pub(super) fn new(
        node: usize,
        concurrency: usize,
        store: MemoryStore,
        chronicle: Arc<Chronicle>,
    ) -> Self {
        let only = ActionSpec {
            name: "sim/do".parse().expect("it is the name of an action"),
            summary: "Does what a seed says.",
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            permissions: Vec::new(),
            trusted: true,
        };
        Self { only, node, concurrency, store, chronicle, vitals: Mutex::default() }
    }

    pub(super) fn watch(&self, vitals: WorkerVitals) {
        *self.vitals.lock().unwrap_or_else(PoisonError::into_inner) = Some(vitals);
    }

    fn session(&self) -> Option<SessionId> {
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.session()
    }

    /// Notes that an attempt begins, and what is wrong about it.
    async fn begin(&self, call: &ActionCall) -> Option<Underway> {
        let (execution, path, number) = (call.execution, &call.path, call.attempt);
        let session = self.session()?;
        let snapshot = self.store.read(execution, None).await.ok()?;
        let generation = snapshot.as_ref().map_or(0, |snapshot| snapshot.record.generation);
        self.chronicle.tell(format_args!("n{} begins {execution} {path} #{number}", self.node));
        let attempt = (execution, generation, path.clone(), number);
        let (before, running) = self.chronicle.begins(attempt.clone(), session);
        if running > self.concurrency {
            self.chronicle.wrong(format_args!("{running} attempts run at once in one session"));
        }
        if let Some(before) = before.filter(|before| self.store.may_write(*before)) {
            let text = if before == session { "the same session" } else { "a session that lives" };
            self.chronicle.wrong(format_args!("{path} of {execution} #{number} was begun before by {text}"));
        }
        if let Some(snapshot) = snapshot {
            let state = State::replay(&snapshot.facts);
            let settled = state.step(&path.step).and_then(|step| match path.iteration {
                None => step.settled.as_ref(),
                Some(iteration) => step.iterations.get(&iteration),
            });
            let done = settled.is_some_and(|one| one.status != StepStatus::Cancelled);
            // A session that is over may not have heard of it.
            if done && snapshot.record.status != ExecutionStatus::Cancelled && self.store.may_write(session) {
                self.chronicle
                    .wrong(format_args!("{path} of {execution} began after its result was committed"));
            }
        }
        Some(Underway { chronicle: Arc::clone(&self.chronicle), node: self.node, session, attempt })
    }
}

impl ActionCatalog for SimActions {
    fn find(&self, name: &ActionName) -> Option<&ActionSpec> {
        (*name == self.only.name).then_some(&self.only)
    }

    fn names(&self) -> Vec<ActionName> {
        vec![self.only.name.clone()]
    }
}

#[async_trait]
impl ActionRunner for SimActions {
    fn catalog(&self) -> &dyn ActionCatalog {
        self
    }

    async fn run(&self, call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        let underway = self.begin(&call).await;
        let number = |name: &str| call.inputs.get(name).and_then(Value::as_u64).unwrap_or_default();
        let works = sleep(Duration::from_millis(number("ms")));
        let deaf = number("deaf") == 1;
        let stopped = tokio::select! {
            biased;
            () = stop.cancelled(), if !deaf => true,
            () = works => false,
        };
        drop(underway);
        if stopped {
            return Err(ActionError::new(ActionErrorKind::Cancelled, "told to stop"));
        }
        if u64::from(call.attempt) <= number("fails") {
            return Err(ActionError::new(ActionErrorKind::Unavailable, "the seed says so"));
        }
        Ok(ActionOutcome::Done(json!({})))
    }
}
