//! Every place in the queue is of a task.

use codeflow_core::TaskId;
use codeflow_engine::{Disorder, Examined, Finding};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool};

use super::{Window, id_after, load, split};
use crate::conn::Tx;
use crate::error::Fault;
use crate::sql_types::{DbUuid, Id};

const READY: &str = "ready";
const TIMER: &str = "timer";

macro_rules! places {
    ($table:literal) => {
        concat!(
            "WITH chunk AS MATERIALIZED (SELECT task_id FROM ",
            $table,
            " WHERE task_id > ? ORDER BY task_id LIMIT ?)
SELECT task_id AS id, NOT EXISTS (SELECT 1 FROM task WHERE task.id = chunk.task_id) AS empty FROM chunk
WHERE NOT EXISTS (SELECT 1 FROM task WHERE task.id = chunk.task_id)
  OR task_id = (SELECT task_id FROM chunk ORDER BY task_id DESC LIMIT 1)
ORDER BY task_id"
        )
    };
}

#[derive(QueryableByName)]
struct Place {
    #[diesel(sql_type = DbUuid)]
    id: Id,
    #[diesel(sql_type = Bool)]
    empty: bool,
}

pub(super) async fn examine(tx: &mut Tx<'_>, (after, limit): Window<'_>) -> Result<Examined, Fault> {
    let (table, key) = split(after, READY);
    let (key, limit) = (id_after(key)?, i64::from(limit));
    let text = if table == TIMER { places!("timer") } else { places!("ready") };
    let rows: Vec<Place> = load!(tx, text, text, [DbUuid, key], [BigInt, limit])?;
    let empty = rows.iter().filter(|row| row.empty).map(|row| {
        let task = TaskId::from(row.id);
        let subject = format!("{task} in `{table}`");
        Finding { disorder: Disorder::EmptyPlace, subject, execution: None, task: Some(task) }
    });
    let next = match rows.last() {
        Some(last) => Some(format!("{table} {}", last.id.0)),
        None if table == READY => Some(TIMER.to_owned()),
        None => None,
    };
    Ok(Examined { findings: empty.collect(), next })
}
