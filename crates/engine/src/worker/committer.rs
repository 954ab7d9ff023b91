//! Group commit: results of many executions go into one write, as soon as the write before is done.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use codeflow_core::execution::{Fact, StepError};
use codeflow_core::{ActionError, ActionOutcome, ExecutionId, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::{Boot, MAX_COMMIT};
use crate::cache::{Shared, lock};
use crate::live::Given;
use crate::plan::{Happening, Plan};
use crate::ports::{Advance, Flushed, Task};
use crate::{Error, ErrorKind, Event};

/// The pause before storage is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// What became of a claimed task. Cheap to clone: a lost race makes it count again.
#[derive(Clone, Debug)]
pub(super) enum Report {
    Ended { task: Task, began: Timestamp, verdict: Verdict },
    Due(Task),
    Held(Task),
    Called { task: Task, child: ExecutionId },
    Inbox(Task),
}

/// How an attempt ended.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Done(Arc<Value>),
    Skipped(StepError),
    Failed(ActionError),
}

impl From<Result<ActionOutcome, ActionError>> for Verdict {
    fn from(outcome: Result<ActionOutcome, ActionError>) -> Self {
        match outcome {
            Ok(ActionOutcome::Done(outputs)) => Self::Done(Arc::new(outputs)),
            Ok(ActionOutcome::Skipped(reason)) => Self::Skipped(reason),
            Err(error) => Self::Failed(error),
        }
    }
}

impl Report {
    fn task(&self) -> &Task {
        match self {
            Self::Ended { task, .. } | Self::Called { task, .. } => task,
            Self::Due(task) | Self::Held(task) | Self::Inbox(task) => task,
        }
    }
}

/// The reports of a batch that are not durable yet, by execution.
type Pending = HashMap<ExecutionId, Vec<Report>>;

