//! What reaches an execution from outside, and the log that people read.

use codeflow_core::ExecutionId;
use codeflow_engine::{Error, ErrorKind, LogLine, Message, NewTask};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use super::start::insert_queue;
use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::payload::{from_text, to_text};
use crate::rows::QueueRows;
use crate::schema::{execution_logs, inbox, workflow_executions};
use crate::sql_types::{At, Id};

pub(super) async fn send(
    db: &Database,
    execution: ExecutionId,
    message: Message,
    task: NewTask,
) -> Result<(), Error> {
    let context = format!("could not send a message to execution `{execution}`");
    let body = async |mut tx: Tx<'_>| leave(db, &mut tx, execution, message, task).await;
    db.transaction("send", body).await.map_err(|fault| fault.into_error(context))
}

async fn leave(
    db: &Database,
    tx: &mut Tx<'_>,
    execution: ExecutionId,
    message: Message,
    task: NewTask,
) -> Result<(), Fault> {
    let text = to_text(&message.body)?;
    // Held until the message is there: an execution that has one is not removed.
    let row = workflow_executions::table.find(Id::from(execution)).select(workflow_executions::generation);
    let generation: Option<i32> = on_conn!(tx,
        postgres conn => row.for_key_share().first(conn).await.optional(),
        sqlite conn => row.first(conn).await.optional()
    )?;
    let generation = generation
        .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("execution `{execution}` does not exist")))?;
    let now = db.now(tx).await?;
    let new: usize = on_conn!(tx, conn => {
        diesel::insert_into(inbox::table)
            .values((
                inbox::id.eq(Id::from(message.id)),
                inbox::execution_id.eq(Id::from(execution)),
                inbox::body.eq(text),
            ))
            .on_conflict_do_nothing()
            .execute(conn)
            .await
    })?;
    if new == 0 {
        return Ok(());
    }
    let mut queue = QueueRows::default();
    queue.add(execution, generation, [task], now);
    Ok(insert_queue(tx, queue).await?)
}

pub(super) async fn inbox(db: &Database, execution: ExecutionId) -> Result<Vec<Message>, Error> {
    let mut conn = db.reader().await?;
    let rows: QueryResult<Vec<(Id, String)>> = on_conn!(&mut conn.tx(), conn => {
        inbox::table
            .filter(inbox::execution_id.eq(Id::from(execution)))
            .order(inbox::position)
            .select((inbox::id, inbox::body))
            .load(conn)
            .await
    });
    let context = format!("could not load the messages of execution `{execution}`");
    let rows = rows.map_err(|error| Fault::from(error).into_error(context))?;
    rows.into_iter().map(|(id, body)| Ok(Message { id: id.into(), body: from_text(&body)? })).collect()
}

pub(super) async fn logs(
    db: &Database,
    execution: ExecutionId,
    skip: u32,
    limit: u32,
) -> Result<Vec<LogLine>, Error> {
    let mut conn = db.reader().await?;
    let rows: QueryResult<Vec<(At, String, String)>> = on_conn!(&mut conn.tx(), conn => {
        execution_logs::table
            .filter(execution_logs::execution_id.eq(Id::from(execution)))
            .order(execution_logs::position)
            .offset(skip.into())
            .limit(limit.into())
            .select((execution_logs::logged_at, execution_logs::path, execution_logs::message))
            .load(conn)
            .await
    });
    let context = format!("could not load the log of execution `{execution}`");
    let rows = rows.map_err(|error| Fault::from(error).into_error(context))?;
    Ok(rows.into_iter().map(|(at, path, message)| LogLine { at: at.0, path, message }).collect())
}
