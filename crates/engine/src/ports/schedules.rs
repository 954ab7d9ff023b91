//! The port to schedules: what is due, which slot was decided about, and what became of it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_core::schedule::{Overlap, Schedule, Turn};
use codeflow_core::workflow::{VersionId, WorkflowName};
use codeflow_core::{ExecutionId, ScheduleId, Timestamp};

use crate::Error;

/// A schedule of a workflow's latest version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchedule {
    /// What names it.
    pub id: ScheduleId,
    /// What it says.
    pub schedule: Schedule,
}

/// A schedule as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRecord {
    /// What names it.
    pub id: ScheduleId,
    /// The workflow that it starts.
    pub workflow: WorkflowName,
    /// The version that it starts.
    pub version: VersionId,
    /// What it says.
    pub schedule: Schedule,
    /// Whether it fires; a paused one does not.
    pub enabled: bool,
    /// The earliest slot that nobody has decided about.
    pub next_at: Option<Timestamp>,
    /// The last slot that was decided about.
    pub last: Option<(Timestamp, SlotOutcome)>,
}

/// What became of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SlotOutcome {
    /// It is about to be started.
    Pending,
    /// An execution was started for it.
    Started,
    /// An execution of an earlier slot was not over.
    Skipped,
    /// It went by, and was not to be caught up with.
    Missed,
    /// It could not be started, and trying again would not help.
    Failed,
}

impl SlotOutcome {
    const ALL: [Self; 5] = [Self::Pending, Self::Started, Self::Skipped, Self::Missed, Self::Failed];

    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for SlotOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text is not the outcome of a slot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the outcome of a slot")]
pub struct InvalidSlotOutcome(String);

impl FromStr for SlotOutcome {
    type Err = InvalidSlotOutcome;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|outcome| outcome.as_str() == text);
        found.ok_or_else(|| InvalidSlotOutcome(text.chars().take(64).collect()))
    }
}

/// The schedules whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueSchedules {
    /// What storage's clock shows.
    pub now: Timestamp,
    /// Those that are due, the longest overdue first.
    pub schedules: Vec<ScheduleRecord>,
    /// How long until the next one is due.
    pub next: Option<Duration>,
}

/// A decision about a schedule that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The schedule.
    pub id: ScheduleId,
    /// The slot that it must still be waiting for.
    pub expected: Timestamp,
    /// The slot that is fired, and the one that it waits for afterwards.
    pub turn: Turn,
}

/// What became of a [`Firing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fired {
    /// Somebody else decided before, or the schedule was paused, changed or removed. Nothing was written.
    Lost,
    /// The decision stands, and this became of the slot.
    Decided(SlotOutcome),
}

/// A slot for which an execution is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingSlot {
    /// The schedule.
    pub schedule: ScheduleId,
    /// The slot.
    pub slot: Timestamp,
    /// The version to start.
    pub version: VersionId,
    /// How the schedule treats executions of earlier slots.
    pub overlap: Overlap,
}

/// Keeps schedules. A workflow's are replaced together with its latest version, by
/// [`put_version`](crate::WorkflowStore::put_version). Storage's clock decides what is due.
#[async_trait]
pub trait ScheduleStore: Send + Sync {
    /// Up to `limit` schedules that are due.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn due_schedules(&self, limit: u32) -> Result<DueSchedules, Error>;

    /// Decides about a slot, once: of several firings that expect the same slot one stands. With the
    /// decision to start, the slot is pending; nothing but [`settle_slot`](Self::settle_slot) ends that. A
    /// schedule that skips what overlaps takes a pending slot for an execution that is not over.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn fire(&self, firing: Firing) -> Result<Fired, Error>;

    /// Up to `limit` pending slots, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn pending_slots(&self, limit: u32) -> Result<Vec<PendingSlot>, Error>;

    /// Ends a pending slot: an execution was started for it, or none can be. A slot that is not pending is
    /// left alone.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn settle_slot(
        &self,
        schedule: ScheduleId,
        slot: Timestamp,
        execution: Option<ExecutionId>,
    ) -> Result<(), Error>;

    /// The executions of slots before `before` that are not over, oldest first.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn unfinished_before(
        &self,
        schedule: ScheduleId,
        before: Timestamp,
    ) -> Result<Vec<ExecutionId>, Error>;

    /// Lists schedules after `after` by their names, those of one workflow or all.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable).
    async fn list_schedules(
        &self,
        workflow: Option<&WorkflowName>,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<ScheduleRecord>, Error>;

    /// Pauses a schedule, or lets it fire again: from the next slot on, and without catching up with those
    /// that went by meanwhile.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound).
    async fn enable_schedule(&self, id: ScheduleId, enabled: bool) -> Result<(), Error>;
}
