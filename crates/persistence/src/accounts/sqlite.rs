//! Accounts on SQLite: each call is one immediate transaction on one blocking thread.

mod insert;

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{SessionId, Timestamp};
use codeflow_gateway::{Answer, Balance, Batch, Committed, Ending, Entry, Others, Outcome, decide};
use diesel::prelude::*;

use super::tables::{account_session, budget, budget_slice};
use super::{Key, micros, usd};
use crate::Database;
use crate::conn::LiteConn;
use crate::error::Fault;
use crate::sql_types::{At, Id};

/// For how long the end of a session is remembered.
const MEMORY_US: i64 = 24 * 60 * 60 * 1_000_000;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = budget)]
struct BudgetRow {
    rule: String,
    tenant: String,
    subject: String,
    since: At,
    spent: i64,
    unknown: i64,
    leased: i64,
    recall: i64,
    tight_until: Option<At>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = budget_slice)]
struct SliceRow {
    rule: String,
    tenant: String,
    subject: String,
    since: At,
    session_id: Id,
    amount: i64,
    held: i64,
    answered: i64,
}

pub(super) async fn commit(
    db: &Database,
    conn: &mut LiteConn,
    batch: Arc<Batch>,
) -> Result<Committed, Fault> {
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        let session = Id::from(batch.session);
        let found: Option<(i64, At, Option<At>)> = account_session::table
            .find(session)
            .select((account_session::seq, account_session::expires_at, account_session::ended_at))
            .first(conn)
            .optional()?;
        let Some((seq, expires_at, ended_at)) = found else { return Ok(Committed::Lost { seq: 0 }) };
        let is_alive = ended_at.is_none() && now < expires_at.0;
        let is_new = batch.seq == seq + 1;
        if !is_alive || (!is_new && batch.seq != seq) {
            return Ok(Committed::Lost { seq });
        }
        let entries = batch.entries.iter();
        let answers =
            entries.map(|entry| answer(conn, &batch, (entry, is_new), now)).collect::<Result<_, Fault>>()?;
        if is_new {
            let renewed = (
                account_session::seq.eq(batch.seq),
                account_session::expires_at.eq(At(now.after(batch.lease))),
            );
            diesel::update(account_session::table.find(session)).set(renewed).execute(conn)?;
            insert::calls(conn, &batch.rows)?;
        }
        Ok(Committed::Done(answers))
    };
    db.write_on_sqlite(conn, "commit_accounts", body).await
}

/// A budget as a session sees it.
struct View {
    budget: BudgetRow,
    own: SliceRow,
    /// The slices of others that have answered the recall that matters.
    answered: i64,
}

impl View {
    fn load(conn: &mut SqliteConnection, session_id: Id, entry: &Entry) -> Result<Self, Fault> {
        let Key { rule, tenant, subject, since } = Key::of(&entry.key);
        let key = (rule.as_str(), tenant.as_str(), subject.as_str(), since);
        let budget = find_budget(conn, key)?;
        let (own, others): (Vec<_>, Vec<_>) =
            slices_of(conn, key)?.into_iter().partition(|slice| slice.session_id == session_id);
        let has_answered = |slice: &&SliceRow| entry.asked > 0 && slice.answered >= entry.asked;
        let answered = others.iter().filter(has_answered).map(|slice| slice.amount).sum();
        let own = own.into_iter().next();
        let none = || SliceRow { rule, tenant, subject, since, session_id, amount: 0, held: 0, answered: 0 };
        Ok(Self { budget, own: own.unwrap_or_else(none), answered })
    }

    fn is_tight(&self, now: Timestamp) -> bool {
        self.budget.tight_until.is_some_and(|until| now < until.0)
    }

    /// Does what an entry says.
    fn enter(&mut self, entry: &Entry, tight: Duration, now: Timestamp) -> Outcome {
        let is_tight = self.is_tight(now);
        let Self { budget, own, answered } = self;
        let before =
            Balance { spent: usd(budget.spent), unknown: usd(budget.unknown), leased: usd(budget.leased) };
        let others =
            Others { own: usd(own.amount), answered: usd(*answered), recall: budget.recall, tight: is_tight };
        let verdict = decide(entry, before, others);
        budget.spent += micros(entry.spent);
        budget.leased = (budget.leased - micros(entry.shrink)).max(0) + micros(verdict.grant);
        if let Outcome::Recalling(number) = verdict.outcome {
            budget.recall = budget.recall.max(number);
            budget.tight_until = Some(At(now.after(tight)));
        }
        own.amount = (own.amount - micros(entry.shrink)).max(0) + micros(verdict.grant);
        own.held = micros(entry.held);
        own.answered = own.answered.max(entry.answers);
        verdict.outcome
    }
}

