//! The beginning of executions: their rows, first facts and tasks, all in one commit.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::collections::HashMap;

use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_core::workflow::Overlap;
use codeflow_engine::{Error, ErrorKind, FIRST_SEQ, NewExecution, NewTask, Session, Started};
use diesel::QueryResult;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, insert_all, on_conn};
use crate::payload::{Blobs, Payload, to_text};
use crate::rows::{FactRow, QueueRows};
use crate::schema::{ready, ready_group, task, timer};

/// A [`NewExecution`] in the shape of rows: all that takes time is done before the transaction begins.
struct Beginning {
    new: NewExecution,
    inputs: Payload,
    outputs: Payload,
    error: Option<String>,
    facts: Vec<FactRow>,
    blobs: Blobs,
    tasks: Vec<NewTask>,
    place: Place,
}

/// Whether an execution may run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It needs no place under a key, or none was looked for yet.
    Free,
    /// It has one.
    Held,
    /// It waits for one: its tasks are kept, and due later.
    Waits,
    /// It is not to be started, because another one has its place.
    Skips(ExecutionId),
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
            place: Place::Free,
            new,
        })
    }

    /// Where a key counts.
    fn scope(&self) -> String {
        format!("start:{}", self.new.tenant.scoped(self.new.workflow.as_str()))
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
    #[cfg(feature = "postgres")]
    if all.iter().any(|one| one.new.slot.is_some()) && db.is_postgres() {
        let started = postgres::start_with_places(db, all, taker).await;
        return started.map_err(|fault| fault.into_error(context));
    }
    let mut conn = db.writer().await?;
    let started = on_conn!(&mut conn.tx(),
        postgres conn => postgres::start(db, conn, all, taker).await,
        sqlite conn => sqlite::start(db, conn, all, taker).await
    );
    started.map_err(|fault| fault.into_error(context))
}

/// What is known of a key: how many places are taken, who has the first of them, and whether somebody waits.
#[derive(Clone, Copy, Default)]
struct Taken {
    count: u32,
    first: Option<ExecutionId>,
    waiting: bool,
}

/// Decides who gets a place, in the order of the starts.
fn find_places(all: &mut [Beginning], mut taken: HashMap<String, Taken>) {
    for one in all {
        let Some(slot) = &one.new.slot else { continue };
        let known = taken.entry(slot.key.clone()).or_default();
        one.place = match (known.count < slot.most && !known.waiting, slot.on_new, known.first) {
            (true, ..) => Place::Held,
            (false, Overlap::Skip, Some(first)) => Place::Skips(first),
            (false, ..) => Place::Waits,
        };
        match one.place {
            Place::Held => known.count += 1,
            Place::Waits => known.waiting = true,
            Place::Free | Place::Skips(_) => {}
        }
        known.first = known.first.or(Some(one.new.id));
    }
}

fn unknown_version(new: &NewExecution) -> Error {
    let context = format!("workflow `{}` has no version `{}`", new.workflow, new.version);
    Error::new(ErrorKind::NotFound, context)
}

pub(super) async fn insert_queue(tx: &mut Tx<'_>, queue: QueueRows) -> QueryResult<()> {
    for group in queue.groups() {
        on_conn!(tx, conn => {
            diesel::insert_into(ready_group::table).values(group).on_conflict_do_nothing().execute(conn).await
        })?;
    }
    insert_all!(tx, task::table, queue.tasks)?;
    insert_all!(tx, ready::table, queue.ready)?;
    insert_all!(tx, timer::table, queue.timers)?;
    Ok(())
}
