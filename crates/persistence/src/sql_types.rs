//! SQL types that serve both databases: an id is `uuid` or text, a moment is `timestamptz` or whole
//! microseconds, JSON that people query is `jsonb` or text.

use codeflow_core::{
    BatchId, ExecutionId, KeyId, LoginId, MessageId, ScheduleId, SessionId, TaskId, Timestamp, UserId,
    WorkflowId,
};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::SqlType;
use serde_json::Value;
use uuid::Uuid;

/// `uuid`, or text.
#[derive(Clone, Copy, Debug, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 2950, array_oid = 2951), sqlite_type(name = "Text"))]
pub struct DbUuid;

/// `timestamptz`, or microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185), sqlite_type(name = "Long"))]
pub struct DbTime;

/// `jsonb`, or text.
#[derive(Clone, Copy, Debug, Default, SqlType, QueryId)]
#[diesel(postgres_type(oid = 3802, array_oid = 3807), sqlite_type(name = "Text"))]
pub struct DbJson;

/// An identifier as a column has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = DbUuid)]
pub(crate) struct Id(pub(crate) Uuid);

/// A moment as a column has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, AsExpression, FromSqlRow)]
#[diesel(sql_type = DbTime)]
pub(crate) struct At(pub(crate) Timestamp);

/// JSON that people query. It is a copy: a zero character, which `jsonb` refuses, is replaced in it.
#[derive(Clone, Debug, PartialEq, AsExpression)]
#[diesel(sql_type = DbJson)]
pub(crate) struct Queryable(Value);

impl Queryable {
    /// The copy of a value.
    pub(crate) fn of(value: &Value) -> Self {
        Self(without_zeros(value))
    }
}

fn without_zeros(value: &Value) -> Value {
    let clean = |text: &str| text.replace('\0', "\u{fffd}");
    match value {
        Value::String(text) => Value::String(clean(text)),
        Value::Array(items) => items.iter().map(without_zeros).collect(),
        Value::Object(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (clean(name), without_zeros(value))).collect())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

macro_rules! ids {
    ($($name:ident),+) => {
        $(
            impl From<$name> for Id {
                fn from(id: $name) -> Self {
                    Self(id.uuid())
                }
            }

            impl From<Id> for $name {
                fn from(id: Id) -> Self {
                    Self::from_uuid(id.0)
                }
            }
        )+
    };
}

ids!(BatchId, ExecutionId, KeyId, LoginId, MessageId, ScheduleId, SessionId, TaskId, UserId, WorkflowId);

#[cfg(feature = "postgres")]
mod postgres {
    use std::io::Write;

    use chrono::{DateTime, Utc};
    use diesel::pg::{Pg, PgValue};
    use diesel::sql_types::{Timestamptz, Uuid as PgUuid};

    use super::{At, DbJson, DbTime, DbUuid, FromSql, Id, IsNull, Output, Queryable, ToSql};
    use super::{deserialize, serialize};

    impl ToSql<DbUuid, Pg> for Id {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            ToSql::<PgUuid, Pg>::to_sql(&self.0, out)
        }
    }

    impl FromSql<DbUuid, Pg> for Id {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            FromSql::<PgUuid, Pg>::from_sql(value).map(Self)
        }
    }

    impl ToSql<DbTime, Pg> for At {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            ToSql::<Timestamptz, Pg>::to_sql(&self.0.datetime(), &mut out.reborrow())
        }
    }

    impl FromSql<DbTime, Pg> for At {
        fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
            let moment: DateTime<Utc> = FromSql::<Timestamptz, Pg>::from_sql(value)?;
            Ok(Self(moment.into()))
        }
    }

    impl ToSql<DbJson, Pg> for Queryable {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
            out.write_all(&[1])?; // The version of jsonb's wire format.
            serde_json::to_writer(out, &self.0)?;
            Ok(IsNull::No)
        }
    }
}

#[cfg(feature = "sqlite")]
mod sqlite {
    use diesel::sql_types::{BigInt, Text};
    use diesel::sqlite::{Sqlite, SqliteValue};

    use super::{At, DbJson, DbTime, DbUuid, FromSql, Id, IsNull, Output, Queryable, Timestamp, ToSql, Uuid};
    use super::{deserialize, serialize};

    impl ToSql<DbUuid, Sqlite> for Id {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            out.set_value(self.0.to_string());
            Ok(IsNull::No)
        }
    }

    impl FromSql<DbUuid, Sqlite> for Id {
        fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
            let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
            Ok(Self(Uuid::parse_str(&text)?))
        }
    }

    impl ToSql<DbTime, Sqlite> for At {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            out.set_value(self.0.micros());
            Ok(IsNull::No)
        }
    }

    impl FromSql<DbTime, Sqlite> for At {
        fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
            let micros = <i64 as FromSql<BigInt, Sqlite>>::from_sql(value)?;
            Ok(Self(Timestamp::from_micros(micros)))
        }
    }

    impl ToSql<DbJson, Sqlite> for Queryable {
        fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
            out.set_value(serde_json::to_string(&self.0)?);
            Ok(IsNull::No)
        }
    }
}
