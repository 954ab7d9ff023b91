//! Jobs: durable calls of one action outside any workflow, for work whose result nobody waits for.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::StepPath;
use codeflow_core::workflow::{Limits, StepName};
use codeflow_core::{
    ActionCall, ActionError, ActionErrorKind, ActionName, Backoff, JobId, RetryPolicy, TaskId, Tenant,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::plan::DEFAULT_LANE;
use crate::ports::{Enqueued, NewJob, NewTask, Task, Work, fair_key};
use crate::{Engine, Error, ErrorKind};

/// How many jobs are put in with one call.
const MAX_JOBS: usize = 10_000;

/// How long a key may be.
const MAX_KEY_BYTES: usize = 255;

/// How long the call of a job may be as JSON.
const MAX_CALL_BYTES: usize = 64 * 1024;

/// A job to put into the queue. It is done at least once; an action that changes something outside can tell a
/// repeated attempt by the job's id, which it sees as the execution's.
#[derive(Clone, Debug)]
pub struct JobRequest {
    /// The action.
    pub uses: ActionName,
    /// Its inputs; 64 KiB as JSON at most.
    pub inputs: Map<String, Value>,
    /// When a failed attempt is tried again. A job that is given up goes to the dead letters.
    pub retry: RetryPolicy,
    /// How long one attempt may take; 24 hours at most.
    pub timeout: Duration,
    /// The queue it waits in.
    pub lane: String,
    /// Higher goes first.
    pub priority: i16,
    /// How long until it is due; `None` is at once.
    pub after: Option<Duration>,
    /// A second job with the same key, of at most 255 bytes, finds the first.
    pub key: Option<String>,
}

impl JobRequest {
    /// A job that is due at once in the usual queue, with an hour for an attempt, and no second one.
    pub fn new(uses: ActionName, inputs: Map<String, Value>) -> Self {
        Self {
            uses,
            inputs,
            retry: RetryPolicy::default(),
            timeout: Duration::from_secs(3600),
            lane: DEFAULT_LANE.to_owned(),
            priority: 0,
            after: None,
            key: None,
        }
    }
}

/// What storage keeps of a job.
#[derive(Serialize, Deserialize)]
struct Call {
    uses: ActionName,
    #[serde(default, rename = "with", skip_serializing_if = "Map::is_empty")]
    inputs: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<Retry>,
    timeout_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct Retry {
    attempts: u32,
    backoff: Backoff,
    initial_ms: u64,
    cap_ms: u64,
    on: Vec<ActionErrorKind>,
}

impl From<&RetryPolicy> for Retry {
    fn from(policy: &RetryPolicy) -> Self {
        Self {
            attempts: policy.attempts,
            backoff: policy.backoff,
            initial_ms: millis(policy.initial),
            cap_ms: millis(policy.cap),
            on: policy.on.clone(),
        }
    }
}

impl From<Retry> for RetryPolicy {
    fn from(retry: Retry) -> Self {
        Self {
            attempts: retry.attempts,
            backoff: retry.backoff,
            initial: Duration::from_millis(retry.initial_ms),
            cap: Duration::from_millis(retry.cap_ms),
            on: retry.on,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Engine {
    /// Puts up to 10,000 jobs into the queue in one commit: all of them or, after an error, none. The answers are
    /// in the order of the requests.
    ///
    /// # Errors
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an unknown action, a key or a call that is too long, a timeout
    /// out of bounds, or too many at once.
    pub async fn enqueue(&self, requests: Vec<JobRequest>) -> Result<Vec<(JobId, Enqueued)>, Error> {
        if requests.len() > MAX_JOBS {
            let text = format!("{} jobs cannot be put in at once; {MAX_JOBS} can", requests.len());
            return Err(Error::new(ErrorKind::InvalidInput, text));
        }
        let jobs = requests.into_iter().map(|request| self.job(request)).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let due = jobs.iter().filter(|job| job.task.after.is_none());
        let lanes: BTreeSet<String> = due.map(|job| job.task.lane.clone()).collect();
        let enqueued = self.parts.store.enqueue(jobs).await?;
        self.wake.notify_one();
        lanes.iter().for_each(|lane| self.wakeups.ring(lane));
        let id = |(id, enqueued): (JobId, Enqueued)| match enqueued {
            Enqueued::Created => (id, enqueued),
            Enqueued::Existing(earlier) => (earlier, enqueued),
        };
        Ok(ids.into_iter().zip(enqueued).map(id).collect())
    }

    fn job(&self, request: JobRequest) -> Result<NewJob, Error> {
        let invalid = |text: String| Err(Error::new(ErrorKind::InvalidInput, text));
        let JobRequest { uses, inputs, retry, timeout, lane, priority, after, key } = request;
        if self.parts.actions.catalog().find(&uses).is_none() {
            return invalid(format!("there is no action `{uses}`"));
        }
        if key.as_ref().is_some_and(|key| key.len() > MAX_KEY_BYTES) {
            return invalid(format!("the key of a job has more than {MAX_KEY_BYTES} bytes"));
        }
        if timeout.is_zero() || timeout > Limits::TIMEOUT || retry.attempts > Limits::ATTEMPTS {
            return invalid(format!("the timeout or the attempts of a job of `{uses}` are out of bounds"));
        }
        let fair = fair_key(uses.as_str());
        let retry = (retry != RetryPolicy::default()).then(|| Retry::from(&retry));
        let call = Call { uses, inputs, retry, timeout_ms: millis(timeout) };
        let text = serde_json::to_string(&call).map_err(|source| {
            Error::with_source(ErrorKind::InvalidInput, "a job cannot be written as JSON", source)
        })?;
        if text.len() > MAX_CALL_BYTES {
            return invalid(format!("the call of a job has more than {MAX_CALL_BYTES} bytes"));
        }
        let id = JobId::generate(self.parts.ids.as_ref());
        let task = NewTask {
            id: TaskId::from_uuid(id.uuid()),
            work: Work::Job(Arc::from(text)),
            attempt: 1,
            lane,
            priority,
            fair,
            after,
            taken: None,
        };
        Ok(NewJob { id, key, task })
    }

    /// Removes a job from the dead letters for good.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when it is not among them, or is the task of an execution.
    pub async fn discard(&self, task: TaskId) -> Result<(), Error> {
        self.parts.store.discard(task).await
    }
}

/// The job that a task is an attempt of.
pub(crate) fn job_of(task: &Task) -> JobId {
    JobId::from_uuid(task.execution.uuid())
}

/// The call that an attempt of a job makes, and what happens when it fails.
pub(crate) fn call(task: &Task, text: &str) -> Result<(ActionCall, RetryPolicy), ActionError> {
    let unreadable = |_| ActionError::new(ActionErrorKind::Internal, "the job cannot be read");
    let call: Call = serde_json::from_str(text).map_err(unreadable)?;
    let step: Result<StepName, _> = "job".parse();
    let step = step.map_err(|_| ActionError::new(ActionErrorKind::Internal, "a job has no name"))?;
    let retry = call.retry.map_or_else(RetryPolicy::default, RetryPolicy::from);
    let call = ActionCall {
        tenant: Tenant::default(),
        execution: task.execution,
        path: StepPath::step(step),
        attempt: task.attempt,
        uses: call.uses,
        inputs: call.inputs,
        upstream: Vec::new(),
        timeout: Duration::from_millis(call.timeout_ms),
        budget: None,
    };
    Ok((call, retry))
}
