//! Cron expressions: which readings of a clock they name. Time zones are not known here.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDate, NaiveDateTime};
use croner::parser::{CronParser, Seconds, Year};

/// The longest expression, in bytes.
const MAX_BYTES: usize = 200;

/// A cron expression of five fields, or of six with the second in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    pattern: croner::Cron,
    every_hour: bool,
}

/// A text is not a cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a cron expression: {reason}")]
pub struct InvalidCron {
    text: String,
    reason: String,
    /// What may help.
    pub hint: &'static str,
}

const FIELDS: &str = "write minute, hour, day of month, month and day of week, such as `0 6 * * 1-5`; seconds may stand in front";
const DATES: &str = "choose a day that the month has, such as `L` for its last one";

impl Cron {
    /// Whether it names all 24 hours, so that it tells how much time passes and not what a clock shows.
    pub(super) fn names_every_hour(&self) -> bool {
        self.every_hour
    }

    /// The first reading after `reading` that it names.
    pub(super) fn next_reading(&self, reading: NaiveDateTime) -> Option<NaiveDateTime> {
        self.pattern.find_next_occurrence(&reading, false).ok()
    }
}

impl FromStr for Cron {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason: String, hint| {
            let text = text.chars().take(60).flat_map(char::escape_debug).collect();
            Err(InvalidCron { text, reason, hint })
        };
        if text.len() > MAX_BYTES {
            return invalid(format!("it has more than {MAX_BYTES} bytes"), FIELDS);
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        if !matches!(fields.len(), 5 | 6) {
            return invalid(format!("it has {} fields instead of five or six", fields.len()), FIELDS);
        }
        let text = fields.join(" ");
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let pattern = match parser.parse(&text) {
            Ok(pattern) => pattern,
            Err(error) => return invalid(plain(&error), FIELDS),
        };
        let every_hour = pattern.pattern.hours.values().len() == 24;
        let cron = Self { text, pattern, every_hour };
        if cron.next_reading(last_decades()).is_none() {
            return invalid("no year has such a day".to_owned(), DATES);
        }
        Ok(cron)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The search for a reading ends with the year 5000. The 28 years before it have every combination of dates
/// and days of the week, so that what is not found in them is never found.
fn last_decades() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(4971, 1, 1).unwrap_or_default().into()
}

/// What the parser says, as part of a sentence.
fn plain(error: &croner::errors::CronError) -> String {
    use croner::errors::CronError;
    let text = match error {
        CronError::InvalidPattern(text)
        | CronError::IllegalCharacters(text)
        | CronError::ComponentError(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.trim_end_matches('.');
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
