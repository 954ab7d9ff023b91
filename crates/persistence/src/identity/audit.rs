//! The audit log. Whoever appends holds the end of the log until that is committed: an entry that is rolled back leaves
//! no gap, and none is chained to one that nobody will see. The tables refuse every change.

use async_trait::async_trait;
use codeflow_auth::{AuditEntry, AuditEvent, AuditFilter, AuditStore, Error, Outcome, Page};
use codeflow_engine::{Error as StorageError, ErrorKind as StorageErrorKind};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::tables::audit_log;
use super::{call, has_zero, limit, read, read_tenant};
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::{Fault, corrupt};
use crate::payload::{from_text, to_text};
use crate::sql_types::At;

/// An index has no room for longer ones.
const LONGEST: usize = 256;

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = audit_log)]
struct Row {
    position: i64,
    happened_at: At,
    tenant: Option<String>,
    actor: String,
    action: String,
    target: String,
    address: Option<String>,
    request_id: Option<String>,
    outcome: String,
    details: String,
    previous: Vec<u8>,
    hash: Vec<u8>,
}

impl Row {
    fn of(entry: AuditEntry) -> Result<Self, Fault> {
        let AuditEntry { position, event, previous, hash } = entry;
        Ok(Self {
            position,
            happened_at: At(event.at),
            tenant: event.tenant.map(String::from),
            actor: event.actor,
            action: event.action,
            target: event.target,
            address: event.address,
            request_id: event.request_id,
            outcome: event.outcome.as_str().to_owned(),
            details: to_text(&event.details)?,
            previous: previous.to_vec(),
            hash: hash.to_vec(),
        })
    }
}

impl TryFrom<Row> for AuditEntry {
    type Error = StorageError;

    fn try_from(row: Row) -> Result<Self, StorageError> {
        let event = AuditEvent {
            at: row.happened_at.0,
            tenant: row.tenant.as_deref().map(read_tenant).transpose()?,
            actor: row.actor,
            action: row.action,
            target: row.target,
            address: row.address,
            request_id: row.request_id,
            outcome: read_outcome(&row.outcome)?,
            details: from_text(&row.details)?,
        };
        let (previous, hash) = (read_hash(row.previous)?, read_hash(row.hash)?);
        Ok(Self { position: row.position, event, previous, hash })
    }
}

fn read_outcome(text: &str) -> Result<Outcome, StorageError> {
    let known = [Outcome::Done, Outcome::Refused, Outcome::Failed];
    let outcome = known.into_iter().find(|outcome| outcome.as_str() == text);
    outcome.ok_or_else(|| StorageError::new(StorageErrorKind::Corrupt, "a stored outcome cannot be read"))
}

fn read_hash(bytes: Vec<u8>) -> Result<[u8; 32], StorageError> {
    let unreadable = |bytes: Vec<u8>| format!("it has {} bytes", bytes.len());
    bytes.try_into().map_err(|bytes| corrupt("a stored hash cannot be read", unreadable(bytes)))
}

/// The log takes what happened, whatever was sent: zero characters are replaced.
fn clean(text: String) -> String {
    if has_zero(&text) { text.replace('\0', "\u{fffd}") } else { text }
}

fn short(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => clean(text[..end].to_owned()),
        None => clean(text),
    }
}

fn keepable(event: AuditEvent) -> AuditEvent {
    AuditEvent {
        actor: short(event.actor),
        action: short(event.action),
        target: clean(event.target),
        address: event.address.map(clean),
        request_id: event.request_id.map(clean),
        ..event
    }
}

type Chain = fn(i64, [u8; 32], AuditEvent) -> AuditEntry;

#[async_trait]
impl AuditStore for Database {
    async fn append_audit(&self, events: Vec<AuditEvent>, chain: Chain) -> Result<(), Error> {
        let append = move |db: Self| async move {
            if events.is_empty() {
                return Ok(());
            }
            let body = async move |mut tx: Tx<'_>| append(&mut tx, events, chain).await;
            db.transaction("append_audit", body).await
        };
        call(self, "could not write the audit log", append).await
    }

    async fn audit(&self, filter: &AuditFilter, page: Page<i64>) -> Result<Vec<AuditEntry>, Error> {
        let filter = filter.clone();
        call(self, "could not read the audit log", |db| async move { list(&db, filter, page).await }).await
    }
}

/// Whoever holds it has the end of the log. Unlike the lock of a table it does not send the vacuum away.
#[cfg(feature = "postgres")]
const LOCK: &str = "SELECT pg_advisory_xact_lock(7104112306170924)";

