//! How to reach the database. Reading settings from a file or the environment is `config`'s.

use std::time::Duration;

use secrecy::SecretString;

/// Where the database is, and how many connections to it there may be.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// `postgres://…`, `sqlite:PATH`, or the path of an SQLite file. It may hold a password.
    pub url: SecretString,
    /// How many connections are kept. SQLite has one writer and four readers, whatever this says.
    pub pool_size: usize,
    /// How many more there may be under load.
    pub max_overflow: usize,
    /// How long to wait for a connection.
    pub pool_timeout: Duration,
    /// After what time a connection is replaced by a new one.
    pub pool_recycle: Duration,
    /// How long one statement may take, and how long a transaction may stay open without one. Keep it
    /// below the lease of a session.
    pub statement_timeout: Duration,
}

impl DatabaseSettings {
    /// The usual settings for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: SecretString::from(url.into()),
            pool_size: 10,
            max_overflow: 20,
            pool_timeout: Duration::from_secs(30),
            pool_recycle: Duration::from_secs(3600),
            statement_timeout: Duration::from_secs(10),
        }
    }

    /// How many connections there may be at most.
    pub fn max_connections(&self) -> usize {
        self.pool_size.saturating_add(self.max_overflow).max(1)
    }
}

/// How a pool of connections is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolInfo {
    /// The connections that exist.
    pub open: usize,
    /// Those that nobody uses.
    pub idle: usize,
    /// How many there may be.
    pub max: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

/// How the connections to the database are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// `postgres` or `sqlite`.
    pub backend: &'static str,
    /// The connections that write; on PostgreSQL, all of them.
    pub writers: PoolInfo,
    /// The connections that only read; on PostgreSQL they are the same as those that write.
    pub readers: PoolInfo,
}
