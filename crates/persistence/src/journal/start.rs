//! The beginning of executions: their rows, first facts and tasks, all in one commit.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Error, ErrorKind, FIRST_SEQ, NewExecution, NewTask, Session, Started};
use diesel::QueryResult;

use crate::Database;
use crate::conn::{Tx, insert_all, on_conn};
use crate::payload::{Blobs, Payload, to_text};
use crate::rows::{FactRow, QueueRows};
use crate::schema::{ready, task, timer};

/// A [`NewExecution`] in the shape of rows: all that takes time is done before the transaction begins.
struct Beginning {
    new: NewExecution,
    inputs: Payload,
    outputs: Payload,
    error: Option<String>,
    facts: Vec<FactRow>,
    blobs: Blobs,
    tasks: Vec<NewTask>,
}

impl Beginning {
    fn new(mut new: NewExecution) -> Result<Self, Error> {
        if new.idempotency_key.as_ref().is_some_and(|key| key.contains('\0')) {
            let context = "an idempotency key cannot hold the zero character";
            return Err(Error::new(ErrorKind::InvalidInput, context));
        }
        let mut blobs = Blobs::new();
        let ending = new.ending.as_ref();
        Ok(Self {
            inputs: Payload::pack(&new.inputs, &mut blobs)?,
            outputs: Payload::pack_option(ending.and_then(|ending| ending.outputs.as_deref()), &mut blobs)?,
            error: ending.and_then(|ending| ending.error.as_ref()).map(to_text).transpose()?,
            facts: FactRow::all(new.id, 0, FIRST_SEQ, &new.facts, &mut blobs)?,
            blobs,
            tasks: std::mem::take(&mut new.tasks),
            new,
        })
    }

    /// Where a key counts.
    fn scope(&self) -> String {
        format!("start:{}", self.new.workflow)
    }

    fn begun(&self) -> bool {
        self.new.status != ExecutionStatus::Queued
    }
}

pub(super) async fn start_all(
    db: &Database,
    executions: Vec<NewExecution>,
    taker: Option<Session>,
) -> Result<Vec<Started>, Error> {
    if executions.is_empty() {
        return Ok(Vec::new());
    }
    let context = match &executions[..] {
        [one] => format!("could not start execution `{}`", one.id),
        many => format!("could not start {} executions", many.len()),
    };
    let all = executions.into_iter().map(Beginning::new).collect::<Result<Vec<_>, _>>()?;
    let mut conn = db.writer().await?;
    let started = on_conn!(&mut conn.tx(),
        postgres conn => postgres::start(db, conn, all, taker).await,
        sqlite conn => sqlite::start(db, conn, all, taker).await
    );
    started.map_err(|fault| fault.into_error(context))
}

fn unknown_version(new: &NewExecution) -> Error {
    let context = format!("workflow `{}` has no version `{}`", new.workflow, new.version);
    Error::new(ErrorKind::NotFound, context)
}

pub(super) async fn insert_queue(tx: &mut Tx<'_>, queue: QueueRows) -> QueryResult<()> {
    insert_all!(tx, task::table, queue.tasks)?;
    insert_all!(tx, ready::table, queue.ready)?;
    insert_all!(tx, timer::table, queue.timers)?;
    Ok(())
}
