//! Revocations, by position. On PostgreSQL a position is drawn within the one statement that writes the row, and the row
//! is seen once that is committed: a reader may see a position before one that is smaller. The smaller one comes within
//! the time limit of a statement, and so many positions later as others wrote meanwhile; whoever begins some way before
//! the last position it saw misses nothing. On SQLite positions are seen in their order.

use async_trait::async_trait;
use codeflow_auth::{Error, Revocation, RevocationStore, Target};
use codeflow_core::Timestamp;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::tables::revocation;
use super::{call, limit, read, sweeps, write};
use crate::Database;
use crate::error::Fault;
use crate::sql_types::{At, Id};

#[derive(Insertable)]
#[diesel(table_name = revocation)]
struct NewRow {
    kind: &'static str,
    target: Option<Id>,
    revoked_at: At,
    until: At,
}

impl From<Revocation> for NewRow {
    fn from(revocation: Revocation) -> Self {
        let (kind, target) = match revocation.target {
            Target::Login(id) => ("login", Some(Id::from(id))),
            Target::User(id) => ("user", Some(Id::from(id))),
            Target::Key(id) => ("key", Some(Id::from(id))),
            Target::Roles => ("roles", None),
        };
        Self { kind, target, revoked_at: At(revocation.at), until: At(revocation.until) }
    }
}

#[derive(Queryable)]
struct Row {
    position: i64,
    kind: String,
    target: Option<Id>,
    revoked_at: At,
    until: At,
}

impl Row {
    /// One that a newer program wrote may be unreadable; it must not keep the others from being read.
    fn read(self) -> Option<(i64, Revocation)> {
        let target = match (self.kind.as_str(), self.target) {
            ("login", Some(id)) => Target::Login(id.into()),
            ("user", Some(id)) => Target::User(id.into()),
            ("key", Some(id)) => Target::Key(id.into()),
            ("roles", _) => Target::Roles,
            _ => {
                tracing::error!(revocation.position = self.position, "a stored revocation cannot be read");
                return None;
            }
        };
        Some((self.position, Revocation { target, at: self.revoked_at.0, until: self.until.0 }))
    }
}

#[async_trait]
impl RevocationStore for Database {
    async fn revoke(&self, revocations: &[Revocation]) -> Result<(), Error> {
        let rows: Vec<NewRow> = revocations.iter().copied().map(NewRow::from).collect();
        call(self, "could not revoke", |db| async move { add(&db, rows).await }).await
    }

    async fn revocations(&self, after: i64, wanted: u32) -> Result<Vec<(i64, Revocation)>, Error> {
        let list = move |db: Self| async move {
            let rows: Vec<Row> = read!(db, conn => {
                revocation::table
                    .filter(revocation::position.gt(after))
                    .order(revocation::position)
                    .limit(limit(wanted))
                    .load(conn)
                    .await
            })?;
            Ok(rows.into_iter().filter_map(Row::read).collect())
        };
        call(self, "could not read revocations", list).await
    }

    async fn sweep_revocations(&self, before: Timestamp, most: u32) -> Result<u32, Error> {
        let sweep = move |db: Self| async move { sweeps::revocations(&db, before, most).await };
        call(self, "could not remove old revocations", sweep).await
    }
}

#[cfg(feature = "postgres")]
const ADD_ON_POSTGRES: &str = "
INSERT INTO revocation (kind, target, revoked_at, until)
SELECT r.kind, r.target, r.revoked_at, r.until
FROM unnest(?, ?, ?, ?) WITH ORDINALITY AS r (kind, target, revoked_at, until, n) ORDER BY r.n";

async fn add(db: &Database, rows: Vec<NewRow>) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let _added: usize = write!(db, "revoke",
        postgres conn => {
            use diesel::sql_types::{Array, Nullable, Text};
            use crate::sql_types::{DbTime, DbUuid};
            crate::statement::Statement::new(ADD_ON_POSTGRES)
                .bind::<Array<Text>, _>(rows.iter().map(|row| row.kind).collect::<Vec<_>>())
                .bind::<Array<Nullable<DbUuid>>, _>(rows.iter().map(|row| row.target).collect::<Vec<_>>())
                .bind::<Array<DbTime>, _>(rows.iter().map(|row| row.revoked_at).collect::<Vec<_>>())
                .bind::<Array<DbTime>, _>(rows.iter().map(|row| row.until).collect::<Vec<_>>())
                .execute(conn)
                .await
        },
        sqlite conn => {
            let insert = move |conn: &mut SqliteConnection| {
                conn.immediate_transaction(|conn| {
                    diesel::RunQueryDsl::execute(diesel::insert_into(revocation::table).values(rows), conn)
                })
            };
            conn.spawn_blocking(insert).await
        }
    )?;
    Ok(())
}
