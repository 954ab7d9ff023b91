//! Fires schedules: decides about slots whose time has come, and starts what was decided. Both can be
//! broken off anywhere and done again by anybody.

use std::collections::HashSet;
use std::time::Duration;

use codeflow_core::schedule::Overlap;
use codeflow_core::workflow::WorkflowName;
use codeflow_core::{ExecutionId, ScheduleId, Timestamp};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::ports::{Fired, Firing, PendingSlot, ScheduleRecord};
use crate::{Engine, Error, ErrorKind, StartRequest};

/// How many schedules, and how many slots, are looked at in one pass.
const BATCH: u32 = 100;

/// Who cancels what a schedule replaces.
const SELF: &str = "schedule";

/// Starts executions when their time has come, beside any number of others that do the same.
pub struct Scheduler {
    engine: Engine,
    poll: Duration,
}

/// What a pass has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Something was decided, so that more may be due.
    Busy,
    /// Nothing is left to do for so long, as far as storage knows.
    Idle(Option<Duration>),
}

impl Pass {
    /// How long there is nothing to do.
    fn wait(self) -> Duration {
        match self {
            Self::Busy => Duration::ZERO,
            Self::Idle(next) => next.unwrap_or(Duration::MAX),
        }
    }
}

impl Engine {
    /// A scheduler that looks at least every `poll` whether something is due.
    pub fn scheduler(&self, poll: Duration) -> Scheduler {
        Scheduler { engine: self.clone(), poll }
    }

    /// Lists schedules after `after` by their names, those of one workflow or all.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable).
    pub async fn schedules(
        &self,
        workflow: Option<&WorkflowName>,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<ScheduleRecord>, Error> {
        self.parts.store.list_schedules(workflow, after, limit).await
    }

    /// Pauses a schedule. Executions that it started go on.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound).
    pub async fn pause_schedule(&self, id: ScheduleId) -> Result<(), Error> {
        self.parts.store.enable_schedule(id, false).await
    }

    /// Lets a schedule fire again, from its next slot on.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound).
    pub async fn resume_schedule(&self, id: ScheduleId) -> Result<(), Error> {
        self.parts.store.enable_schedule(id, true).await
    }
}

impl Scheduler {
    /// Fires what is due until `stop` is cancelled. Storage that is away is waited for.
    pub async fn run(&self, stop: CancellationToken) {
        let mut complained = false;
        loop {
            let passed = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                passed = self.pass() => passed,
            };
            let wait = match passed {
                Ok(pass) => {
                    complained = false;
                    pass.wait().min(self.poll)
                }
                Err(error) => {
                    if !std::mem::replace(&mut complained, true) {
                        tracing::warn!(error = %error, "could not fire schedules; trying again");
                    }
                    self.poll
                }
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = sleep(wait) => {}
            }
        }
    }

    /// Does once what [`run`](Self::run) does again and again: decides about each schedule that is due, one
    /// slot of each, and starts what is pending.
    ///
    /// # Errors
    /// The first one; what came after it was tried all the same.
    pub async fn pass(&self) -> Result<Pass, Error> {
        let decided = self.decide().await;
        let carried_out = self.carry_out().await;
        let (pass, ()) = (decided?, carried_out?);
        Ok(pass)
    }

    async fn decide(&self) -> Result<Pass, Error> {
        let store = &self.engine.parts.store;
        let due = store.due_schedules(BATCH).await?;
        let (mut pass, mut failed) = (Pass::Idle(due.next), None);
        for record in due.schedules {
            let Some(expected) = record.next_at else { continue };
            let turn = record.schedule.turn(expected, due.now);
            match store.fire(Firing { id: record.id, expected, turn }).await {
                Ok(Fired::Lost) => {}
                Ok(Fired::Decided(outcome)) => {
                    let slot = turn.slot.unwrap_or(expected);
                    tracing::debug!(schedule.id = %record.id, %slot, %outcome, "decided about a slot");
                    pass = Pass::Busy;
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(pass), Err)
    }

    /// Starts what is pending. When a slot has to wait, the later ones of its schedule wait behind it.
    async fn carry_out(&self) -> Result<(), Error> {
        let (mut waiting, mut failed) = (HashSet::new(), None);
        for pending in self.engine.parts.store.pending_slots(BATCH).await? {
            if waiting.contains(&pending.schedule) {
                continue;
            }
            if let Err(error) = self.start(&pending).await {
                waiting.insert(pending.schedule);
                failed = failed.or(Some(error));
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn start(&self, pending: &PendingSlot) -> Result<(), Error> {
        let PendingSlot { schedule, slot, version, overlap } = pending;
        match overlap {
            Overlap::Allow | Overlap::Skip => {}
            Overlap::Replace => self.cancel_before(*schedule, *slot).await?,
        }
        let request = StartRequest {
            version: version.clone(),
            inputs: serde_json::Map::new(),
            // Whoever starts this slot, however often, finds the same execution.
            idempotency_key: Some(format!("schedule:{schedule}:{slot}")),
        };
        let execution = match self.engine.start(request).await {
            Ok((id, _)) => Some(id),
            Err(error) if may_pass(error.kind()) => return Err(error),
            Err(error) => {
                tracing::error!(schedule.id = %schedule, %slot, error = %error, "could not start a slot");
                None
            }
        };
        if let Some(id) = execution {
            tracing::info!(schedule.id = %schedule, %slot, execution.id = %id, "schedule fired");
        }
        self.engine.parts.store.settle_slot(*schedule, *slot, execution).await
    }

    async fn cancel_before(&self, schedule: ScheduleId, slot: Timestamp) -> Result<(), Error> {
        for id in self.engine.parts.store.unfinished_before(schedule, slot).await? {
            self.cancel(id, slot).await?;
        }
        Ok(())
    }

    async fn cancel(&self, id: ExecutionId, slot: Timestamp) -> Result<(), Error> {
        let reason = format!("replaced by the execution of {slot}");
        match self.engine.cancel(id, SELF, Some(reason)).await {
            // It ended by itself.
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::NotFound) => Ok(()),
            cancelled => cancelled,
        }
    }
}

/// Whether trying again may help.
fn may_pass(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::Unavailable | ErrorKind::LeaseLost | ErrorKind::Locked => true,
        ErrorKind::NotFound
        | ErrorKind::Conflict
        | ErrorKind::Forbidden
        | ErrorKind::InvalidInput
        | ErrorKind::Corrupt
        | ErrorKind::Internal => false,
    }
}
