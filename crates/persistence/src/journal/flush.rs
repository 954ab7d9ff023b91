//! Group commit: the moves of many executions in one commit, fenced by the session that makes them.

#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::collections::HashSet;

use codeflow_core::ExecutionId;
use codeflow_core::execution::ExecutionStatus;
use codeflow_engine::{Advance, Error, Flushed, NewTask, Session, SlotMove};

use crate::Database;
use crate::conn::on_conn;
use crate::payload::{Blobs, Payload, to_text};
use crate::rows::{FactRow, LogRow, signed};
use crate::sql_types::Id;

/// An [`Advance`] in the shape of rows: all that takes time is done before the transaction begins.
struct Move {
    execution: ExecutionId,
    expected_seq: i64,
    generation: i32,
    status: ExecutionStatus,
    stopping: bool,
    ended: bool,
    began_us: i64,
    outputs: Payload,
    error: Option<String>,
    facts: Vec<FactRow>,
    blobs: Blobs,
    done: Vec<Id>,
    dropped: Vec<Id>,
    tasks: Vec<NewTask>,
    read: Vec<Id>,
    slot: Option<SlotMove>,
    logs: Vec<LogRow>,
}

impl Move {
    fn new(advance: Advance) -> Result<Self, Error> {
        let Advance { execution, expected_seq, generation, .. } = advance;
        let generation = signed(generation);
        let mut blobs = Blobs::new();
        let facts = FactRow::all(execution, generation, expected_seq + 1, &advance.facts, &mut blobs)?;
        let ended = advance.ending.is_some();
        let ending = advance.ending.unwrap_or(codeflow_engine::Ending { outputs: None, error: None });
        let began = advance.began.unwrap_or_default();
        Ok(Self {
            execution,
            expected_seq,
            generation,
            status: advance.status,
            stopping: advance.stopping,
            ended,
            began_us: i64::try_from(began.as_micros()).unwrap_or(i64::MAX),
            outputs: Payload::pack_option(ending.outputs.as_deref(), &mut blobs)?,
            error: ending.error.as_ref().map(to_text).transpose()?,
            facts,
            blobs,
            done: advance.done.into_iter().map(Id::from).collect(),
            dropped: advance.dropped.into_iter().map(Id::from).collect(),
            tasks: advance.tasks,
            slot: advance.slot,
            read: advance.read.into_iter().map(Id::from).collect(),
            logs: advance.logs.into_iter().map(|line| LogRow::of(execution, line)).collect(),
        })
    }
}

#[cfg(feature = "postgres")]
impl Move {
    /// Results, and what they make due at once; nothing else.
    fn is_plain(&self) -> bool {
        self.blobs.is_empty()
            && self.dropped.is_empty()
            && self.read.is_empty()
            && self.logs.is_empty()
            && self.slot.is_none()
            && self.tasks.iter().all(|task| task.after.is_none())
    }

    /// A result, and at most one task that follows and is worked on at once.
    fn is_one(&self) -> bool {
        let in_hand = self.tasks.iter().all(|task| task.taken.is_some());
        self.is_plain() && self.facts.len() <= 1 && self.tasks.len() <= 1 && in_hand
    }
}

/// Writes what it can. Of several moves of one execution only the first has a chance: the others were
/// planned without it.
pub(super) async fn flush(
    db: &Database,
    session: Session,
    advances: Vec<Advance>,
) -> Result<Vec<Flushed>, Error> {
    if advances.is_empty() {
        return Ok(Vec::new());
    }
    let asked: Vec<ExecutionId> = advances.iter().map(|advance| advance.execution).collect();
    let mut seen = HashSet::new();
    let first: Vec<bool> = asked.iter().map(|id| seen.insert(*id)).collect();
    let moves = advances.into_iter().zip(&first).filter(|(_, first)| **first);
    let moves = moves.map(|(advance, _)| Move::new(advance)).collect::<Result<Vec<_>, _>>()?;
    let mut conn = db.writer().await?;
    let moved: Result<HashSet<ExecutionId>, _> = on_conn!(&mut conn.tx(),
        postgres conn => postgres::flush(db, conn, session, moves).await,
        sqlite conn => sqlite::flush(db, conn, session, moves).await
    );
    let moved = moved.map_err(|fault| fault.into_error("could not commit the moves of executions"))?;
    let answer = |(id, first): (ExecutionId, bool)| {
        if first && moved.contains(&id) { Flushed::Committed } else { Flushed::Conflict }
    };
    Ok(asked.into_iter().zip(first).map(answer).collect())
}
