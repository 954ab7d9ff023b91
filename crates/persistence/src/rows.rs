//! The rows of the tables that several files write or read, and how they become the ports' types.

use std::collections::{BTreeMap, BTreeSet};

use codeflow_core::execution::Fact;
use codeflow_core::workflow::WorkflowName;
use codeflow_core::{BatchId, ExecutionId, Tenant, Timestamp};
use codeflow_engine::{BoxError, Error, ErrorKind, LogLine, NewTask, Task, Work};
use diesel::{Insertable, Queryable, QueryableByName};

use crate::error::corrupt;
use crate::payload::{Blobs, pack_fact};
use crate::schema::{blob, execution_logs, ready, ready_group, step_result, task, timer};
use crate::sql_types::{At, DbUuid, Id};

/// An attempt of a step.
pub(crate) const ATTEMPT: i16 = 1;
const EXPIRE: i16 = 2;
const DEADLINE: i16 = 3;
const INBOX: i16 = 4;
const ANSWER: i16 = 5;
const RECALL: i16 = 6;
const COMPENSATE: i16 = 7;
/// Its path is the job's call.
pub(crate) const JOB: i16 = 8;

/// Whose something is, as it is stored.
pub(crate) fn tenant(text: String) -> Result<Tenant, Error> {
    Tenant::try_from(text).map_err(|source| corrupt("a stored tenant has an unreadable name", source))
}

/// The name of a workflow, which is stored with its tenant unless that is the first one.
pub(crate) fn workflow_name(text: &str) -> Result<WorkflowName, Error> {
    let name = text.rsplit_once('/').map_or(text, |(_, name)| name);
    name.parse().map_err(|source| corrupt("a stored workflow has an unreadable name", source))
}

/// The kind and the path of a task.
pub(crate) fn pack_work(work: &Work) -> (i16, String) {
    match work {
        Work::Attempt(path) => (ATTEMPT, path.to_string()),
        Work::Expire(step) => (EXPIRE, step.to_string()),
        Work::Deadline => (DEADLINE, String::new()),
        Work::Inbox => (INBOX, String::new()),
        Work::Job(call) => (JOB, call.to_string()),
        Work::Answer => (ANSWER, String::new()),
        Work::Compensate(step) => (COMPENSATE, step.to_string()),
        Work::Recall(path) => (RECALL, path.to_string()),
    }
}

/// What a task of this kind and path is to do.
pub(crate) fn unpack_work(kind: i16, path: &str) -> Result<Work, Error> {
    let unreadable = |source: BoxError| corrupt("a stored task has an unreadable path", source);
    match kind {
        ATTEMPT => path.parse().map(Work::Attempt).map_err(|source| unreadable(source.into())),
        EXPIRE => path.parse().map(Work::Expire).map_err(|source| unreadable(source.into())),
        DEADLINE => Ok(Work::Deadline),
        INBOX => Ok(Work::Inbox),
        JOB => Ok(Work::Job(path.into())),
        ANSWER => Ok(Work::Answer),
        COMPENSATE => path.parse().map(Work::Compensate).map_err(|source| unreadable(source.into())),
        RECALL => path.parse().map(Work::Recall).map_err(|source| unreadable(source.into())),
        unknown => {
            Err(Error::new(ErrorKind::Corrupt, format!("a stored task has the unknown kind {unknown}")))
        }
    }
}

/// A number from storage that is never negative.
pub(crate) fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// A number as storage keeps it.
pub(crate) fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = task)]
pub(crate) struct TaskRow {
    pub(crate) id: Id,
    pub(crate) execution_id: Id,
    pub(crate) generation: i32,
    pub(crate) kind: i16,
    pub(crate) path: String,
    pub(crate) attempt: i32,
    pub(crate) lane: String,
    pub(crate) priority: i16,
    pub(crate) deaths: i32,
    pub(crate) suspect: bool,
    pub(crate) fair: i32,
}

#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = ready)]
pub(crate) struct ReadyRow {
    pub(crate) task_id: Id,
    pub(crate) lane: String,
    pub(crate) priority: i16,
    pub(crate) suspect: bool,
    pub(crate) fair: i32,
}

#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = timer)]
pub(crate) struct TimerRow {
    pub(crate) task_id: Id,
    pub(crate) due: At,
}

/// New tasks, spread over the tables of the queue.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueueRows {
    pub(crate) tasks: Vec<TaskRow>,
    pub(crate) ready: Vec<ReadyRow>,
    pub(crate) timers: Vec<TimerRow>,
    pub(crate) taken: BTreeMap<Id, Vec<Id>>,
}

/// A lane, a priority and a key: tasks of one lane and priority take turns by their keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Insertable, Queryable)]
#[diesel(table_name = ready_group)]
pub(crate) struct GroupRow {
    pub(crate) lane: String,
    pub(crate) priority: i16,
    pub(crate) fair: i32,
}

