//! The end of sessions: what they held goes back into the queue, or into quarantine.

use std::collections::HashMap;

use codeflow_core::TaskId;
use codeflow_engine::{Dead, Error, MAX_DEATHS, Recovered, Session};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, SmallInt, Text};
use diesel_async::RunQueryDsl;

use crate::Database;
use crate::conn::{Tx, insert_all, on_conn};
use crate::error::Fault;
use crate::rows::{ReadyRow, signed};
use crate::schema::{ready, session, task};
use crate::sql_types::{At, DbUuid, Id};

/// What the claims of a session name and what is not done. Both lock it against whoever ends it.
#[cfg(feature = "postgres")]
const HELD_ON_POSTGRES: &str = "\
    SELECT claim.session_id, task.id, task.lane, task.priority, task.deaths, task.suspect, task.fair
    FROM claim CROSS JOIN unnest(claim.ids) AS held (id) JOIN task ON task.id = held.id
    WHERE claim.session_id = ANY (?)
    ORDER BY task.id FOR UPDATE OF task";
#[cfg(feature = "sqlite")]
const HELD_ON_SQLITE: &str = "\
    SELECT claim.session_id, task.id, task.lane, task.priority, task.deaths, task.suspect, task.fair
    FROM claim, json_each(claim.ids) AS held JOIN task ON task.id = held.value
    WHERE claim.session_id IN (SELECT value FROM json_each(?))
    ORDER BY task.id";

#[derive(QueryableByName)]
struct Held {
    #[diesel(sql_type = DbUuid)]
    session_id: Id,
    #[diesel(sql_type = DbUuid)]
    id: Id,
    #[diesel(sql_type = Text)]
    lane: String,
    #[diesel(sql_type = SmallInt)]
    priority: i16,
    #[diesel(sql_type = Integer)]
    deaths: i32,
    #[diesel(sql_type = Bool)]
    suspect: bool,
    #[diesel(sql_type = Integer)]
    fair: i32,
}

impl Held {
    fn ready(&self, suspect: bool) -> ReadyRow {
        ReadyRow {
            task_id: self.id,
            lane: self.lane.clone(),
            priority: self.priority,
            suspect,
            fair: self.fair,
        }
    }
}

/// What becomes of the tasks that dead sessions held.
#[derive(Default)]
struct Verdict {
    back: Vec<ReadyRow>,
    blamed: Vec<Id>,
    quarantined: Vec<Id>,
}

impl Verdict {
    /// Only a task that its worker ran alone can have killed it for certain.
    fn over(held: &[Held]) -> Self {
        let mut counts: HashMap<Id, u32> = HashMap::new();
        for one in held {
            *counts.entry(one.session_id).or_default() += 1;
        }
        let mut verdict = Self::default();
        for one in held {
            let alone = counts.get(&one.session_id) == Some(&1);
            if alone {
                verdict.blamed.push(one.id);
            }
            if alone && one.deaths + 1 >= signed(MAX_DEATHS) {
                verdict.quarantined.push(one.id);
            } else {
                verdict.back.push(one.ready(true));
            }
        }
        verdict
    }
}

pub(super) async fn recover(db: &Database, dead: Dead) -> Result<Recovered, Error> {
    let body = async |mut tx: Tx<'_>| take_over(db, &mut tx, dead).await;
    db.transaction("recover", body).await.map_err(|fault| fault.into_error("could not recover lost work"))
}

async fn take_over(db: &Database, tx: &mut Tx<'_>, dead: Dead) -> Result<Recovered, Fault> {
    let now = At(db.now(tx).await?);
    let sessions = lock_dead(tx, dead, now).await?;
    if sessions.is_empty() {
        return Ok(Recovered::default());
    }
    let held = load_held(tx, &sessions).await?;
    let verdict = Verdict::over(&held);
    let ids: Vec<Id> = held.iter().map(|one| one.id).collect();
    on_conn!(tx, conn => {
        diesel::update(task::table.filter(task::id.eq_any(&ids)))
            .set(task::suspect.eq(true))
            .execute(conn)
            .await
    })?;
    on_conn!(tx, conn => {
        diesel::update(task::table.filter(task::id.eq_any(&verdict.blamed)))
            .set(task::deaths.eq(task::deaths + 1))
            .execute(conn)
            .await
    })?;
    on_conn!(tx, conn => {
        diesel::update(task::table.filter(task::id.eq_any(&verdict.quarantined)))
            .set(task::quarantined_at.eq(now))
            .execute(conn)
            .await
    })?;
    end(tx, &sessions, now).await?;
    let recovered = Recovered {
        sessions: u32::try_from(sessions.len()).unwrap_or(u32::MAX),
        tasks: u32::try_from(verdict.back.len()).unwrap_or(u32::MAX),
        quarantined: verdict.quarantined.into_iter().map(TaskId::from).collect(),
    };
    insert_all!(tx, ready::table, verdict.back)?;
    Ok(recovered)
}

