//! Settings as the file and the environment say them, with every default in sight.
//! The comments here are the ones in `config/default.toml`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything that can be set.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawSettings {
    /// Where executions are kept.
    pub(crate) database: RawDatabase,
    /// How this process works on executions.
    pub(crate) worker: RawWorker,
    /// What is written about the program's own doings.
    pub(crate) log: RawLog,
}

/// See [`crate::DatabaseSettings`].
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawDatabase {
    /// `postgres://…` or the path of an SQLite file. Empty: an SQLite file in `.codeflow/` of the
    /// repository. `DATABASE_URL` sets it too.
    pub(crate) url: String,
    /// Connections that are kept open. `DB_POOL_SIZE` sets it too.
    pub(crate) pool_size: usize,
    /// Connections that are opened beyond that under load. `DB_MAX_OVERFLOW` sets it too.
    pub(crate) max_overflow: usize,
    /// How long to wait for a connection; a plain number is in seconds. `DB_POOL_TIMEOUT` sets it too.
    pub(crate) pool_timeout: RawDuration,
    /// The age at which a connection is replaced. `DB_POOL_RECYCLE` sets it too.
    pub(crate) pool_recycle: RawDuration,
}

impl Default for RawDatabase {
    fn default() -> Self {
        Self {
            url: String::new(),
            pool_size: 10,
            max_overflow: 20,
            pool_timeout: RawDuration::Text("30s".to_owned()),
            pool_recycle: RawDuration::Text("1h".to_owned()),
        }
    }
}

/// See [`crate::WorkerSettings`].
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawWorker {
    /// Steps that run at the same time.
    pub(crate) concurrency: usize,
    /// How long running steps may go on after a stop.
    pub(crate) grace: RawDuration,
}

impl Default for RawWorker {
    fn default() -> Self {
        Self { concurrency: 16, grace: RawDuration::Text("10s".to_owned()) }
    }
}

/// See [`crate::LogSettings`].
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLog {
    /// Which messages go to standard error: a level, or `target=level` parts with commas between.
    pub(crate) filter: String,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { filter: "error".to_owned() }
    }
}

/// A duration such as `30s`, or whole seconds.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum RawDuration {
    /// Whole seconds.
    Seconds(u64),
    /// A number with a unit.
    Text(String),
}
