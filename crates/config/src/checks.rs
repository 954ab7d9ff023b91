//! From what was said to what is meant, one value at a time. Whatever is wrong is noted and the rest is read on, so that
//! somebody who made three mistakes hears of three.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use codeflow_core::{Usd, parse_bytes, parse_duration};
use url::Url;

use crate::values::{Amount, Names};

/// A value that a setting cannot have.
#[derive(Debug)]
pub(crate) struct Invalid {
    pub(crate) key: String,
    pub(crate) problem: String,
}

/// What was found so far. A value that is wrong stands as some other one until [`Checks::finish`] tells.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    invalid: Vec<Invalid>,
    inline: Vec<String>,
}

impl Checks {
    /// Notes a problem. It never shows the value, which may be a password in the wrong place.
    pub(crate) fn refuse(&mut self, key: impl Display, problem: impl Into<String>) {
        self.invalid.push(Invalid { key: key.to_string(), problem: problem.into() });
    }

    /// Remembers a setting that holds a secret itself.
    pub(crate) fn note_inline(&mut self, key: &str) {
        self.inline.push(key.to_owned());
    }

    /// Refuses secrets in the open, where `is_open` says so.
    pub(crate) fn refuse_inline(&mut self, is_open: impl Fn(&str) -> bool) {
        for key in std::mem::take(&mut self.inline).into_iter().filter(|key| is_open(key)) {
            let problem = "holds a secret in the file, which profile `prod` refuses; \
                           write `{ env = \"NAME\" }` or `{ file = \"/path\" }`";
            self.refuse(key, problem);
        }
    }

    /// All that was noted. Only when that is nothing, what was read may be used.
    pub(crate) fn finish(self) -> Vec<Invalid> {
        self.invalid
    }

    /// A length of time; a plain number is in seconds.
    pub(crate) fn duration(&mut self, key: impl Display, amount: &Amount) -> Duration {
        let duration = match amount.number() {
            Some(seconds) => Ok(Duration::from_secs(seconds)),
            None => parse_duration(&amount.to_string()),
        };
        match duration {
            Ok(Duration::ZERO) => self.refuse(key, "must be longer than nothing"),
            Ok(duration) => return duration,
            Err(_) => {
                let problem = "is not a duration; write numbers with units, such as 500ms, 30s or 1h30m";
                self.refuse(key, problem);
            }
        }
        Duration::ZERO
    }

    /// A length of time within bounds.
    pub(crate) fn within(
        &mut self,
        key: &str,
        amount: &Amount,
        bounds: RangeInclusive<Duration>,
    ) -> Duration {
        let duration = self.duration(key, amount);
        if duration != Duration::ZERO && !bounds.contains(&duration) {
            let (low, high) = bounds.into_inner();
            self.refuse(key, format!("must be from {low:?} to {high:?}"));
        }
        duration
    }

    /// A number of bytes; a plain number is in bytes.
    pub(crate) fn bytes(&mut self, key: impl Display, amount: &Amount) -> usize {
        match amount.number().or_else(|| parse_bytes(&amount.to_string())).map(usize::try_from) {
            Some(Ok(0)) => self.refuse(key, "must be at least one byte"),
            Some(Ok(bytes)) => return bytes,
            Some(Err(_)) | None => {
                self.refuse(
                    key,
                    "is not a size; write a number with a unit, such as 64 KiB, 32 MiB or 1 GiB",
                );
            }
        }
        0
    }

    /// An amount of money that is more than nothing.
    pub(crate) fn money(&mut self, key: impl Display, amount: &Amount) -> Usd {
        match amount.to_string().parse() {
            Ok(Usd::ZERO) => self.refuse(key, "must be more than nothing"),
            Ok(amount) => return amount,
            Err(_) => {
                let problem =
                    "is not an amount of dollars; write text such as \"25.00\", with at most six decimals";
                self.refuse(key, problem);
            }
        }
        Usd::ZERO
    }

    /// A count of at least one.
    pub(crate) fn count(&mut self, key: impl Display, number: usize) -> usize {
        if number == 0 {
            self.refuse(key, "must be at least 1");
        }
        number
    }

    /// A limit that may be absent, but never nothing.
    pub(crate) fn limit(&mut self, key: impl Display, number: Option<u32>) -> Option<NonZeroU32> {
        let limit = number.map(NonZeroU32::new);
        if limit == Some(None) {
            self.refuse(key, "must be at least 1; leave it out for no limit");
        }
        limit.flatten()
    }

    /// A finite number from `low` to `high`.
    pub(crate) fn number(&mut self, key: impl Display, number: f64, low: f64, high: f64) -> f64 {
        if !(low..=high).contains(&number) {
            self.refuse(key, format!("must be a number from {low} to {high}"));
        }
        number
    }

    /// Text that says something.
    pub(crate) fn text(&mut self, key: impl Display, text: String) -> String {
        match text.trim() {
            "" => self.refuse(key, "is empty"),
            trimmed if trimmed.chars().any(char::is_control) => self.refuse(key, "holds control characters"),
            trimmed if trimmed.len() == text.len() => return text,
            trimmed => return trimmed.to_owned(),
        }
        text
    }

    /// Text that may be absent.
    pub(crate) fn optional(&mut self, key: impl Display, text: Option<String>) -> Option<String> {
        text.map(|text| self.text(key, text))
    }

    /// A name that ends up in addresses, logs and metrics.
    pub(crate) fn name(&mut self, key: impl Display, name: String) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            self.refuse(key, "needs a name of 1 to 64 letters, digits, `-`, `_` and `.`");
        }
        name
    }

    /// Names of models; `*` at the end stands for anything.
    pub(crate) fn models(&mut self, key: impl Display, names: Names) -> Vec<String> {
        let wrong = |name: &String| {
            let body = name.strip_suffix('*').unwrap_or(name);
            name.is_empty() || body.contains('*') || name.contains(char::is_whitespace)
        };
        if names.0.iter().any(wrong) {
            let problem = "names models as `provider/model` or `model`; a `*` may only stand at the end";
            self.refuse(key, problem);
        }
        names.0
    }

    /// Anything that is read from text; `wanted` says what it should have been.
    pub(crate) fn parsed<T: FromStr>(&mut self, key: impl Display, text: &str, wanted: &str) -> Option<T> {
        let value = text.trim().parse().ok();
        if value.is_none() {
            self.refuse(key, format!("is not {wanted}"));
        }
        value
    }

    /// The address under which an API is found.
    pub(crate) fn base_url(&mut self, key: impl Display, text: String) -> String {
        if let Err(problem) = base_url(&text) {
            self.refuse(key, problem);
        }
        text
    }
}

/// Reads the address of an API, or says what is wrong with it.
pub(crate) fn base_url(text: &str) -> Result<Url, &'static str> {
    let url: Url = text.trim().parse().map_err(|_| "is not an address such as https://models.example/v1")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("must begin with https:// or http://, followed by a host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user or password; put the secret into `key`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must end with its path; leave out `?` and `#` and what follows");
    }
    Ok(url)
}
