//! What backups need from a database: a snapshot that can be counted, and whether a database may be overwritten. The
//! programs that copy PostgreSQL are run by whoever wires this up.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::collections::BTreeMap;

use codeflow_engine::{Error, ErrorKind};

#[cfg(feature = "postgres")]
pub use postgres::{PostgresAdmin, PostgresSnapshot};
#[cfg(feature = "sqlite")]
pub use sqlite::{check_sqlite, copy_sqlite, overwrite_sqlite};

/// How many rows each table has.
pub type TableRows = BTreeMap<String, u64>;

/// The table that tells how far the others are.
const MIGRATIONS: &str = "__diesel_schema_migrations";

/// What a database of ours has.
const OURS: &str = "workflow_executions";

/// Whether these are tables of ours.
fn check_ours(tables: &TableRows, what: &str) -> Result<(), Error> {
    match tables.contains_key(OURS) && tables.contains_key(MIGRATIONS) {
        true => Ok(()),
        false => Err(unusable(format!("{what} holds no data of CodeFlow"))),
    }
}

/// Whether there is nothing in these tables that anybody could miss.
fn is_empty(tables: &TableRows) -> bool {
    tables.iter().all(|(name, rows)| name == MIGRATIONS || *rows == 0)
}

/// Whether this program knows every migration that was applied.
///
/// # Errors
/// [`Corrupt`](ErrorKind::Corrupt) when a newer program made them.
pub fn check_migrations<'v>(applied: impl IntoIterator<Item = &'v str>) -> Result<(), Error> {
    let known = crate::database::known_migrations();
    match applied.into_iter().find(|version| !known.iter().any(|known| known == version)) {
        None => Ok(()),
        Some(version) => Err(unusable(format!(
            "the backup was made by a newer CodeFlow: migration {version} is not known"
        ))),
    }
}

fn unusable(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Corrupt, context)
}

fn not_empty(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::Conflict, context)
}