/// Does what an entry says, or only looks how things stand when that is done already.
fn answer(
    conn: &mut SqliteConnection,
    batch: &Batch,
    (entry, is_new): (&Entry, bool),
    now: Timestamp,
) -> Result<Answer, Fault> {
    let mut view = View::load(conn, Id::from(batch.session), entry)?;
    let mut outcome = Outcome::Granted;
    if is_new {
        outcome = view.enter(entry, batch.tight, now);
        put(conn, &view, entry.retire)?;
    }
    let tight = view.is_tight(now);
    Ok(Answer { slice: usd(view.own.amount), spent: usd(view.budget.spent), outcome, tight })
}

type KeyRef<'a> = (&'a str, &'a str, &'a str, At);

fn find_budget(conn: &mut SqliteConnection, key: KeyRef<'_>) -> Result<BudgetRow, Fault> {
    let found = budget::table.find(key).select(BudgetRow::as_select()).first(conn).optional()?;
    let (rule, tenant, subject, since) = key;
    Ok(found.unwrap_or_else(|| BudgetRow {
        rule: rule.to_owned(),
        tenant: tenant.to_owned(),
        subject: subject.to_owned(),
        since,
        spent: 0,
        unknown: 0,
        leased: 0,
        recall: 0,
        tight_until: None,
    }))
}

fn slices_of(conn: &mut SqliteConnection, key: KeyRef<'_>) -> Result<Vec<SliceRow>, Fault> {
    let (rule, tenant, subject, since) = key;
    let slices = budget_slice::table
        .filter(budget_slice::rule.eq(rule))
        .filter(budget_slice::tenant.eq(tenant))
        .filter(budget_slice::subject.eq(subject))
        .filter(budget_slice::since.eq(since));
    Ok(slices.select(SliceRow::as_select()).load(conn)?)
}

fn put(conn: &mut SqliteConnection, view: &View, retire: bool) -> Result<(), Fault> {
    let own = &view.own;
    diesel::replace_into(budget::table).values(&view.budget).execute(conn)?;
    if retire && own.amount == 0 {
        let key = (&own.rule, &own.tenant, &own.subject, own.since, own.session_id);
        diesel::delete(budget_slice::table.find(key)).execute(conn)?;
    } else {
        diesel::replace_into(budget_slice::table).values(own).execute(conn)?;
    }
    Ok(())
}

pub(super) async fn end(db: &Database, conn: &mut LiteConn, which: Ending) -> Result<(i64, i64), Fault> {
    let body = move |conn: &mut SqliteConnection, now: Timestamp| {
        let dead = dead(conn, which, now)?;
        let all = budget_slice::session_id.eq_any(&dead);
        let slices: Vec<SliceRow> =
            budget_slice::table.filter(all).select(SliceRow::as_select()).load(conn)?;
        let mut charged = 0;
        for slice in slices {
            let held = slice.held.min(slice.amount);
            charged += held;
            let key = (slice.rule.as_str(), slice.tenant.as_str(), slice.subject.as_str(), slice.since);
            let mut row = find_budget(conn, key)?;
            row.spent += held;
            row.unknown += held;
            row.leased = (row.leased - slice.amount).max(0);
            diesel::replace_into(budget::table).values(&row).execute(conn)?;
        }
        diesel::delete(budget_slice::table.filter(budget_slice::session_id.eq_any(&dead))).execute(conn)?;
        diesel::update(account_session::table.filter(account_session::id.eq_any(&dead)))
            .set(account_session::ended_at.eq(At(now)))
            .execute(conn)?;
        let long_ago = At(Timestamp::from_micros(now.micros() - MEMORY_US));
        diesel::delete(account_session::table.filter(account_session::ended_at.lt(long_ago)))
            .execute(conn)?;
        Ok((i64::try_from(dead.len()).unwrap_or(i64::MAX), charged))
    };
    db.write_on_sqlite(conn, "end_accounts", body).await
}

fn dead(conn: &mut SqliteConnection, which: Ending, now: Timestamp) -> Result<Vec<Id>, Fault> {
    let open = account_session::table.filter(account_session::ended_at.is_null()).select(account_session::id);
    let only: Option<SessionId> = match which {
        Ending::Expired => None,
        Ending::Closed(session) => Some(session),
    };
    let ids = match only {
        Some(session) => open.filter(account_session::id.eq(Id::from(session))).load(conn)?,
        None => open.filter(account_session::expires_at.le(At(now))).load(conn)?,
    };
    Ok(ids)
}
