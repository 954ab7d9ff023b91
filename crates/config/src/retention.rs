//! How long what has ended is kept. What removes it is the engine.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::checks::Checks;
use crate::values::Amount;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Nobody means more than a hundred years.
const MOST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// What stands for no end.
const FOREVER: &str = "forever";
/// The most rows that one statement looks at.
const MAX_PIECE: usize = 500;

/// How long what has ended is kept. Where there is no time, it is kept for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Whether anything is removed.
    pub enabled: bool,
    /// Executions that succeeded.
    pub succeeded: Option<Duration>,
    /// Executions that failed, or ran out of time.
    pub failed: Option<Duration>,
    /// Executions that were cancelled.
    pub cancelled: Option<Duration>,
    /// Idempotency keys of starts.
    pub keys: Option<Duration>,
    /// Keys of jobs.
    pub job_keys: Option<Duration>,
    /// Sessions that ended.
    pub sessions: Option<Duration>,
    /// Slots of schedules.
    pub slots: Option<Duration>,
    /// The folder into which executions are written before they are removed.
    pub archive: Option<PathBuf>,
    /// How long from one round to the next.
    pub every: Duration,
    /// How many executions are removed at once.
    pub piece: u32,
    /// The pause after each piece.
    pub pause: Duration,
}

/// See [`RetentionSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawRetention {
    /// Whether anything is removed.
    enabled: bool,
    /// How long executions that succeeded are kept, from their end on; `forever` for no end.
    succeeded: Amount,
    /// How long executions that failed or ran out of time are kept.
    failed: Amount,
    /// How long executions that were cancelled are kept.
    cancelled: Amount,
    /// How long idempotency keys find their execution, at least: as long as the execution is kept they do anyway. At least
    /// 1d: a process may have been frozen between two tries.
    keys: Amount,
    /// How long the keys of jobs are kept after the job was put in; at least 1d, and as long as the job has not ended.
    job_keys: Amount,
    /// How long sessions of workers are kept after their end; at least 1d.
    sessions: Amount,
    /// How long the slots of schedules are kept whose executions are over; at least 1d.
    slots: Amount,
    /// A folder in which executions are written into files by day before they are removed. Empty: nowhere.
    archive: String,
    /// How long from one round to the next: 1m to 1d.
    every: Amount,
    /// How many executions are removed with one statement: at most 500.
    piece: usize,
    /// The pause after each piece, for others: 1ms to 1m.
    pause: Amount,
}

impl Default for RawRetention {
    fn default() -> Self {
        Self {
            enabled: true,
            succeeded: Amount::text("30d"),
            failed: Amount::text("90d"),
            cancelled: Amount::text("30d"),
            keys: Amount::text("30d"),
            job_keys: Amount::text("30d"),
            sessions: Amount::text("7d"),
            slots: Amount::text("30d"),
            archive: String::new(),
            every: Amount::text("1h"),
            piece: 200,
            pause: Amount::text("100ms"),
        }
    }
}

impl RawRetention {
    pub(crate) fn settle(self, checks: &mut Checks) -> RetentionSettings {
        let piece = checks.count("retention.piece", self.piece);
        if piece > MAX_PIECE {
            checks.refuse("retention.piece", format!("must be at most {MAX_PIECE}"));
        }
        let archive = self.archive.trim();
        let (any, days) = (MINUTE..=MOST, DAY..=MOST);
        RetentionSettings {
            enabled: self.enabled,
            succeeded: keep(checks, "retention.succeeded", &self.succeeded, &any),
            failed: keep(checks, "retention.failed", &self.failed, &any),
            cancelled: keep(checks, "retention.cancelled", &self.cancelled, &any),
            keys: keep(checks, "retention.keys", &self.keys, &days),
            job_keys: keep(checks, "retention.job_keys", &self.job_keys, &days),
            sessions: keep(checks, "retention.sessions", &self.sessions, &days),
            slots: keep(checks, "retention.slots", &self.slots, &days),
            archive: (!archive.is_empty()).then(|| archive.into()),
            every: checks.within("retention.every", &self.every, MINUTE..=DAY),
            piece: u32::try_from(piece.min(MAX_PIECE)).unwrap_or(1),
            pause: checks.within("retention.pause", &self.pause, MINUTE / 60_000..=MINUTE),
        }
    }
}

fn keep(
    checks: &mut Checks,
    key: &str,
    amount: &Amount,
    bounds: &RangeInclusive<Duration>,
) -> Option<Duration> {
    if amount.to_string() == FOREVER {
        return None;
    }
    Some(checks.within(key, amount, bounds.clone()))
}
