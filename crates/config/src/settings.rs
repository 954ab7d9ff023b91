//! Settings as the program uses them. [`RawSettings`] is the only way in.

use std::path::Path;
use std::time::Duration;

use codeflow_core::parse_duration;
use secrecy::SecretString;

use crate::raw::{RawDatabase, RawDuration, RawLog, RawSettings, RawWorker};
use crate::sources::Sources;
use crate::{Environment, Error};

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where executions are kept.
    pub database: DatabaseSettings,
    /// How this process works on executions.
    pub worker: WorkerSettings,
    /// What is written about the program's own doings.
    pub log: LogSettings,
}

/// Where executions are kept.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// The address, which may hold a password. Without one, an SQLite file beside the repository's own data.
    pub url: Option<SecretString>,
    /// Connections that are kept open.
    pub pool_size: usize,
    /// Connections that are opened beyond that under load.
    pub max_overflow: usize,
    /// How long to wait for a connection.
    pub pool_timeout: Duration,
    /// The age at which a connection is replaced.
    pub pool_recycle: Duration,
}

/// How this process works on executions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerSettings {
    /// Steps that run at the same time.
    pub concurrency: usize,
    /// How long running steps may go on after a stop.
    pub grace: Duration,
}

/// What is written about the program's own doings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// Which messages: a level, or `target=level` parts with commas between.
    pub filter: String,
}

impl Settings {
    /// Reads settings: defaults, then the file, then the environment; the last one that speaks decides.
    ///
    /// Without `file`, `codeflow.toml` in the working folder is read if there is one.
    ///
    /// # Errors
    /// Every [`ErrorKind`](crate::ErrorKind); the message names the setting and where it was made.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, Error> {
        let sources = Sources::read(file, environment)?;
        let raw: RawSettings = sources.extract()?;
        Self::try_from(raw).map_err(|invalid| sources.blame(invalid))
    }
}

/// A value that a setting cannot have.
#[derive(Debug, thiserror::Error)]
#[error("setting `{key}` {problem}")]
pub(crate) struct Invalid {
    pub(crate) key: &'static str,
    pub(crate) problem: &'static str,
}

impl TryFrom<RawSettings> for Settings {
    type Error = Invalid;

    fn try_from(raw: RawSettings) -> Result<Self, Invalid> {
        let RawSettings { database, worker, log } = raw;
        Ok(Self { database: database.try_into()?, worker: worker.try_into()?, log: log.try_into()? })
    }
}

impl TryFrom<RawDatabase> for DatabaseSettings {
    type Error = Invalid;

    fn try_from(raw: RawDatabase) -> Result<Self, Invalid> {
        Ok(Self {
            url: Some(raw.url).filter(|url| !url.is_empty()).map(SecretString::from),
            pool_size: at_least_one("database.pool_size", raw.pool_size)?,
            max_overflow: raw.max_overflow,
            pool_timeout: duration("database.pool_timeout", &raw.pool_timeout)?,
            pool_recycle: duration("database.pool_recycle", &raw.pool_recycle)?,
        })
    }
}

impl TryFrom<RawWorker> for WorkerSettings {
    type Error = Invalid;

    fn try_from(raw: RawWorker) -> Result<Self, Invalid> {
        Ok(Self {
            concurrency: at_least_one("worker.concurrency", raw.concurrency)?,
            grace: duration("worker.grace", &raw.grace)?,
        })
    }
}

impl TryFrom<RawLog> for LogSettings {
    type Error = Invalid;

    fn try_from(raw: RawLog) -> Result<Self, Invalid> {
        match raw.filter.trim() {
            "" => Err(Invalid { key: "log.filter", problem: "is empty; say `off` for silence" }),
            filter => Ok(Self { filter: filter.to_owned() }),
        }
    }
}

fn at_least_one(key: &'static str, number: usize) -> Result<usize, Invalid> {
    if number == 0 { Err(Invalid { key, problem: "must be at least 1" }) } else { Ok(number) }
}

fn duration(key: &'static str, raw: &RawDuration) -> Result<Duration, Invalid> {
    let duration = match raw {
        RawDuration::Seconds(seconds) => Duration::from_secs(*seconds),
        RawDuration::Text(text) => parse_duration(text).map_err(|_| Invalid {
            key,
            problem: "is not a duration; write numbers with units, such as 500ms, 30s or 1h30m",
        })?,
    };
    if duration.is_zero() {
        Err(Invalid { key, problem: "must be longer than nothing" })
    } else {
        Ok(duration)
    }
}
