//! From readings of a clock to moments: the rules for the days on which clocks are changed.

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, SubsecRound, TimeDelta, Utc};

use super::{Cron, Timezone};
use crate::Timestamp;

/// Slots lie between the beginnings of these years.
const FIRST_YEAR: i32 = 1900;
const LAST_YEAR: i32 = 4900;

/// More changes of the clock than any expression has to step over.
const MAX_CHANGES: u32 = 64;

/// The first slot after `after`.
pub(super) fn next(cron: &Cron, zone: Timezone, after: Timestamp) -> Option<Timestamp> {
    let first = NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1).unwrap_or_default();
    let after =
        after.datetime().trunc_subsecs(0).max(NaiveDate::and_time(&first, Default::default()).and_utc());
    if after.year() >= LAST_YEAR {
        return None;
    }
    let slot =
        if cron.names_every_hour() { by_elapsed(cron, zone, after) } else { by_clock(cron, zone, after) };
    slot.filter(|slot| slot.year() < LAST_YEAR).map(Timestamp::from)
}

/// The first moment at which the clock reaches a reading that it has not reached yet. This is the whole
/// rule: what is left out is reached after the gap, and what comes twice has been reached the second time.
fn by_clock(cron: &Cron, zone: Timezone, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let reading = cron.next_reading(zone.highest_reading(after))?;
    Some(zone.first_at_least(reading))
}

/// The first moment at which the clock shows a reading, whether it showed it before or not.
fn by_elapsed(cron: &Cron, zone: Timezone, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (mut at, mut passed) = (after, zone.reading(after));
    for _ in 0..MAX_CHANGES {
        let reading = cron.next_reading(passed)?;
        let change = match (zone.change_soon_after(at), zone.moments(reading)) {
            // Until then the clock runs evenly.
            (Some(change), _) if reading - zone.reading(at) < change - at => {
                return Some(at + (reading - zone.reading(at)));
            }
            (Some(change), _) => change,
            (None, LocalResult::Ambiguous(first, second)) => {
                return Some(if first > at { first } else { second });
            }
            (None, LocalResult::Single(moment)) => return Some(moment),
            (None, LocalResult::None) => zone.first_at_least(reading),
        };
        (at, passed) = (change, zone.reading(change) - TimeDelta::seconds(1));
    }
    None
}
