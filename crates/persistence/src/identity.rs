//! Identity: users, roles, keys, sign-ins, failed attempts, revocations, signing keys, sealed secrets and the audit log, one file for
//! each. What they have in common is here: how a call is made, and what its caller is told.
//!
//! A call whose answer is lost, because the connection died after the commit, was made or was not. What may be made
//! again without harm: everything that finds, lists or sweeps, `put_role`, `touch_keys`, `revoke` (the second is one
//! more row that says the same), `secret`, `withdraw_signing_key`, and whatever ends, revokes or removes, which answers
//! that there was nothing left to do. Made again, `add_user`, `add_key`, `add_login` and `add_attempt` conflict with
//! themselves, which tells that the first was made; `add_signing_key`, `replace_user`, `put_connection` and `rotate`
//! answer false, and a look at what is kept now tells whose it is. `take_attempt` and `take_secret` give nothing twice:
//! whoever lost the answer begins anew. `append_audit` writes once more, and `add_failures` counts once more: rather a thing is
//! said twice than not at all. `clear_lockout` may be made again.

mod audit;
mod connections;
mod keys;
mod lockouts;
mod logins;
mod revocations;
mod roles;
mod secrets;
mod signing;
mod sweeps;
mod tables;
mod users;

use codeflow_auth::{Error, ErrorKind, Permission};
use codeflow_engine::{Error as StorageError, ErrorKind as StorageErrorKind};
use diesel::result::{DatabaseErrorKind, Error as SqlError};

use crate::Database;
use crate::error::{Fault, corrupt};

/// No list is longer than this, whatever is asked for.
const MOST: u32 = 1_000;

/// How many rows a list gives when so many are asked for.
fn limit(wanted: u32) -> i64 {
    wanted.min(MOST).into()
}

/// Makes a call to storage. `doing` is what its caller is told that could not be done.
async fn call<T, F>(db: &Database, doing: &'static str, body: impl FnOnce(Database) -> F) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Fault>> + Send + 'static,
{
    let ended = db.run(|db| {
        let ended = body(db);
        async move { Ok(ended.await) }
    });
    ended.await.map_err(Fault::from).flatten().map_err(|fault| told(fault, doing))
}

/// What the caller is told. The words of the database go no further than the chain of causes.
fn told(fault: Fault, doing: &'static str) -> Error {
    let ours =
        |kind: StorageErrorKind| matches!(kind, StorageErrorKind::Conflict | StorageErrorKind::InvalidInput);
    match fault {
        Fault::Refused(error) if ours(error.kind()) => Error::new(kind_of(error.kind()), error.to_string()),
        fault => {
            let error = fault.into_error(doing);
            Error::with_source(kind_of(error.kind()), doing, error)
        }
    }
}

fn kind_of(kind: StorageErrorKind) -> ErrorKind {
    match kind {
        StorageErrorKind::NotFound => ErrorKind::NotFound,
        StorageErrorKind::Conflict => ErrorKind::Conflict,
        StorageErrorKind::Forbidden => ErrorKind::Forbidden,
        StorageErrorKind::InvalidInput => ErrorKind::InvalidInput,
        StorageErrorKind::Unavailable => ErrorKind::Unavailable,
        StorageErrorKind::LeaseLost
        | StorageErrorKind::Locked
        | StorageErrorKind::Corrupt
        | StorageErrorKind::Internal => ErrorKind::Internal,
    }
}

fn conflict(text: &'static str) -> Fault {
    StorageError::new(StorageErrorKind::Conflict, text).into()
}

/// A new row that was refused: there is one like it, or what it belongs to is gone.
fn refused(error: SqlError, taken: &'static str, gone: &'static str) -> Fault {
    match &error {
        SqlError::DatabaseError(DatabaseErrorKind::UniqueViolation, _) => conflict(taken),
        SqlError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _) => conflict(gone),
        _ => error.into(),
    }
}

/// What a query counted that stops counting somewhere.
#[derive(diesel::QueryableByName)]
struct Count {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    n: i64,
}

fn counted(rows: &[Count], most: u32) -> u32 {
    rows.first().map_or(0, |count| u32::try_from(count.n).unwrap_or(most))
}

fn has_zero(text: &str) -> bool {
    text.contains('\0')
}

/// PostgreSQL has no zero character. Nothing that is kept has one, so whoever looks for one finds nothing.
fn check_text<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), Fault> {
    match texts.into_iter().any(has_zero) {
        true => {
            let text = "a text with a zero character cannot be kept";
            Err(StorageError::new(StorageErrorKind::InvalidInput, text).into())
        }
        false => Ok(()),
    }
}

/// The permissions that this program knows. A newer one may have kept others; without them less may be done.
fn read_permissions(text: &str) -> Result<Vec<Permission>, StorageError> {
    let names: Vec<String> = crate::payload::from_text(text)?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

fn read_tenant(text: &str) -> Result<codeflow_core::Tenant, StorageError> {
    text.parse().map_err(|source| corrupt("the name of a stored tenant cannot be read", source))
}

/// Runs a query that reads.
macro_rules! read {
    ($db:expr, $conn:ident => $query:expr) => {{
        let mut taken = $db.reader().await?;
        crate::conn::on_conn!(&mut taken.tx(), $conn => $query)
    }};
}

/// Runs one statement that writes. It is its own transaction.
macro_rules! write {
    ($db:expr, $name:literal, $($body:tt)+) => {{
        let mut taken = $db.writer().await?;
        $db.tell($name, crate::probe::Moment::Before);
        let written = crate::conn::on_conn!(&mut taken.tx(), $($body)+);
        if written.is_ok() {
            $db.tell($name, crate::probe::Moment::After);
        }
        written
    }};
}

use {read, write};
