//! Calls into their table. A prepared statement takes a few rows at a time: reading them from one JSON value was
//! measured to cost five times as much.

use std::borrow::Cow;

use codeflow_core::Usd;
use codeflow_gateway::UsageRow;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel::sqlite::Sqlite;

use crate::accounts::calls::{format_name, signed};
use crate::accounts::clean;
use crate::error::Fault;
use crate::sql_types::{At, DbTime, DbUuid, Id};

/// So many rows go in at once; what is left over, one by one.
const MANY: usize = 16;

const INSERT: &str = "INSERT OR IGNORE INTO model_call (id, began_at, request, tenant, user_name, key_name, \
    execution_id, step, route, provider, model, format, stream, status, error, attempts, input_tokens, \
    cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, output_tokens, reasoning_tokens, cost, estimated, \
    total_us, upstream_us, first_token_us) VALUES ";

pub(super) fn calls(conn: &mut SqliteConnection, rows: &[UsageRow]) -> Result<(), Fault> {
    let (chunks, rest) = rows.as_chunks::<MANY>();
    for chunk in chunks {
        Insert(chunk.each_ref().map(Columns::of)).execute(conn)?;
    }
    for row in rest {
        Insert([Columns::of(row)]).execute(conn)?;
    }
    Ok(())
}

/// One statement for each number of rows, prepared once.
struct Insert<'a, const N: usize>([Columns<'a>; N]);

impl<const N: usize> QueryId for Insert<'_, N> {
    type QueryId = Insert<'static, N>;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<const N: usize> QueryFragment<Sqlite> for Insert<'_, N> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql(INSERT);
        for (index, row) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { "), (" });
            row.walk(out.reborrow())?;
        }
        out.push_sql(")");
        Ok(())
    }
}

impl<Conn, const N: usize> RunQueryDsl<Conn> for Insert<'_, N> {}

/// A row as its columns have it, in groups of one type.
struct Columns<'a> {
    id: Id,
    began_at: At,
    /// The request, the tenant, the key, the route and the status.
    names: [Cow<'a, str>; 5],
    execution: Option<Id>,
    /// The user, the step, the provider, the model, the format and the error.
    options: [Option<Cow<'a, str>>; 6],
    stream: bool,
    attempts: i64,
    /// The six counts of tokens, and the cost.
    numbers: [Option<i64>; 7],
    estimated: bool,
    /// The three latencies.
    latencies: [Option<i64>; 3],
}

impl<'a> Columns<'a> {
    fn of(row: &'a UsageRow) -> Self {
        let usage = &row.usage;
        let format = row.format.map(|format| Cow::Borrowed(format_name(format)));
        let clean_option = |text: Option<&'a str>| text.map(clean);
        Self {
            id: Id(row.id),
            began_at: At(row.at),
            names: [
                clean(&row.request),
                clean(&row.tenant),
                clean(&row.key),
                clean(&row.route),
                Cow::Borrowed(row.status.as_str()),
            ],
            execution: row.execution.map(Id::from),
            options: [
                clean_option(row.user.as_deref()),
                clean_option(row.step.as_deref()),
                clean_option(row.provider.as_deref()),
                clean_option(row.model.as_deref()),
                format,
                clean_option(row.status.code()),
            ],
            stream: row.stream,
            attempts: i64::from(row.attempts),
            numbers: [
                usage.input,
                usage.cache_read,
                usage.cache_write,
                usage.cache_write_1h,
                usage.output,
                usage.reasoning,
                row.cost.map(Usd::micros),
            ]
            .map(signed),
            estimated: row.estimated,
            latencies: [Some(row.latency.total_us), row.latency.upstream_us, row.latency.first_token_us]
                .map(signed),
        }
    }

    /// The values in the order of [`INSERT`].
    fn walk<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let [request, tenant, key, route, status] = &self.names;
        let [user, step, provider, model, format, error] = &self.options;
        out.push_bind_param::<DbUuid, _>(&self.id)?;
        next(&mut out).push_bind_param::<DbTime, _>(&self.began_at)?;
        next(&mut out).push_bind_param::<Text, _>(request)?;
        next(&mut out).push_bind_param::<Text, _>(tenant)?;
        next(&mut out).push_bind_param::<Nullable<Text>, _>(user)?;
        next(&mut out).push_bind_param::<Text, _>(key)?;
        next(&mut out).push_bind_param::<Nullable<DbUuid>, _>(&self.execution)?;
        next(&mut out).push_bind_param::<Nullable<Text>, _>(step)?;
        next(&mut out).push_bind_param::<Text, _>(route)?;
        for text in [provider, model, format] {
            next(&mut out).push_bind_param::<Nullable<Text>, _>(text)?;
        }
        next(&mut out).push_bind_param::<Bool, _>(&self.stream)?;
        next(&mut out).push_bind_param::<Text, _>(status)?;
        next(&mut out).push_bind_param::<Nullable<Text>, _>(error)?;
        next(&mut out).push_bind_param::<BigInt, _>(&self.attempts)?;
        for number in &self.numbers {
            next(&mut out).push_bind_param::<Nullable<BigInt>, _>(number)?;
        }
        next(&mut out).push_bind_param::<Bool, _>(&self.estimated)?;
        for latency in &self.latencies {
            next(&mut out).push_bind_param::<Nullable<BigInt>, _>(latency)?;
        }
        Ok(())
    }
}

/// The place after a comma.
fn next<'o, 'a, 'b>(out: &'o mut AstPass<'a, 'b, Sqlite>) -> &'o mut AstPass<'a, 'b, Sqlite> {
    out.push_sql(", ");
    out
}
