//! A statement of PostgreSQL that the query builder cannot express. Unlike `sql_query` it is prepared
//! once per connection.

use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::{SqlType, Untyped};
use diesel::{IntoSql, QueryResult};

/// A text in which each `?` stands for the next bound value.
pub(crate) struct Statement<'a> {
    text: &'static str,
    binds: Vec<Box<dyn QueryFragment<Pg> + Send + 'a>>,
}

impl<'a> Statement<'a> {
    /// A statement without values.
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text, binds: Vec::new() }
    }

    /// Binds the next value.
    pub(crate) fn bind<S, T>(mut self, value: T) -> Self
    where
        S: SqlType + TypedExpressionType,
        T: AsExpression<S>,
        T::Expression: QueryFragment<Pg> + Send + 'a,
    {
        self.binds.push(Box::new(value.into_sql::<S>()));
        self
    }
}

impl QueryFragment<Pg> for Statement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut binds = self.binds.iter();
        for (index, piece) in self.text.split('?').enumerate() {
            if index > 0 {
                let bind = binds.next().ok_or_else(|| missing(self.text))?;
                bind.walk_ast(out.reborrow())?;
            }
            out.push_sql(piece);
        }
        Ok(())
    }
}

fn missing(text: &str) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(
        format!("a value is missing in a statement of {} bytes", text.len()).into(),
    )
}

impl QueryId for Statement<'_> {
    type QueryId = ();

    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Statement<'_> {
    type SqlType = Untyped;
}

impl<Conn> diesel::RunQueryDsl<Conn> for Statement<'_> {}