async fn append(tx: &mut Tx<'_>, events: Vec<AuditEvent>, chain: Chain) -> Result<(), Fault> {
    let locked: QueryResult<()> = on_conn!(tx,
        postgres conn => diesel::sql_query(LOCK).execute(conn).await.map(|_| ()),
        sqlite _conn => Ok(()) // One writes at a time.
    );
    locked?;
    // A statement of its own, so that it sees what was committed while this one waited.
    let last: Option<(i64, Vec<u8>)> = on_conn!(tx, conn => {
        audit_log::table
            .order(audit_log::position.desc())
            .select((audit_log::position, audit_log::hash))
            .first(conn)
            .await
            .optional()
    })?;
    let (mut position, mut hash) = match last {
        Some((position, hash)) => (position, read_hash(hash)?),
        None => (0, [0; 32]),
    };
    let mut rows = Vec::with_capacity(events.len());
    for event in events {
        let entry = chain(position + 1, hash, keepable(event));
        if entry.position != position + 1 || entry.previous != hash {
            let text = "an entry of the audit log is not in its place";
            return Err(StorageError::new(StorageErrorKind::Internal, text).into());
        }
        (position, hash) = (entry.position, entry.hash);
        rows.push(Row::of(entry)?);
    }
    insert(tx, rows).await
}

#[cfg(feature = "postgres")]
const INSERT_ON_POSTGRES: &str = "
INSERT INTO audit_log (position, happened_at, tenant, actor, action, target, address, request_id, outcome, details, previous, hash)
SELECT * FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

async fn insert(tx: &mut Tx<'_>, rows: Vec<Row>) -> Result<(), Fault> {
    let _added: usize = on_conn!(tx,
        postgres conn => columns(&rows).execute(conn).await,
        sqlite conn => {
            let insert = move |conn: &mut SqliteConnection| {
                diesel::RunQueryDsl::execute(diesel::insert_into(audit_log::table).values(rows), conn)
            };
            conn.spawn_blocking(insert).await
        }
    )?;
    Ok(())
}

/// Rows as columns of arrays, so that any number of them is one statement.
#[cfg(feature = "postgres")]
fn columns(rows: &[Row]) -> crate::statement::Statement<'_> {
    use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};

    use crate::sql_types::DbTime;

    fn column<'r, T>(rows: &'r [Row], of: impl Fn(&'r Row) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    crate::statement::Statement::new(INSERT_ON_POSTGRES)
        .bind::<Array<BigInt>, _>(column(rows, |row| row.position))
        .bind::<Array<DbTime>, _>(column(rows, |row| row.happened_at))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |row| row.tenant.as_deref()))
        .bind::<Array<Text>, _>(column(rows, |row| row.actor.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.action.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.target.as_str()))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |row| row.address.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(column(rows, |row| row.request_id.as_deref()))
        .bind::<Array<Text>, _>(column(rows, |row| row.outcome.as_str()))
        .bind::<Array<Text>, _>(column(rows, |row| row.details.as_str()))
        .bind::<Array<Binary>, _>(column(rows, |row| row.previous.as_slice()))
        .bind::<Array<Binary>, _>(column(rows, |row| row.hash.as_slice()))
}

async fn list(db: &Database, filter: AuditFilter, page: Page<i64>) -> Result<Vec<AuditEntry>, Fault> {
    let AuditFilter { tenant, actor, action, since, until } = filter;
    let rows: Vec<Row> = read!(db, conn => {
        let mut log = audit_log::table
            .select(Row::as_select())
            .order(audit_log::position)
            .limit(limit(page.limit))
            .into_boxed();
        if let Some(after) = page.after {
            log = log.filter(audit_log::position.gt(after));
        }
        if let Some(tenant) = &tenant {
            log = log.filter(audit_log::tenant.eq(tenant.as_str()));
        }
        if let Some(actor) = actor {
            log = log.filter(audit_log::actor.eq(short(actor)));
        }
        if let Some(action) = action {
            log = log.filter(audit_log::action.eq(short(action)));
        }
        if let Some(since) = since {
            log = log.filter(audit_log::happened_at.ge(At(since)));
        }
        if let Some(until) = until {
            log = log.filter(audit_log::happened_at.lt(At(until)));
        }
        log.load(conn).await
    })?;
    rows.into_iter().map(|row| Ok(row.try_into()?)).collect()
}
