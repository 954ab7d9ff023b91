//! Every large payload that a row names is there.

use codeflow_engine::{Disorder, Examined, Finding};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Binary, Bool};

use super::{Window, load, split, unreadable};
use crate::conn::Tx;
use crate::error::Fault;
use crate::sql_types::{DbUuid, Id};

/// The columns that name payloads, in the order in which they are looked at.
const COLUMNS: [&str; 3] = ["results", "inputs", "outputs"];

macro_rules! payloads {
    ($table:literal, $column:literal, $execution:literal) => {
        concat!(
            "WITH chunk AS MATERIALIZED (
  SELECT ", $column, " AS hash, ", $execution, " AS execution_id FROM ", $table, "
  WHERE ", $column, " > ? ORDER BY ", $column, " LIMIT ?
)
SELECT hash, execution_id, NOT EXISTS (SELECT 1 FROM blob WHERE blob.hash = chunk.hash) AS missing FROM chunk
WHERE NOT EXISTS (SELECT 1 FROM blob WHERE blob.hash = chunk.hash)
  OR hash = (SELECT hash FROM chunk ORDER BY hash DESC LIMIT 1)
ORDER BY hash"
        )
    };
}

const RESULTS: &str = payloads!("step_result", "payload_hash", "execution_id");
const INPUTS: &str = payloads!("workflow_executions", "inputs_hash", "id");
const OUTPUTS: &str = payloads!("workflow_executions", "outputs_hash", "id");

#[derive(QueryableByName)]
struct Named {
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
    #[diesel(sql_type = DbUuid)]
    execution_id: Id,
    #[diesel(sql_type = Bool)]
    missing: bool,
}

pub(super) async fn examine(tx: &mut Tx<'_>, (after, limit): Window<'_>) -> Result<Examined, Fault> {
    let (column, key) = split(after, COLUMNS[0]);
    let (key, limit) = (read_hash(key.unwrap_or_default())?, i64::from(limit));
    let at = COLUMNS.iter().position(|name| *name == column).unwrap_or_default();
    let text = [RESULTS, INPUTS, OUTPUTS][at];
    let rows: Vec<Named> = load!(tx, text, text, [Binary, key], [BigInt, limit])?;
    let missing = rows.iter().filter(|row| row.missing).map(|row| Finding {
        disorder: Disorder::MissingPayload,
        subject: write_hash(&row.hash),
        execution: Some(row.execution_id.into()),
        task: None,
    });
    let next = match rows.last() {
        Some(last) => Some(format!("{column} {}", write_hash(&last.hash))),
        None => COLUMNS.get(at + 1).map(|name| (*name).to_owned()),
    };
    Ok(Examined { findings: missing.collect(), next })
}

pub(crate) fn write_hash(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn read_hash(text: &str) -> Result<Vec<u8>, Fault> {
    let pairs = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    let bytes: Result<Vec<u8>, _> = pairs.map(|pair| u8::from_str_radix(pair, 16)).collect();
    bytes.map_err(|error| unreadable(error).into())
}
