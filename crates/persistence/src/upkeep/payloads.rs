//! Large payloads that no row names any more.
//!
//! Whoever names a payload inserts it in the same transaction, and if it is there already, that does nothing: no row
//! is locked. So the sweep locks the table against writers for the moment of the removal. Those that came before have
//! committed by then, and what they name is seen; those that come later find the payload gone and insert it.

use codeflow_engine::Swept;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool};
use diesel_async::RunQueryDsl;

use super::count;
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::doctor::{load, read_hash, write_hash};
use crate::error::Fault;
use crate::schema::blob;

/// Whether no row names a payload.
macro_rules! unnamed {
    ($hash:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM step_result WHERE step_result.payload_hash = ",
            $hash,
            ")
    AND NOT EXISTS (SELECT 1 FROM workflow_executions e WHERE e.inputs_hash = ",
            $hash,
            ")
    AND NOT EXISTS (SELECT 1 FROM workflow_executions e WHERE e.outputs_hash = ",
            $hash,
            ")"
        )
    };
}

const LOOK: &str = concat!(
    "WITH chunk AS MATERIALIZED (SELECT hash FROM blob WHERE hash > ? ORDER BY hash LIMIT ?)
SELECT hash, ",
    unnamed!("chunk.hash"),
    " AS unnamed FROM chunk ORDER BY hash"
);

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
    #[diesel(sql_type = Bool)]
    unnamed: bool,
}

pub(super) async fn sweep(db: &Database, after: Option<&str>, limit: u32) -> Result<Swept, Fault> {
    let key = read_hash(after.unwrap_or_default())?;
    let rows: Vec<Row> = {
        let mut conn = db.reader().await?;
        load!(&mut conn.tx(), LOOK, LOOK, [Binary, key], [BigInt, i64::from(limit)])?
    };
    let next = rows.last().filter(|_| rows.len() >= limit as usize).map(|last| write_hash(&last.hash));
    let unnamed: Vec<Vec<u8>> = rows.into_iter().filter(|row| row.unnamed).map(|row| row.hash).collect();
    let removed = if unnamed.is_empty() { 0 } else { remove(db, unnamed).await? };
    Ok(Swept { removed, next })
}

/// The lock is not waited for long: whoever wants to write waits behind it. What is left is swept another time.
#[cfg(feature = "postgres")]
const LOCK: &str = "SET LOCAL lock_timeout = '250ms'; LOCK TABLE blob IN SHARE ROW EXCLUSIVE MODE";

async fn remove(db: &Database, hashes: Vec<Vec<u8>>) -> Result<u32, Fault> {
    let body = async move |mut tx: Tx<'_>| {
        on_conn!(&mut tx,
            postgres conn => diesel_async::SimpleAsyncConnection::batch_execute(conn, LOCK).await?,
            sqlite _conn => {}
        );
        let removed: usize = on_conn!(&mut tx, conn => {
            let unnamed = diesel::dsl::sql::<Bool>(unnamed!("blob.hash"));
            let gone = blob::table.filter(blob::hash.eq_any(&hashes)).filter(unnamed);
            diesel::delete(gone).execute(conn).await
        })?;
        Ok(count(removed))
    };
    match db.transaction("sweep", body).await {
        Err(Fault::Sql(error)) => {
            tracing::debug!(error = %error, "large payloads are in use; they are swept another time");
            Ok(0)
        }
        other => other,
    }
}
