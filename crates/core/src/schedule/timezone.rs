//! Time zones: from moments to what a clock there shows, and back, with the moments at which it is changed.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

/// No clock is further from UTC, so a reading is less than this away from the moment it is read.
const FURTHEST: TimeDelta = TimeDelta::hours(26);
const SECOND: TimeDelta = TimeDelta::seconds(1);

/// A time zone by its name in the IANA database, such as `Europe/Berlin`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timezone(Tz);

/// A text is not the name of a time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no time zone `{0}`")]
pub struct InvalidTimezone(String);

impl Timezone {
    /// Coordinated universal time, which has no gaps.
    pub const UTC: Self = Self(Tz::UTC);

    /// The names there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        TZ_VARIANTS.iter().map(|zone| zone.name())
    }

    /// A moment as a clock there shows it, with the distance from UTC.
    pub fn show(self, at: crate::Timestamp) -> String {
        at.datetime().with_timezone(&self.0).format("%Y-%m-%d %H:%M:%S %:z").to_string()
    }

    fn offset(self, at: DateTime<Utc>) -> TimeDelta {
        TimeDelta::seconds(self.0.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc().into())
    }

    /// What the clock shows.
    pub(super) fn reading(self, at: DateTime<Utc>) -> NaiveDateTime {
        at.naive_utc() + self.offset(at)
    }

    /// The highest reading so far: just before a clock was set back, if it has not caught up since.
    pub(super) fn highest_reading(self, at: DateTime<Utc>) -> NaiveDateTime {
        let reading = self.reading(at);
        match self.moments(reading) {
            LocalResult::Ambiguous(first, second) if second == at => {
                let change = first_that(first, second, |moment| self.offset(moment) != self.offset(first));
                self.reading(change - SECOND)
            }
            LocalResult::Ambiguous(..) | LocalResult::Single(_) | LocalResult::None => reading,
        }
    }

    /// The moments at which the clock shows this.
    pub(super) fn moments(self, reading: NaiveDateTime) -> LocalResult<DateTime<Utc>> {
        self.0.from_local_datetime(&reading).map(|moment| moment.with_timezone(&Utc))
    }

    /// The first moment at which the clock shows at least this.
    pub(super) fn first_at_least(self, reading: NaiveDateTime) -> DateTime<Utc> {
        match self.moments(reading) {
            LocalResult::Single(moment) | LocalResult::Ambiguous(moment, _) => moment,
            LocalResult::None => {
                let near = reading.and_utc();
                first_that(near - FURTHEST, near + FURTHEST, |moment| self.reading(moment) >= reading)
            }
        }
    }

    /// When the clock is next changed, if that is less than 26 hours after `at`.
    pub(super) fn change_soon_after(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let (offset, later) = (self.offset(at), at + FURTHEST);
        let changed = |moment| self.offset(moment) != offset;
        changed(later).then(|| first_that(at, later, changed))
    }
}

/// The first whole second after `low` of which something is so that stays so until `high`.
fn first_that(
    low: DateTime<Utc>,
    high: DateTime<Utc>,
    is_so: impl Fn(DateTime<Utc>) -> bool,
) -> DateTime<Utc> {
    let (mut before, mut from) = (low, high);
    while from - before > SECOND {
        let middle = before + TimeDelta::seconds((from - before).num_seconds() / 2);
        if is_so(middle) {
            from = middle;
        } else {
            before = middle;
        }
    }
    from
}

impl FromStr for Timezone {
    type Err = InvalidTimezone;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let short = || text.chars().take(60).flat_map(char::escape_debug).collect();
        text.parse().map(Self).map_err(|_| InvalidTimezone(short()))
    }
}

impl fmt::Display for Timezone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}
