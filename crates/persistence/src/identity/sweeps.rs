//! What is over and is removed in pieces, the oldest first. On PostgreSQL a row that another process holds is left for
//! the next time, so that two who sweep never wait for each other.

use codeflow_core::Timestamp;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::{MOST, write};
use crate::Database;
use crate::error::Fault;
use crate::sql_types::{At, DbTime};

/// A text for each database, with the same values.
struct Sweep {
    #[cfg(feature = "postgres")]
    postgres: &'static str,
    #[cfg(feature = "sqlite")]
    sqlite: &'static str,
}

const LOGINS: Sweep = Sweep {
    #[cfg(feature = "postgres")]
    postgres: "
WITH over AS MATERIALIZED (
  SELECT id FROM login WHERE LEAST(ended_at, expires_at) < ?
  ORDER BY LEAST(ended_at, expires_at), id LIMIT ? FOR UPDATE SKIP LOCKED
)
DELETE FROM login USING over WHERE login.id = over.id",
    #[cfg(feature = "sqlite")]
    sqlite: "
DELETE FROM login WHERE id IN (
  SELECT id FROM login WHERE min(coalesce(ended_at, expires_at), expires_at) < ?
  ORDER BY min(coalesce(ended_at, expires_at), expires_at), id LIMIT ?
)",
};

const ATTEMPTS: Sweep = Sweep {
    #[cfg(feature = "postgres")]
    postgres: "
WITH void AS MATERIALIZED (
  SELECT state FROM login_attempt WHERE expires_at <= ? ORDER BY expires_at LIMIT ? FOR UPDATE SKIP LOCKED
)
DELETE FROM login_attempt USING void WHERE login_attempt.state = void.state",
    #[cfg(feature = "sqlite")]
    sqlite: "
DELETE FROM login_attempt WHERE state IN (
  SELECT state FROM login_attempt WHERE expires_at <= ? ORDER BY expires_at LIMIT ?
)",
};

const REVOCATIONS: Sweep = Sweep {
    #[cfg(feature = "postgres")]
    postgres: "
WITH over AS MATERIALIZED (
  SELECT position FROM revocation WHERE until < ? ORDER BY until, position LIMIT ? FOR UPDATE SKIP LOCKED
)
DELETE FROM revocation USING over WHERE revocation.position = over.position",
    #[cfg(feature = "sqlite")]
    sqlite: "
DELETE FROM revocation WHERE position IN (
  SELECT position FROM revocation WHERE until < ? ORDER BY until, position LIMIT ?
)",
};

pub(super) async fn logins(db: &Database, before: Timestamp, most: u32) -> Result<u32, Fault> {
    sweep(db, LOGINS, before, most).await
}

/// Those that are void. As each call adds one and removes up to a thousand, they never pile up.
pub(super) async fn attempts(db: &Database, now: Timestamp) -> Result<u32, Fault> {
    sweep(db, ATTEMPTS, now, MOST).await
}

pub(super) async fn revocations(db: &Database, before: Timestamp, most: u32) -> Result<u32, Fault> {
    sweep(db, REVOCATIONS, before, most).await
}

#[cfg(feature = "postgres")]
const LOCKOUTS_ON_POSTGRES: &str = "
WITH old AS MATERIALIZED (
  SELECT name FROM lockout
  WHERE changed_at < ? OR (changed_at, name) <= (
    SELECT changed_at, name FROM lockout ORDER BY changed_at DESC, name DESC OFFSET ? LIMIT 1
  )
  ORDER BY changed_at, name LIMIT ? FOR UPDATE SKIP LOCKED
)
DELETE FROM lockout USING old WHERE lockout.name = old.name";

#[cfg(feature = "sqlite")]
const LOCKOUTS_ON_SQLITE: &str = "
DELETE FROM lockout WHERE name IN (
  SELECT name FROM lockout
  WHERE changed_at < ? OR (changed_at, name) <= (
    SELECT changed_at, name FROM lockout ORDER BY changed_at DESC, name DESC LIMIT 1 OFFSET ?
  )
  ORDER BY changed_at, name LIMIT ?
)";

/// Failed attempts that are forgotten, and those beyond as many as are kept.
pub(super) async fn lockouts(db: &Database, before: Timestamp, keep: u32, most: u32) -> Result<u32, Fault> {
    let (before, keep, most) = (At(before), i64::from(keep), i64::from(most));
    let removed: usize = write!(db, "sweep_lockouts",
        postgres conn => {
            let sweep = crate::statement::Statement::new(LOCKOUTS_ON_POSTGRES).bind::<DbTime, _>(before);
            sweep.bind::<BigInt, _>(keep).bind::<BigInt, _>(most).execute(conn).await
        },
        sqlite conn => {
            let sweep = diesel::sql_query(LOCKOUTS_ON_SQLITE).bind::<DbTime, _>(before);
            sweep.bind::<BigInt, _>(keep).bind::<BigInt, _>(most).execute(conn).await
        }
    )?;
    Ok(u32::try_from(removed).unwrap_or(u32::MAX))
}

async fn sweep(db: &Database, sweep: Sweep, before: Timestamp, most: u32) -> Result<u32, Fault> {
    let (before, most) = (At(before), i64::from(most));
    let removed: usize = write!(db, "sweep_identity",
        postgres conn => {
            let sweep = crate::statement::Statement::new(sweep.postgres);
            sweep.bind::<DbTime, _>(before).bind::<BigInt, _>(most).execute(conn).await
        },
        sqlite conn => {
            let sweep = diesel::sql_query(sweep.sqlite);
            sweep.bind::<DbTime, _>(before).bind::<BigInt, _>(most).execute(conn).await
        }
    )?;
    Ok(u32::try_from(removed).unwrap_or(u32::MAX))
}
