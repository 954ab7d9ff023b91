//! Group commit: results of many executions go into one write, as soon as the write before is done.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use codeflow_core::execution::{Fact, StepError};
use codeflow_core::{ActionError, ActionOutcome, ExecutionId, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::claims::Taken;
use super::{Boot, MAX_COMMIT, taken};
use crate::cache::{Shared, lock};
use crate::live::Given;
use crate::plan::{Happening, Plan};
use crate::ports::{Advance, Flushed, SlotMove, Task};
use crate::steady::Map;
use crate::{Error, ErrorKind, Event};

/// The pause before storage is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// How long an execution may take its own next tasks while others wait in the queue.
const TURN: Duration = Duration::from_secs(1);

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
type Pending = Map<ExecutionId, Vec<Report>>;

impl Boot {
    /// The committer that plans and writes the moves of an execution.
    pub(super) fn committer_of(&self, execution: ExecutionId) -> &mpsc::Sender<Report> {
        let last = usize::from(execution.uuid().as_bytes()[15]);
        &self.reports[last % self.reports.len()]
    }

    /// Waits until one of the committers has ended.
    pub(super) async fn a_committer_is_gone(&self) {
        let closed = self.reports.iter().map(|reports| Box::pin(reports.closed()));
        futures_util::future::select_all(closed).await;
    }

    /// Commits what comes until every sender is gone or told to end.
    pub(super) async fn commit_all(self: Arc<Self>, mut queue: mpsc::Receiver<Report>) {
        let _alive = self.vitals.committing(self.session.id);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                biased;
                () = self.abandon.cancelled() => return,
                taken = queue.recv_many(&mut batch, MAX_COMMIT) => if taken == 0 { return },
            }
            let mut pending = Pending::default();
            for report in batch.drain(..) {
                pending.entry(report.task().execution).or_default().push(report);
            }
            self.commit(pending).await;
        }
    }

    /// Tries until everything is durable or the lease is lost. Who lost a race tries again on fresh state;
    /// what was refused as a whole, because it is too much at once, is tried in smaller parts.
    async fn commit(self: &Arc<Self>, mut pending: Pending) {
        let mut stale = HashSet::new();
        let mut most = MAX_COMMIT;
        while !pending.is_empty() && !self.lost.is_cancelled() {
            let planned = self.plan(&mut pending, &stale, most).await;
            let (lives, mut advances): (Vec<_>, Vec<_>) = planned.into_iter().unzip();
            self.take(&mut advances);
            let flushed = self.engine.parts.store.flush(self.session, advances.clone()).await;
            match flushed {
                Ok(answers) => {
                    most = most.saturating_mul(2);
                    let mut direct = Vec::new();
                    for ((live, advance), answer) in lives.iter().zip(advances).zip(answers) {
                        match answer {
                            Flushed::Committed => {
                                stale.remove(&advance.execution);
                                let reports = pending.remove(&advance.execution).unwrap_or_default();
                                direct.extend(self.committed(live, advance, &reports));
                            }
                            Flushed::Conflict => {
                                stale.insert(advance.execution);
                            }
                        }
                    }
                    self.begin(direct).await;
                    self.room.notify_one();
                }
                Err(error) if error.kind() == ErrorKind::LeaseLost => self.lose(),
                Err(error) => {
                    tracing::warn!(error = %error, "could not commit results; trying again");
                    self.doubt(&advances);
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
            self.executions.forget(id);
            self.flight.give_up(reports.iter().map(|report| report.task().id));
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
        let mut advance = Plan::new(&mut lock(&live), given).take(happenings);
        advance.began = Some(self.flight.busy_for(id));
        Ok((live, advance))
    }

    /// Decides which due tasks this worker takes at once, without the way through the queue: as many as there
    /// are reports done with, and as there are free slots.
    fn take(&self, advances: &mut [Advance]) {
        if self.stopping.is_cancelled() || self.alone.load(Ordering::SeqCst) {
            return;
        }
        let batch = self.batch_id();
        let free = self.settings.concurrency.saturating_sub(self.flight.len());
        let mut room = free + advances.iter().map(|advance| advance.done.len()).sum::<usize>();
        // Whoever has had its turn waits behind the others, if there are others.
        let crowded = self.busy.load(Ordering::SeqCst);
        for advance in advances {
            if crowded && self.flight.busy_for(advance.execution) > TURN {
                continue;
            }
            let due = advance.tasks.iter_mut().filter(|task| task.after.is_none());
            for task in due.filter(|task| self.settings.lanes.contains(&task.lane)).take(room) {
                task.taken = Some(batch);
                room -= 1;
            }
        }
    }

    /// Nobody knows whether these moves were written. If they were, this session holds what they took.
    fn doubt(&self, advances: &[Advance]) {
        let batch = advances.iter().flat_map(|advance| &advance.tasks).find_map(|task| task.taken);
        lock(&self.doubtful).extend(batch.map(|batch| (batch, Instant::now())));
    }

    /// What follows from a move that is durable; hands out the tasks that were taken with it.
    fn committed(&self, live: &Shared, advance: Advance, reports: &[Report]) -> Vec<Taken> {
        lock(live).record.seq = advance.expected_seq + 1;
        // What was taken counts as held before what is done with does not: the execution stays in hand.
        let taken = advance.tasks.iter().filter_map(|new| taken(advance.execution, advance.generation, new));
        let taken: Vec<Taken> = taken.filter_map(|task| self.hold(task)).collect();
        self.flight.remove(reports.iter().map(|report| report.task().id));
        self.flight.told([advance.execution]);
        if advance.stopping {
            self.flight.stop(advance.execution);
        }
        if !self.flight.holds(advance.execution) {
            self.executions.forget(advance.execution);
        }
        if matches!(advance.slot, Some(SlotMove::Release)) {
            self.freed.store(true, Ordering::SeqCst);
        }
        if let Some(after) = advance.tasks.iter().filter_map(|task| task.after).min() {
            self.due_in(after);
        }
        if advance.tasks.iter().any(|task| task.after.is_none() && task.taken.is_none()) {
            self.engine.wake.notify_one();
        }
        self.tell_others(&advance);
        self.tell(advance);
        taken
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
