//! Who waited for a place under its key and gets it: the oldest first, as many as there are places.

use codeflow_core::ExecutionId;
use codeflow_engine::{Admitted, Error};
use diesel::QueryableByName;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, on_conn};
use crate::error::Fault;
use crate::rows::{ATTEMPT, ReadyRow};
use crate::schema::{ready, slot_holder, slot_waiter, task, timer, workflow_executions as executions};
use crate::sql_types::Id;

/// How many keys are looked at in one step.
const KEYS: i64 = 500;

/// Whoever looks for a place under a key at the same time is left alone with it.
#[cfg(feature = "postgres")]
const LOCK: &str = "SELECT key FROM (SELECT DISTINCT key FROM slot_waiter ORDER BY key LIMIT $1) AS waiting \
    WHERE pg_try_advisory_xact_lock(hashtextextended(key, 0))";

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    key: String,
}

pub(super) async fn admit(db: &Database, limit: u32) -> Result<Admitted, Error> {
    let anybody = waits(db).await;
    if !anybody.map_err(|fault| fault.into_error("could not look for who waits"))? {
        return Ok(Admitted::default());
    }
    let body = async |mut tx: Tx<'_>| let_in(&mut tx, limit).await;
    let admitted = db.transaction("admit", body).await;
    admitted.map_err(|fault| fault.into_error("could not let waiting executions run"))
}

async fn waits(db: &Database) -> Result<bool, Fault> {
    let mut conn = db.reader().await?;
    let first: Option<Id> = on_conn!(&mut conn.tx(), conn => {
        slot_waiter::table.select(slot_waiter::execution_id).first(conn).await.optional()
    })?;
    Ok(first.is_some())
}

async fn let_in(tx: &mut Tx<'_>, limit: u32) -> Result<Admitted, Fault> {
    let keys: Vec<String> = on_conn!(tx,
        postgres conn => {
            let rows: Vec<KeyRow> =
                diesel::sql_query(LOCK).bind::<diesel::sql_types::BigInt, _>(KEYS).load(conn).await?;
            rows.into_iter().map(|row| row.key).collect()
        },
        sqlite conn => {
            let keys = slot_waiter::table.select(slot_waiter::key).distinct().order(slot_waiter::key);
            keys.limit(KEYS).load(conn).await?
        }
    );
    forget_the_ended(tx, &keys).await?;
    let places = Places::load(tx, &keys).await?;
    let (admitted, replaced) = places.decide(limit);
    move_in(tx, &admitted).await?;
    Ok(Admitted { admitted: u32::try_from(admitted.len()).unwrap_or(u32::MAX), replaced })
}

/// The end of an execution gives its place back with the same commit. One that was let in at that very moment has its
/// place taken away here.
async fn forget_the_ended(tx: &mut Tx<'_>, keys: &[String]) -> QueryResult<()> {
    let ended = executions::table.filter(executions::finished_at.is_not_null()).select(executions::id);
    on_conn!(tx, conn => {
        let over = slot_holder::key.eq_any(keys).and(slot_holder::execution_id.eq_any(ended));
        diesel::delete(slot_holder::table.filter(over)).execute(conn).await
    })?;
    on_conn!(tx, conn => {
        let over = slot_waiter::key.eq_any(keys).and(slot_waiter::execution_id.eq_any(ended));
        diesel::delete(slot_waiter::table.filter(over)).execute(conn).await
    })?;
    Ok(())
}

/// Somebody with a key: its id, and whether it is being stopped.
type Known = (Id, String, bool);

/// Who gets a place, and under which key.
type Admission = (Id, String);

struct Places {
    holders: Vec<Known>,
    waiters: Vec<(Known, i32, bool)>,
}

impl Places {
    async fn load(tx: &mut Tx<'_>, keys: &[String]) -> QueryResult<Self> {
        let holders = on_conn!(tx, conn => {
            slot_holder::table
                .inner_join(executions::table.on(executions::id.eq(slot_holder::execution_id)))
                .filter(slot_holder::key.eq_any(keys))
                .order(slot_holder::execution_id)
                .select((slot_holder::execution_id, slot_holder::key, executions::stopping))
                .load(conn)
                .await
        })?;
        let waiters = on_conn!(tx, conn => {
            slot_waiter::table
                .inner_join(executions::table.on(executions::id.eq(slot_waiter::execution_id)))
                .filter(slot_waiter::key.eq_any(keys))
                .order(slot_waiter::position)
                .select((
                    (slot_waiter::execution_id, slot_waiter::key, executions::stopping),
                    slot_waiter::most,
                    slot_waiter::replaces,
                ))
                .load(conn)
                .await
        })?;
        Ok(Self { holders, waiters })
    }

    /// Who gets a place, and who is to be replaced by whom.
    fn decide(self, limit: u32) -> (Vec<Admission>, Vec<(ExecutionId, ExecutionId)>) {
        let (mut admitted, mut replaced) = (Vec::new(), Vec::new());
        let mut present = self.holders;
        let mut blocked: Vec<Known> = Vec::new();
        for (waiter, most, replaces) in self.waiters {
            let taken = present.iter().filter(|(_, key, _)| *key == waiter.1).count();
            let first = !blocked.iter().any(|(_, key, _)| *key == waiter.1);
            let room = usize::try_from(most).is_ok_and(|most| taken < most);
            if first && room && admitted.len() < limit as usize {
                admitted.push((waiter.0, waiter.1.clone()));
                present.push(waiter);
                continue;
            }
            let rivals = present.iter().chain(&blocked).filter(|(_, key, told)| *key == waiter.1 && !told);
            if replaces {
                replaced.extend(rivals.map(|(rival, ..)| ((*rival).into(), waiter.0.into())));
            }
            blocked.push(waiter);
        }
        (admitted, replaced)
    }
}

/// What was kept back of their tasks, which is attempts, is due.
async fn move_in(tx: &mut Tx<'_>, admitted: &[Admission]) -> Result<(), Fault> {
    let ids: Vec<Id> = admitted.iter().map(|(id, _)| *id).collect();
    let holders: Vec<_> = admitted
        .iter()
        .map(|(id, key)| (slot_holder::execution_id.eq(*id), slot_holder::key.eq(key.clone())))
        .collect();
    if holders.is_empty() {
        return Ok(());
    }
    on_conn!(tx, conn => {
        diesel::delete(slot_waiter::table.filter(slot_waiter::execution_id.eq_any(&ids))).execute(conn).await
    })?;
    crate::conn::insert_all!(tx, slot_holder::table, holders)?;
    let due: Vec<(Id, String, i16, bool, i32)> = on_conn!(tx, conn => {
        task::table
            .left_join(timer::table.on(timer::task_id.eq(task::id)))
            .left_join(ready::table.on(ready::task_id.eq(task::id)))
            .filter(task::execution_id.eq_any(&ids))
            .filter(task::kind.eq(ATTEMPT))
            .filter(timer::due.is_null())
            .filter(ready::lane.is_null())
            .order(task::id)
            .select((task::id, task::lane, task::priority, task::suspect, task::fair))
            .load(conn)
            .await
    })?;
    let row = |(task_id, lane, priority, suspect, fair)| ReadyRow { task_id, lane, priority, suspect, fair };
    let due: Vec<ReadyRow> = due.into_iter().map(row).collect();
    crate::conn::insert_all!(tx, ready::table, due)?;
    Ok(())
}
