//! A batch as columns of arrays.

use std::borrow::Cow;

use codeflow_core::Usd;
use codeflow_gateway::{Batch, Entry, UsageRow};
use diesel::sql_types::{Array, BigInt, Bool, Integer, Nullable, Text};

use crate::accounts::calls::{format_name, signed};
use crate::accounts::{clean, micros};
use crate::sql_types::{At, DbTime, DbUuid, Id};
use crate::statement::Statement;

type Column<T> = Vec<T>;

pub(super) fn bind_keys<'a>(statement: Statement<'a>, batch: &'a Batch) -> Statement<'a> {
    let keys = || batch.entries.iter().map(|entry| &entry.key);
    let subjects: Column<String> = keys().map(|key| clean(&key.subject()).into_owned()).collect();
    statement
        .bind::<Array<Text>, _>(keys().map(|key| clean(&key.rule)).collect::<Column<_>>())
        .bind::<Array<Text>, _>(keys().map(|key| clean(&key.tenant)).collect::<Column<_>>())
        .bind::<Array<Text>, _>(subjects)
        .bind::<Array<DbTime>, _>(keys().map(|key| At(key.since)).collect::<Column<_>>())
}

pub(super) fn bind_entries<'a>(statement: Statement<'a>, batch: &'a Batch) -> Statement<'a> {
    let entries = &batch.entries;
    let money =
        |of: fn(&Entry) -> Usd| entries.iter().map(|entry| micros(of(entry))).collect::<Column<i64>>();
    bind_keys(statement, batch)
        .bind::<Array<BigInt>, _>(money(|entry| entry.limit))
        .bind::<Array<BigInt>, _>(money(|entry| entry.spent))
        .bind::<Array<BigInt>, _>(money(|entry| entry.shrink))
        .bind::<Array<BigInt>, _>(money(|entry| entry.held))
        .bind::<Array<BigInt>, _>(money(|entry| entry.need))
        .bind::<Array<BigInt>, _>(money(|entry| entry.asks))
        .bind::<Array<BigInt>, _>(money(|entry| entry.spare))
        .bind::<Array<BigInt>, _>(entries.iter().map(|entry| entry.asked).collect::<Column<_>>())
        .bind::<Array<BigInt>, _>(entries.iter().map(|entry| entry.answers).collect::<Column<_>>())
        .bind::<Array<Bool>, _>(entries.iter().map(|entry| entry.retire).collect::<Column<_>>())
}

pub(super) fn bind_calls<'a>(statement: Statement<'a>, rows: &'a [UsageRow]) -> Statement<'a> {
    let statement = bind_who(statement, rows);
    let statement = bind_what(statement, rows);
    let number = |of: fn(&UsageRow) -> Option<u64>| {
        rows.iter().map(|row| signed(of(row))).collect::<Column<Option<i64>>>()
    };
    statement
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| row.usage.input))
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| row.usage.cache_read))
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| row.usage.cache_write))
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| row.usage.cache_write_1h))
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| row.usage.output))
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| row.usage.reasoning))
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| row.cost.map(Usd::micros)))
        .bind::<Array<Bool>, _>(rows.iter().map(|row| row.estimated).collect::<Column<_>>())
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| Some(row.latency.total_us)))
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| row.latency.upstream_us))
        .bind::<Array<Nullable<BigInt>>, _>(number(|row| row.latency.first_token_us))
}

fn bind_who<'a>(statement: Statement<'a>, rows: &'a [UsageRow]) -> Statement<'a> {
    statement
        .bind::<Array<DbUuid>, _>(rows.iter().map(|row| Id(row.id)).collect::<Column<_>>())
        .bind::<Array<DbTime>, _>(rows.iter().map(|row| At(row.at)).collect::<Column<_>>())
        .bind::<Array<Text>, _>(rows.iter().map(|row| clean(&row.request)).collect::<Column<_>>())
        .bind::<Array<Text>, _>(rows.iter().map(|row| clean(&row.tenant)).collect::<Column<_>>())
        .bind::<Array<Nullable<Text>>, _>(texts(rows, |row| row.user.as_deref()))
        .bind::<Array<Text>, _>(rows.iter().map(|row| clean(&row.key)).collect::<Column<_>>())
        .bind::<Array<Nullable<DbUuid>>, _>(
            rows.iter().map(|row| row.execution.map(Id::from)).collect::<Column<_>>(),
        )
        .bind::<Array<Nullable<Text>>, _>(texts(rows, |row| row.step.as_deref()))
}

fn bind_what<'a>(statement: Statement<'a>, rows: &'a [UsageRow]) -> Statement<'a> {
    let attempts = rows.iter().map(|row| i32::try_from(row.attempts).unwrap_or(i32::MAX));
    statement
        .bind::<Array<Text>, _>(rows.iter().map(|row| clean(&row.route)).collect::<Column<_>>())
        .bind::<Array<Nullable<Text>>, _>(texts(rows, |row| row.provider.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(texts(rows, |row| row.model.as_deref()))
        .bind::<Array<Nullable<Text>>, _>(texts(rows, |row| row.format.map(format_name)))
        .bind::<Array<Bool>, _>(rows.iter().map(|row| row.stream).collect::<Column<_>>())
        .bind::<Array<Text>, _>(rows.iter().map(|row| row.status.as_str()).collect::<Column<_>>())
        .bind::<Array<Nullable<Text>>, _>(texts(rows, |row| row.status.code()))
        .bind::<Array<Integer>, _>(attempts.collect::<Column<_>>())
}

fn texts<'a>(rows: &'a [UsageRow], of: fn(&'a UsageRow) -> Option<&'a str>) -> Column<Option<Cow<'a, str>>> {
    rows.iter().map(|row| of(row).map(clean)).collect()
}
