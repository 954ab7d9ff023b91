//! Attempts to sign in that failed, by the hash of the name.

use async_trait::async_trait;
use codeflow_auth::{Error, Lockout, LockoutStore};
use codeflow_core::Timestamp;
use diesel::prelude::*;
use diesel::sql_types::BigInt;
use diesel_async::RunQueryDsl;

use super::tables::lockout;
use super::{MOST, call, read, sweeps, write};
use crate::Database;
use crate::error::Fault;
use crate::sql_types::{At, DbTime};

#[derive(Insertable, Queryable, Selectable)]
#[diesel(table_name = lockout)]
struct Row {
    name: Vec<u8>,
    failures: i64,
    changed_at: At,
    clears: i64,
}

impl From<Row> for Lockout {
    fn from(row: Row) -> Self {
        let failures = u32::try_from(row.failures).unwrap_or(u32::MAX);
        Self { name: row.name, failures, changed_at: row.changed_at.0, clears: row.clears }
    }
}

const FIND: &str = "could not look for failed attempts";

#[async_trait]
impl LockoutStore for Database {
    async fn find_lockout(&self, name: &[u8]) -> Result<Option<Lockout>, Error> {
        let name = name.to_vec();
        let find = |db: Self| async move {
            let row: Option<Row> = read!(db, conn => {
                lockout::table.find(name).select(Row::as_select()).first(conn).await.optional()
            })?;
            Ok(row.map(Lockout::from))
        };
        call(self, FIND, find).await
    }

    async fn find_lockouts(&self, names: &[Vec<u8>]) -> Result<Vec<Lockout>, Error> {
        let names = names.to_vec();
        let find = |db: Self| async move {
            let rows: Vec<Row> = read!(db, conn => {
                lockout::table
                    .filter(lockout::name.eq_any(&names))
                    .order(lockout::name)
                    .limit(MOST.into())
                    .select(Row::as_select())
                    .load(conn)
                    .await
            })?;
            Ok(rows.into_iter().map(Lockout::from).collect())
        };
        call(self, FIND, find).await
    }

    async fn add_failures(&self, new: &[Lockout], forgotten: Timestamp) -> Result<(), Error> {
        let new = new.to_vec();
        let add = move |db: Self| async move { add(&db, new, forgotten).await };
        call(self, "could not count failed attempts", add).await
    }

    async fn clear_lockout(&self, name: &[u8], at: Timestamp) -> Result<(), Error> {
        let row = Row { name: name.to_vec(), failures: 0, changed_at: At(at), clears: 1 };
        let clear = |db: Self| async move {
            let _cleared: usize = write!(db, "clear_lockout", conn => {
                diesel::insert_into(lockout::table)
                    .values(row)
                    .on_conflict(lockout::name)
                    .do_update()
                    .set((
                        lockout::failures.eq(0_i64),
                        lockout::changed_at.eq(At(at)),
                        lockout::clears.eq(lockout::clears + 1),
                    ))
                    .execute(conn)
                    .await
            })?;
            Ok(())
        };
        call(self, "could not forget failed attempts", clear).await
    }

    async fn sweep_lockouts(&self, before: Timestamp, keep: u32, most: u32) -> Result<u32, Error> {
        let sweep = move |db: Self| async move { sweeps::lockouts(&db, before, keep, most).await };
        call(self, "could not remove old failed attempts", sweep).await
    }
}

/// The rows are locked in the order of their names, so that two who count the same ones never wait for each other.
#[cfg(feature = "postgres")]
const ADD_ON_POSTGRES: &str = "
INSERT INTO lockout (name, failures, changed_at, clears)
SELECT new.name, new.failures, new.changed_at, new.clears
FROM unnest(?, ?, ?, ?) AS new (name, failures, changed_at, clears) ORDER BY new.name
ON CONFLICT (name) DO UPDATE SET
  failures = CASE WHEN lockout.changed_at < ? THEN 0 ELSE lockout.failures END + excluded.failures,
  changed_at = GREATEST(lockout.changed_at, excluded.changed_at)
WHERE lockout.clears = excluded.clears";

#[cfg(feature = "sqlite")]
const ADD_ON_SQLITE: &str = "
INSERT INTO lockout (name, failures, changed_at, clears)
SELECT unhex(json_extract(value, '$[0]')), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
  json_extract(value, '$[3]')
FROM json_each(?) WHERE true
ON CONFLICT (name) DO UPDATE SET
  failures = CASE WHEN lockout.changed_at < ? THEN 0 ELSE lockout.failures END + excluded.failures,
  changed_at = max(lockout.changed_at, excluded.changed_at)
WHERE lockout.clears = excluded.clears";

async fn add(db: &Database, new: Vec<Lockout>, forgotten: Timestamp) -> Result<(), Fault> {
    if new.is_empty() {
        return Ok(());
    }
    let forgotten = At(forgotten);
    let _added: usize = write!(db, "add_failures",
        postgres conn => {
            use diesel::sql_types::{Array, Binary};
            let names: Vec<&[u8]> = new.iter().map(|one| one.name.as_slice()).collect();
            let failures: Vec<i64> = new.iter().map(|one| one.failures.into()).collect();
            let times: Vec<At> = new.iter().map(|one| At(one.changed_at)).collect();
            let clears: Vec<i64> = new.iter().map(|one| one.clears).collect();
            let add = crate::statement::Statement::new(ADD_ON_POSTGRES)
                .bind::<Array<Binary>, _>(names)
                .bind::<Array<BigInt>, _>(failures)
                .bind::<Array<DbTime>, _>(times)
                .bind::<Array<BigInt>, _>(clears)
                .bind::<DbTime, _>(forgotten);
            add.execute(conn).await
        },
        sqlite conn => {
            let hexed = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            let rows = new.iter().map(|one| (hexed(&one.name), one.failures, one.changed_at.micros(), one.clears));
            let rows = crate::payload::to_text(&rows.collect::<Vec<_>>())?;
            let add = diesel::sql_query(ADD_ON_SQLITE).bind::<diesel::sql_types::Text, _>(rows);
            add.bind::<DbTime, _>(forgotten).execute(conn).await
        }
    )?;
    Ok(())
}