impl QueueRows {
    /// The groups of the tasks.
    pub(crate) fn groups(&self) -> Vec<GroupRow> {
        let group =
            |task: &TaskRow| GroupRow { lane: task.lane.clone(), priority: task.priority, fair: task.fair };
        self.tasks.iter().map(group).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Adds the tasks of one execution.
    pub(crate) fn add(
        &mut self,
        execution: ExecutionId,
        generation: i32,
        tasks: impl IntoIterator<Item = NewTask>,
        now: Timestamp,
    ) {
        for new in tasks {
            let (kind, path) = pack_work(&new.work);
            let id = Id::from(new.id);
            match (new.after, new.taken) {
                (Some(after), _) => self.timers.push(TimerRow { task_id: id, due: At(now.after(after)) }),
                (None, Some(batch)) => self.taken.entry(batch.into()).or_default().push(id),
                (None, None) => self.ready.push(ReadyRow {
                    task_id: id,
                    lane: new.lane.clone(),
                    priority: new.priority,
                    suspect: false,
                    fair: new.fair,
                }),
            }
            self.tasks.push(TaskRow {
                id,
                execution_id: execution.into(),
                generation,
                kind,
                path,
                attempt: signed(new.attempt),
                lane: new.lane,
                priority: new.priority,
                deaths: 0,
                suspect: false,
                fair: new.fair,
            });
        }
    }
}

/// A claimed task's body.
#[derive(Clone, Debug, Queryable, QueryableByName)]
pub(crate) struct ClaimedRow {
    #[diesel(sql_type = DbUuid)]
    pub(crate) id: Id,
    #[diesel(sql_type = DbUuid)]
    pub(crate) execution_id: Id,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub(crate) generation: i32,
    #[diesel(sql_type = diesel::sql_types::SmallInt)]
    pub(crate) kind: i16,
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub(crate) path: String,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub(crate) attempt: i32,
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub(crate) lane: String,
    #[diesel(sql_type = diesel::sql_types::SmallInt)]
    pub(crate) priority: i16,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub(crate) deaths: i32,
    #[diesel(sql_type = diesel::sql_types::Integer)]
    pub(crate) fair: i32,
}

impl ClaimedRow {
    /// The task, as a member of its batch.
    pub(crate) fn into_task(self, batch: BatchId) -> Result<Task, Error> {
        Ok(Task {
            id: self.id.into(),
            execution: self.execution_id.into(),
            generation: unsigned(self.generation),
            work: unpack_work(self.kind, &self.path)?,
            attempt: unsigned(self.attempt),
            lane: self.lane,
            priority: self.priority,
            fair: self.fair,
            deaths: unsigned(self.deaths),
            batch,
        })
    }
}

#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = step_result)]
pub(crate) struct FactRow {
    pub(crate) execution_id: Id,
    pub(crate) generation: i32,
    pub(crate) path: String,
    pub(crate) kind: i16,
    pub(crate) seq: i64,
    pub(crate) ordinal: i32,
    pub(crate) fact: String,
    pub(crate) payload: Option<String>,
    pub(crate) payload_hash: Option<Vec<u8>>,
}

impl FactRow {
    /// The rows of facts that are committed together as number `seq`.
    pub(crate) fn all(
        execution: ExecutionId,
        generation: i32,
        seq: i64,
        facts: &[Fact],
        blobs: &mut Blobs,
    ) -> Result<Vec<Self>, Error> {
        let mut rows = Vec::with_capacity(facts.len());
        for (ordinal, fact) in (0..).zip(facts) {
            let (text, payload) = pack_fact(fact, blobs)?;
            rows.push(Self {
                execution_id: execution.into(),
                generation,
                path: fact.path(),
                kind: fact.kind() as i16,
                seq,
                ordinal,
                fact: text,
                payload: payload.text,
                payload_hash: payload.hash,
            });
        }
        Ok(rows)
    }
}

#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = blob)]
pub(crate) struct BlobRow {
    pub(crate) hash: Vec<u8>,
    pub(crate) body: String,
}

impl BlobRow {
    /// The rows of all blobs, in their order.
    pub(crate) fn all(blobs: Blobs) -> Vec<Self> {
        blobs.into_iter().map(|(hash, body)| Self { hash, body }).collect()
    }
}

#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = execution_logs)]
pub(crate) struct LogRow {
    pub(crate) execution_id: Id,
    pub(crate) logged_at: At,
    pub(crate) path: String,
    pub(crate) message: String,
}

impl LogRow {
    /// The row of a line. PostgreSQL's text has no zero character; people do not miss it in a log.
    pub(crate) fn of(execution: ExecutionId, line: LogLine) -> Self {
        let visible = |text: String| if text.contains('\0') { text.replace('\0', "\u{2400}") } else { text };
        Self {
            execution_id: execution.into(),
            logged_at: At(line.at),
            path: visible(line.path),
            message: visible(line.message),
        }
    }
}
