//! The periods of budgets, all in UTC.

use std::fmt;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime};
use codeflow_core::Timestamp;

/// After what time a budget is full again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// At midnight, UTC.
    Day,
    /// At midnight before the first of a month, UTC.
    Month,
    /// Never.
    Total,
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "a day",
            Self::Month => "a month",
            Self::Total => "in total",
        })
    }
}

/// The day and the month that a moment is in. The calendar is asked once a day, not once a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    day: Timestamp,
    tomorrow: Timestamp,
    month: Timestamp,
    next_month: Timestamp,
}

impl Windows {
    pub(crate) fn at(now: Timestamp) -> Self {
        let day = now.datetime().date_naive();
        let month = day.with_day(1).unwrap_or(day);
        Self {
            day: midnight(day),
            tomorrow: midnight(day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX)),
            month: midnight(month),
            next_month: midnight(month.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX)),
        }
    }

    /// Whether `now` is in this day.
    pub(crate) fn contain(&self, now: Timestamp) -> bool {
        self.day <= now && now < self.tomorrow
    }

    /// When the present period began.
    pub(crate) fn since(&self, period: Period) -> Timestamp {
        match period {
            Period::Day => self.day,
            Period::Month => self.month,
            Period::Total => Timestamp::EPOCH,
        }
    }

    /// When the next period begins.
    pub(crate) fn renews(&self, period: Period) -> Option<Timestamp> {
        match period {
            Period::Day => Some(self.tomorrow),
            Period::Month => Some(self.next_month),
            Period::Total => None,
        }
    }
}

fn midnight(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc().into()
}