impl Boot {
    /// Commits what comes until every sender is gone or told to end.
    pub(super) async fn commit_all(self: Arc<Self>, mut queue: mpsc::Receiver<Report>) {
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                () = self.abandon.cancelled() => return,
                taken = queue.recv_many(&mut batch, MAX_COMMIT) => if taken == 0 { return },
            }
            let mut pending = Pending::new();
            for report in batch.drain(..) {
                pending.entry(report.task().execution).or_default().push(report);
            }
            self.commit(pending).await;
        }
    }

    /// Tries until everything is durable or the lease is lost. Who lost a race tries again on fresh state;
    /// what was refused as a whole, because it is too much at once, is tried in smaller parts.
    async fn commit(&self, mut pending: Pending) {
        let mut stale = HashSet::new();
        let mut most = MAX_COMMIT;
        while !pending.is_empty() && !self.lost.is_cancelled() {
            let planned = self.plan(&mut pending, &stale, most).await;
            let (lives, advances): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
            let flushed = self.engine.parts.store.flush(self.session, advances.clone()).await;
            match flushed {
                Ok(answers) => {
                    most = most.saturating_mul(2);
                    for ((live, advance), answer) in lives.iter().zip(advances).zip(answers) {
                        match answer {
                            Flushed::Committed => {
                                stale.remove(&advance.execution);
                                let reports = pending.remove(&advance.execution).unwrap_or_default();
                                self.committed(live, advance, &reports);
                            }
                            Flushed::Conflict => {
                                stale.insert(advance.execution);
                            }
                        }
                    }
                }
                Err(error) if error.kind() == ErrorKind::LeaseLost => self.lose(),
                Err(error) => {
                    tracing::warn!(error = %error, "could not commit results; trying again");
                    stale.extend(pending.keys().copied());
                    most = (lives.len() / 2).max(1);
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Plans the moves of at most so many executions. One that cannot be loaded does not hold up the others.
    async fn plan(
        &self,
        pending: &mut Pending,
        stale: &HashSet<ExecutionId>,
        most: usize,
    ) -> Vec<(Shared, Advance)> {
        let mut planned = Vec::with_capacity(pending.len());
        let mut hopeless = Vec::new();
        for (id, reports) in pending.iter() {
            if planned.len() >= most {
                break;
            }
            match self.plan_one(*id, reports, stale.contains(id)).await {
                Ok(plan) => planned.push(plan),
                Err(error) if error.kind() == ErrorKind::Unavailable => {
                    tracing::warn!(execution.id = %id, error = %error, "could not load an execution; trying again");
                }
                Err(error) => {
                    tracing::error!(execution.id = %id, error = %error, "results cannot be kept by this worker");
                    hopeless.push(*id);
                }
            }
        }
        for id in hopeless {
            let reports = pending.remove(&id).unwrap_or_default();
            self.flight.remove(reports.iter().map(|report| report.task().id));
        }
        if planned.is_empty() && !pending.is_empty() {
            sleep(PAUSE).await;
        }
        planned
    }

    async fn plan_one(
        &self,
        id: ExecutionId,
        reports: &[Report],
        stale: bool,
    ) -> Result<(Shared, Advance), Error> {
        // Messages and times may settle what others run, so they are weighed on what storage says now.
        let fresh = stale || reports.iter().any(|report| !matches!(report, Report::Ended { .. }));
        let mut live = if fresh { self.executions.load(id).await? } else { self.executions.get(id).await? };
        let unknown = |live: &Shared| reports.iter().any(|one| !lock(live).open.contains_key(&one.task().id));
        if !fresh && unknown(&live) {
            live = self.executions.load(id).await?;
        }
        // Read anew at each try: another worker may have read them in between.
        let mut messages = match reports.iter().any(|report| matches!(report, Report::Inbox(_))) {
            true => self.engine.parts.store.inbox(id).await?,
            false => Vec::new(),
        };
        let mut happenings = Vec::with_capacity(reports.len());
        for report in reports {
            happenings.push(match report.clone() {
                Report::Ended { task, began, verdict } => Happening::Ended { task, began, verdict },
                Report::Due(task) => Happening::Due(task),
                Report::Called { task, child } => Happening::Called { task, child },
                Report::Held(task) => Happening::Held(task),
                Report::Inbox(task) => Happening::Read(task, std::mem::take(&mut messages)),
            });
        }
        let parts = &self.engine.parts;
        let given = Given { ids: parts.ids.as_ref(), now: parts.clock.now() };
        let advance = Plan::new(&mut lock(&live), given).take(happenings);
        Ok((live, advance))
    }

    fn committed(&self, live: &Shared, advance: Advance, reports: &[Report]) {
        lock(live).record.seq = advance.expected_seq + 1;
        self.flight.remove(reports.iter().map(|report| report.task().id));
        if advance.stopping {
            self.flight.stop(advance.execution);
        }
        if !self.flight.holds(advance.execution) && advance.tasks.iter().all(|task| task.after.is_some()) {
            self.executions.forget(advance.execution);
        }
        self.engine.wake.notify_one();
        self.tell(advance);
    }

    fn tell(&self, advance: Advance) {
        let observer = &self.engine.parts.observer;
        let execution = advance.execution;
        for line in advance.logs {
            observer.notice(Event::Logged { execution, path: line.path, message: line.message });
        }
        for fact in advance.facts {
            match fact {
                Fact::Settled(settled) => observer.notice(Event::Settled { execution, settled }),
                Fact::Waiting { step, .. } => observer.notice(Event::Waiting { execution, step }),
                Fact::Called { path, child, .. } => {
                    observer.notice(Event::Called { execution, path, child });
                }
                Fact::Expanded { .. }
                | Fact::Signalled { .. }
                | Fact::Decided { .. }
                | Fact::Cancelled { .. }
                | Fact::DeadlinePassed
                | Fact::Restarted { .. }
                | Fact::Paused { .. }
                | Fact::Resumed { .. }
                | Fact::Held { .. }
                | Fact::CalledBy(_)
                | Fact::Compensating
                | Fact::Compensated(_) => {}
            }
        }
        if advance.status.is_final() {
            observer.notice(Event::Ended { execution, status: advance.status });
        }
    }
}
