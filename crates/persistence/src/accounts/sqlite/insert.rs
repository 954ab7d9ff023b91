//! Many calls in one statement, from one value: binding each column of each row would cost more than writing it.

use codeflow_core::Usd;
use codeflow_gateway::UsageRow;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde::ser::{Serialize, SerializeSeq, Serializer};

use crate::accounts::calls::{format_name, signed};
use crate::accounts::clean;
use crate::error::Fault;
use crate::payload::to_text;

const INSERT: &str = "INSERT OR IGNORE INTO model_call SELECT \
    value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
    value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, \
    value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20, value ->> 21, value ->> 22, value ->> 23, \
    value ->> 24, value ->> 25, value ->> 26 FROM json_each(?)";

pub(super) fn calls(conn: &mut SqliteConnection, rows: &[UsageRow]) -> Result<(), Fault> {
    if rows.is_empty() {
        return Ok(());
    }
    let text = to_text(&Rows(rows))?;
    diesel::sql_query(INSERT).bind::<Text, _>(text).execute(conn)?;
    Ok(())
}

struct Rows<'a>(&'a [UsageRow]);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Row))
    }
}

/// A row as a list, in the order of the columns.
struct Row<'a>(&'a UsageRow);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let row = self.0;
        let mut list = serializer.serialize_seq(None)?;
        let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().map(|text| clean(text).into_owned());
        list.serialize_element(&row.id)?;
        list.serialize_element(&row.at.micros())?;
        list.serialize_element(&clean(&row.request))?;
        list.serialize_element(&clean(&row.tenant))?;
        list.serialize_element(&text(&row.user))?;
        list.serialize_element(&clean(&row.key))?;
        list.serialize_element(&row.execution.map(|id| id.uuid()))?;
        list.serialize_element(&text(&row.step))?;
        list.serialize_element(&clean(&row.route))?;
        list.serialize_element(&text(&row.provider))?;
        list.serialize_element(&text(&row.model))?;
        list.serialize_element(&row.format.map(format_name))?;
        list.serialize_element(&i32::from(row.stream))?;
        list.serialize_element(row.status.as_str())?;
        list.serialize_element(&row.status.code())?;
        list.serialize_element(&i32::try_from(row.attempts).unwrap_or(i32::MAX))?;
        let usage = &row.usage;
        for count in [
            usage.input,
            usage.cache_read,
            usage.cache_write,
            usage.cache_write_1h,
            usage.output,
            usage.reasoning,
        ] {
            list.serialize_element(&signed(count))?;
        }
        list.serialize_element(&signed(row.cost.map(Usd::micros)))?;
        list.serialize_element(&i32::from(row.estimated))?;
        list.serialize_element(&signed(Some(row.latency.total_us)))?;
        list.serialize_element(&signed(row.latency.upstream_us))?;
        list.serialize_element(&signed(row.latency.first_token_us))?;
        list.end()
    }
}