/// A session that is in the middle of a write is left for the next round, unless it must be dead.
async fn lock_dead(tx: &mut Tx<'_>, dead: Dead, now: At) -> QueryResult<Vec<Id>> {
    match dead {
        Dead::Expired => {
            let expired = session::table
                .filter(session::ended_at.is_null())
                .filter(session::expires_at.le(now))
                .order(session::id)
                .select(session::id);
            on_conn!(tx,
                postgres conn => expired.for_update().skip_locked().load(conn).await,
                sqlite conn => expired.load(conn).await
            )
        }
        Dead::AllBut(survivor) => {
            let others = session::table
                .filter(session::ended_at.is_null())
                .filter(session::id.ne(Id::from(survivor)))
                .order(session::id)
                .select(session::id);
            on_conn!(tx,
                postgres conn => others.for_update().load(conn).await,
                sqlite conn => others.load(conn).await
            )
        }
    }
}

async fn load_held(tx: &mut Tx<'_>, sessions: &[Id]) -> Result<Vec<Held>, Fault> {
    let held = on_conn!(tx,
        postgres conn => {
            let sessions = sessions.to_vec();
            let query = crate::statement::Statement::new(HELD_ON_POSTGRES);
            query.bind::<diesel::sql_types::Array<DbUuid>, _>(sessions).load(conn).await
        },
        sqlite conn => {
            let sessions: Vec<String> = sessions.iter().map(|id| id.0.to_string()).collect();
            let sessions = crate::payload::to_text(&sessions)?;
            diesel::sql_query(HELD_ON_SQLITE).bind::<Text, _>(sessions).load(conn).await
        }
    );
    Ok(held?)
}

/// Raises the epochs, so that nothing these sessions still try to write is accepted.
async fn end(tx: &mut Tx<'_>, sessions: &[Id], now: At) -> QueryResult<()> {
    use crate::schema::claim;

    on_conn!(tx, conn => {
        diesel::update(session::table.filter(session::id.eq_any(sessions)))
            .set((session::epoch.eq(session::epoch + 1), session::ended_at.eq(now)))
            .execute(conn)
            .await
    })?;
    on_conn!(tx, conn => {
        diesel::delete(claim::table.filter(claim::session_id.eq_any(sessions))).execute(conn).await
    })?;
    Ok(())
}

pub(super) async fn close(db: &Database, session: Session) -> Result<(), Error> {
    let body = async |mut tx: Tx<'_>| give_back(db, &mut tx, session).await;
    let context = format!("could not close session `{}`", session.id);
    db.transaction("close_session", body).await.map_err(|fault| fault.into_error(context))
}

async fn give_back(db: &Database, tx: &mut Tx<'_>, session: Session) -> Result<(), Fault> {
    let now = At(db.now(tx).await?);
    let open = session::table
        .filter(session::id.eq(Id::from(session.id)))
        .filter(session::epoch.eq(session.epoch))
        .filter(session::ended_at.is_null())
        .select(session::id);
    let open: Vec<Id> = on_conn!(tx,
        postgres conn => open.for_update().load(conn).await,
        sqlite conn => open.load(conn).await
    )?;
    if open.is_empty() {
        return Ok(());
    }
    let held = load_held(tx, &open).await?;
    end(tx, &open, now).await?;
    let back: Vec<ReadyRow> = held.iter().map(|one| one.ready(one.suspect)).collect();
    insert_all!(tx, ready::table, back)?;
    Ok(())
}
