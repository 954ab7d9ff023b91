//! What is made up for when slots went by and nobody could fire them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Schedule;
use crate::Timestamp;

/// A slot that is no later than this is on time: nobody looks at the clock without a pause.
const ON_TIME: Duration = Duration::from_secs(60);

/// How many slots are made up for when nothing else is said.
const DEFAULT_LIMIT: u32 = 100;

/// What becomes of slots at which nobody could fire the schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CatchUp {
    /// They are lost. A slot that is less than a minute late is no such slot.
    #[default]
    None,
    /// The latest of them fires, however late.
    Latest,
    /// The latest `limit` of them fire, the oldest first.
    All {
        /// How many.
        limit: u32,
    },
}

impl CatchUp {
    /// The most slots that are made up for.
    pub const MOST: u32 = 1_000;
    /// All of them, up to the usual limit.
    pub const ALL: Self = Self::All { limit: DEFAULT_LIMIT };
}

/// A text says nothing about catching up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of `none`, `latest` and `all:LIMIT`")]
pub struct InvalidCatchUp(String);

impl FromStr for CatchUp {
    type Err = InvalidCatchUp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidCatchUp(text.chars().take(64).collect());
        match text {
            "none" => Ok(Self::None),
            "latest" => Ok(Self::Latest),
            "all" => Ok(Self::ALL),
            _ => {
                let limit = text.strip_prefix("all:").and_then(|limit| limit.parse().ok());
                let limit = limit.filter(|limit| (1..=Self::MOST).contains(limit)).ok_or_else(invalid)?;
                Ok(Self::All { limit })
            }
        }
    }
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Latest => f.write_str("latest"),
            Self::All { limit } => write!(f, "all:{limit}"),
        }
    }
}

/// What there is to do for a schedule whose time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The slot to fire; none when what went by is lost.
    pub slot: Option<Timestamp>,
    /// The earliest slot to decide about afterwards. It may have gone by, too.
    pub next: Option<Timestamp>,
}

pub(super) fn turn(schedule: &Schedule, first: Timestamp, now: Timestamp) -> Turn {
    let latest = || last_slot(schedule, first, now);
    let (decided, slot) = match schedule.catch_up {
        CatchUp::None => {
            let latest = latest();
            (latest, Some(latest).filter(|slot| now.since(*slot) <= ON_TIME))
        }
        CatchUp::Latest => {
            let latest = latest();
            (latest, Some(latest))
        }
        CatchUp::All { limit } => {
            let oldest = oldest_of_last(schedule, limit, first, now);
            (oldest, Some(oldest))
        }
    };
    Turn { slot, next: schedule.next(decided) }
}

/// The latest slot that is no later than `now`, of those from `first` on; there is at least `first`.
///
/// Halving the time finds it, however many there are: the next slot after a moment has come by `now` for
/// the moments before the one looked for, and has not for the others.
fn last_slot(schedule: &Schedule, first: Timestamp, now: Timestamp) -> Timestamp {
    let seconds = |at: Timestamp| at.micros().div_euclid(1_000_000);
    let next = |second: i64| {
        let after = Timestamp::from_micros(second.saturating_mul(1_000_000));
        schedule.next(after).filter(|slot| *slot <= now)
    };
    let (mut latest, mut low, mut high) = (first, seconds(first) - 1, seconds(now));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match next(middle) {
            Some(slot) => (latest, low) = (slot.max(latest), middle.max(seconds(slot) - 1)),
            None => high = middle,
        }
    }
    next(low).map_or(latest, |slot| slot.max(latest))
}

/// The oldest of the last `limit` slots from `first` until `now`.
fn oldest_of_last(schedule: &Schedule, limit: u32, first: Timestamp, now: Timestamp) -> Timestamp {
    let limit = limit as usize;
    let others = schedule.upcoming(first).take(limit).take_while(|slot| *slot <= now);
    if others.count() < limit {
        return first;
    }
    let before = |slot: Timestamp| Timestamp::from_micros(slot.micros().saturating_sub(1_000_000));
    let last = last_slot(schedule, first, now);
    (1..limit).fold(last, |slot, _| last_slot(schedule, first, before(slot)))
}
