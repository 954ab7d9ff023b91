//! A journal page by page, for whoever looks at it.

use codeflow_core::ExecutionId;
use codeflow_engine::{Error, FactPlace, Recorded};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::payload::{Blobs, Payload, unpack_fact};
use crate::rows::unsigned;
use crate::schema::{blob, step_result};
use crate::sql_types::Id;

/// No page is longer than this, whatever is asked for.
const MOST: u32 = 1_000;
/// The payload of a fact that is asked for alone is there up to this size, which is 1 MiB.
const SMALL_ENOUGH: &str = "octet_length(blob.body) <= 1048576";

#[derive(Queryable)]
struct Row {
    seq: i64,
    ordinal: i32,
    generation: i32,
    fact: String,
    payload: Option<String>,
    payload_hash: Option<Vec<u8>>,
}

impl Row {
    /// A payload that is stored by itself is left out unless it is among those.
    fn unpack(self, blobs: &Blobs) -> Result<Recorded, Error> {
        let hash = self.payload_hash;
        let is_cut = hash.as_ref().is_some_and(|hash| !blobs.contains_key(hash));
        let payload = Payload { text: self.payload, hash: hash.filter(|_| !is_cut) };
        Ok(Recorded {
            place: FactPlace { seq: self.seq, ordinal: unsigned(self.ordinal) },
            generation: unsigned(self.generation),
            fact: unpack_fact(&self.fact, payload, blobs)?,
            is_cut,
        })
    }
}

pub(super) async fn page(
    db: &Database,
    id: ExecutionId,
    after: FactPlace,
    limit: u32,
) -> Result<Vec<Recorded>, Error> {
    let ordinal = i32::try_from(after.ordinal).unwrap_or(i32::MAX);
    let failed =
        |error| Fault::from(error).into_error(format!("could not read the journal of execution `{id}`"));
    let mut conn = db.reader().await?;
    let rows: QueryResult<Vec<Row>> = on_conn!(&mut conn.tx(), conn => {
        step_result::table
            .filter(step_result::execution_id.eq(Id::from(id)))
            // No index is in this order: the rows of the execution are found by the primary key, and put in order then, for
            // each page anew. The first of the two leaves out most of what came before with one comparison.
            .filter(step_result::seq.ge(after.seq))
            .filter(step_result::seq.gt(after.seq).or(step_result::ordinal.gt(ordinal)))
            .order((step_result::seq, step_result::ordinal))
            .limit(limit.min(MOST).into())
            .select((
                step_result::seq,
                step_result::ordinal,
                step_result::generation,
                step_result::fact,
                step_result::payload,
                step_result::payload_hash,
            ))
            .load(conn)
            .await
    });
    let rows = rows.map_err(failed)?;
    let blobs = match (rows.as_slice(), limit) {
        ([Row { payload_hash: Some(hash), .. }], 1) => alone(&mut conn.tx(), hash).await.map_err(failed)?,
        _ => Blobs::new(),
    };
    rows.into_iter().map(|row| row.unpack(&blobs)).collect()
}

/// The payload of a fact that was asked for alone, unless it is too large even so.
async fn alone(tx: &mut Tx<'_>, hash: &[u8]) -> QueryResult<Blobs> {
    let found: Option<(Vec<u8>, String)> = on_conn!(tx, conn => {
        blob::table
            .filter(blob::hash.eq(hash))
            .filter(diesel::dsl::sql::<Bool>(SMALL_ENOUGH))
            .select((blob::hash, blob::body))
            .first(conn)
            .await
            .optional()
    })?;
    Ok(found.into_iter().collect())
}
