//! A journal page by page, for whoever looks at it.

use codeflow_core::ExecutionId;
use codeflow_engine::{Error, FactPlace, Recorded};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::on_conn;
use crate::error::Fault;
use crate::payload::{Blobs, Payload, unpack_fact};
use crate::rows::unsigned;
use crate::schema::step_result;
use crate::sql_types::Id;

/// No page is longer than this, whatever is asked for.
const MOST: u32 = 1_000;

#[derive(Queryable)]
struct Row {
    seq: i64,
    ordinal: i32,
    generation: i32,
    fact: String,
    payload: Option<String>,
    payload_hash: Option<Vec<u8>>,
}

impl TryFrom<Row> for Recorded {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        // A payload that is stored by itself is left out.
        let payload = Payload { text: row.payload, hash: None };
        Ok(Self {
            place: FactPlace { seq: row.seq, ordinal: unsigned(row.ordinal) },
            generation: unsigned(row.generation),
            fact: unpack_fact(&row.fact, payload, &Blobs::new())?,
            is_cut: row.payload_hash.is_some(),
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
    let mut conn = db.reader().await?;
    let rows: QueryResult<Vec<Row>> = on_conn!(&mut conn.tx(), conn => {
        step_result::table
            .filter(step_result::execution_id.eq(Id::from(id)))
            // The first of the two is what an index can begin at.
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
    let failed =
        |error| Fault::from(error).into_error(format!("could not read the journal of execution `{id}`"));
    rows.map_err(failed)?.into_iter().map(TryInto::try_into).collect()
}
