//! The beginning of executions: inputs checked, first moves planned, everything written in one commit.

use std::sync::{Arc, Mutex};

use codeflow_core::ExecutionId;
use codeflow_core::execution::{Caller, ExecutionStatus, Fact, State};
use codeflow_core::workflow::{VersionId, Workflow};
use serde_json::{Map, Value};

use crate::live::{Given, Live};
use crate::plan::{DEFAULT_LANE, Plan};
use crate::ports::{ExecutionRecord, FIRST_SEQ, NewExecution, Slot, Snapshot, Started};
use crate::slots::slot;
use crate::worker::Taker;
use crate::{Engine, Error, ErrorKind, inputs};

/// How long an idempotency key may be.
const MAX_KEY_BYTES: usize = 255;

/// How many executions are started in one call.
const MAX_STARTS: usize = 10_000;

/// An execution to start.
#[derive(Clone, Debug)]
pub struct StartRequest {
    /// The version to run; it was [registered](Engine::register).
    pub version: VersionId,
    /// Its inputs; defaults are filled in.
    pub inputs: Map<String, Value>,
    /// A second start with the same key, of at most 255 bytes, finds the first.
    pub idempotency_key: Option<String>,
}

/// What an execution begins with.
pub(crate) struct Begun {
    pub(crate) id: ExecutionId,
    pub(crate) inputs: Arc<Value>,
    pub(crate) key: Option<String>,
    pub(crate) caller: Option<Caller>,
    pub(crate) slot: Option<Slot>,
}

impl Engine {
    /// Starts an execution. When this returns, it survives anything.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) for an unknown version, [`InvalidInput`](ErrorKind::InvalidInput)
    /// with every problem at once.
    pub async fn start(&self, request: StartRequest) -> Result<(ExecutionId, Started), Error> {
        let started = self.start_all(vec![request]).await?;
        let first = started.into_iter().next();
        first.ok_or_else(|| Error::new(ErrorKind::Internal, "a start without an answer"))
    }

    /// Starts up to 10,000 executions in one commit: all of them or, after an error, none. The answers are in
    /// the order of the requests.
    ///
    /// # Errors
    /// Those of [`start`](Self::start), and [`InvalidInput`](ErrorKind::InvalidInput) for too many at once.
    pub async fn start_all(&self, requests: Vec<StartRequest>) -> Result<Vec<(ExecutionId, Started)>, Error> {
        if requests.len() > MAX_STARTS {
            let text = format!("{} executions cannot be started at once; {MAX_STARTS} can", requests.len());
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let mut prepared = Vec::with_capacity(requests.len());
        for request in requests {
            prepared.push(self.prepare(request).await?);
        }
        self.begin_all(prepared).await
    }

    /// Starts one execution.
    pub(crate) async fn begin(
        &self,
        workflow: &Arc<Workflow>,
        begun: Begun,
    ) -> Result<(ExecutionId, Started), Error> {
        let started = self.begin_all(vec![self.first_moves(workflow, begun)]).await?;
        let first = started.into_iter().next();
        first.ok_or_else(|| Error::new(ErrorKind::Internal, "a start without an answer"))
    }

    async fn begin_all(
        &self,
        prepared: Vec<(NewExecution, Live)>,
    ) -> Result<Vec<(ExecutionId, Started)>, Error> {
        let (mut executions, lives): (Vec<_>, Vec<_>) = prepared.into_iter().unzip();
        let (started, taker) = self.write(&mut executions).await?;
        let mut answers = Vec::with_capacity(executions.len());
        let mut due = false;
        for ((execution, live), started) in executions.into_iter().zip(lives).zip(started) {
            due |= execution.tasks.iter().any(|task| task.taken.is_none());
            let id = match (started, &taker) {
                (Started::Existing(other) | Started::Skipped(other), _) => other,
                (Started::Created, None) => execution.id,
                (Started::Created, Some(taker)) => {
                    taker.begin(execution.id, Arc::new(Mutex::new(live)), &execution.tasks).await;
                    execution.id
                }
            };
            answers.push((id, started));
        }
        if let Some(taker) = taker {
            taker.done();
        }
        if due {
            self.work_is_due(DEFAULT_LANE);
        }
        Ok(answers)
    }

    async fn prepare(&self, request: StartRequest) -> Result<(NewExecution, Live), Error> {
        if request.idempotency_key.as_ref().is_some_and(|key| key.len() > MAX_KEY_BYTES) {
            let text = format!("the idempotency key has more than {MAX_KEY_BYTES} bytes");
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let workflow = self.workflows.get(&request.version).await?;
        let inputs = Arc::new(inputs::check(&workflow, request.inputs)?);
        let id = ExecutionId::generate(self.parts.ids.as_ref());
        let slot = slot(&workflow, &inputs)?;
        let begun = Begun { id, inputs, key: request.idempotency_key, caller: None, slot };
        Ok(self.first_moves(&workflow, begun))
    }

    /// Writes the beginnings. A worker of this process that has room takes their tasks with them.
    async fn write(&self, executions: &mut [NewExecution]) -> Result<(Vec<Started>, Option<Taker>), Error> {
        let store = &self.parts.store;
        if let Some(taker) = self.workers.take(executions) {
            match store.start_all(executions.to_vec(), Some(taker.session())).await {
                Ok(started) => return Ok((started, Some(taker))),
                Err(error) if error.kind() == ErrorKind::LeaseLost => {}
                Err(error) => return Err(error),
            }
        }
        executions.iter_mut().flat_map(|one| &mut one.tasks).for_each(|task| task.taken = None);
        Ok((store.start_all(executions.to_vec(), None).await?, None))
    }

    fn first_moves(&self, workflow: &Arc<Workflow>, begun: Begun) -> (NewExecution, Live) {
        let Begun { id, inputs, key: idempotency_key, caller, slot } = begun;
        let called: Vec<_> = caller.map(Fact::CalledBy).into_iter().collect();
        let now = self.parts.clock.now();
        let record = ExecutionRecord {
            id,
            tenant: workflow.tenant.clone(),
            workflow: workflow.name.clone(),
            version: workflow.version.clone(),
            status: ExecutionStatus::Queued,
            generation: State::default().generation(),
            seq: 0,
            inputs: Arc::clone(&inputs),
            outputs: None,
            error: None,
            created_at: now,
            started_at: None,
            finished_at: None,
        };
        let facts = called.iter().map(|fact| (record.generation, fact.clone())).collect();
        let snapshot = Snapshot { record, facts, tasks: Vec::new() };
        let mut live = Live::new(Arc::clone(workflow), snapshot);
        let advance = Plan::new(&mut live, Given { ids: self.parts.ids.as_ref(), now }).begin();
        let status = match advance.status {
            // It is due, and nobody has picked it up.
            ExecutionStatus::Running => ExecutionStatus::Queued,
            other => other,
        };
        live.record.seq = FIRST_SEQ;
        let execution = NewExecution {
            id,
            tenant: workflow.tenant.clone(),
            workflow: workflow.name.clone(),
            version: workflow.version.clone(),
            inputs,
            idempotency_key,
            status,
            slot: slot.filter(|_| advance.ending.is_none()),
            ending: advance.ending,
            facts: called.into_iter().chain(advance.facts).collect(),
            tasks: advance.tasks,
        };
        (execution, live)
    }
}
