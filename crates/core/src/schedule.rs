//! When schedules fire: cron expressions in a time zone, what happens when the clock changes, and what is
//! made up for after a standstill. Who asks says what time it is.
//!
//! A *slot* is a moment at which a schedule fires. An expression that names some hours of the day says what
//! the clock on the wall shows:
//!
//! - a time that does not exist on a day fires at the first moment after the gap, and all that fall into one
//!   gap fire once, together;
//! - a time that comes twice fires once, when it comes first.
//!
//! An expression that names all 24 hours says how much time passes between slots:
//!
//! - an hour that comes twice has its slots in both passes;
//! - in an hour that is left out nothing fires, and nothing is made up for.
//!
//! ```
//! use codeflow_core::schedule::Schedule;
//!
//! let nightly = Schedule::new("30 2 * * *".parse()?, "Europe/Berlin".parse()?);
//! let slot = nightly.next("2026-03-28T12:00:00Z".parse()?).expect("it fires every day");
//! assert_eq!(slot.to_string(), "2026-03-29T01:00:00.000Z", "3:00 on the wall: 2:30 was left out");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod catch_up;
mod cron;
mod slots;
mod timezone;

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::workflow::WorkflowName;
use crate::{ScheduleId, Tenant, Timestamp};

pub use catch_up::{CatchUp, InvalidCatchUp, Turn};
pub use cron::{Cron, InvalidCron};
pub use timezone::{InvalidTimezone, Timezone};

/// When something is started by itself, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The times.
    pub cron: Cron,
    /// Whose clock shows them.
    pub timezone: Timezone,
    /// What becomes of slots at which nobody could fire it.
    pub catch_up: CatchUp,
    /// What becomes of a slot while an execution of an earlier one is not over.
    pub overlap: Overlap,
}

/// What becomes of a slot while an execution of an earlier slot of the same schedule is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Both go on side by side.
    Allow,
    /// The slot passes without an execution.
    #[default]
    Skip,
    /// The earlier one is cancelled.
    Replace,
}

impl Overlap {
    /// How it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Skip => "skip",
            Self::Replace => "replace",
        }
    }
}

/// A text is not a way to treat overlaps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of `allow`, `skip` and `replace`")]
pub struct InvalidOverlap(String);

impl FromStr for Overlap {
    type Err = InvalidOverlap;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Allow, Self::Skip, Self::Replace]
            .into_iter()
            .find(|overlap| overlap.as_str() == text)
            .ok_or_else(|| InvalidOverlap(text.chars().take(64).collect()))
    }
}

impl fmt::Display for Overlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Schedule {
    /// A schedule that makes up for nothing and skips what overlaps.
    pub fn new(cron: Cron, timezone: Timezone) -> Self {
        Self { cron, timezone, catch_up: CatchUp::default(), overlap: Overlap::default() }
    }

    /// The first slot after `after`. There are none before 1900 and after 4900.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        slots::next(&self.cron, self.timezone, after)
    }

    /// The slots after `after`, in order.
    pub fn upcoming(&self, after: Timestamp) -> impl Iterator<Item = Timestamp> + '_ {
        std::iter::successors(self.next(after), |slot| self.next(*slot))
    }

    /// What there is to do at `now` when `first` is the earliest slot that nobody has decided about.
    pub fn turn(&self, first: Timestamp, now: Timestamp) -> Turn {
        catch_up::turn(self, first, now)
    }

    /// What names it. A change of what the clock says makes another schedule; a change of how slots are
    /// treated does not.
    pub fn id(&self, tenant: &Tenant, workflow: &WorkflowName) -> ScheduleId {
        let workflow = tenant.scoped(workflow.as_str());
        let text = format!("{workflow}\0{}\0{}", self.cron, self.timezone);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
        ScheduleId::from_uuid(Uuid::from_bytes(bytes))
    }
}
