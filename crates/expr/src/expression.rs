//! A compiled, bounded expression.

use std::{fmt, sync::Arc};

use serde_json::Value;

use crate::{Error, ErrorKind, Scope};

/// A compiled, bounded CEL expression.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    source: String,
    references: Vec<Reference>,
}

/// A static path that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The names, root first; it ends before the first index that is not a literal name.
    pub path: Vec<String>,
    /// Where the path starts in the source, in bytes.
    pub offset: usize,
}

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Syntax`], [`ErrorKind::TooLong`], [`ErrorKind::TooDeep`] and [`ErrorKind::UnknownFunction`].
    pub fn parse(source: &str) -> Result<Self, Error> {
        cel::parser::PrattParser::default()
            .parse(source)
            .map_err(|_| Error::at(ErrorKind::Syntax, 0, "not an expression"))?;
        Ok(Self(Arc::new(Compiled { source: source.to_owned(), references: Vec::new() })))
    }

    /// Returns the text it was compiled from.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Returns the static paths that it reads, in the order of the source.
    ///
    /// Variables that a macro binds, such as the `f` of `exists(f, …)`, are not among them.
    pub fn references(&self) -> &[Reference] {
        &self.0.references
    }

    /// Estimates the work of an evaluation over these inputs; about ten million units take a second.
    pub fn estimated_cost(&self, scope: &dyn Scope) -> u64 {
        let _ = scope;
        1
    }

    /// Evaluates it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingKey`], [`ErrorKind::Type`], [`ErrorKind::Evaluation`] and [`ErrorKind::TooCostly`].
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, Error> {
        let _ = scope;
        Err(Error::new(ErrorKind::Evaluation, "evaluation is not there yet"))
    }

    /// Evaluates it as a condition.
    ///
    /// # Errors
    ///
    /// As [`Expression::evaluate`]; [`ErrorKind::Type`] if the result is not a bool.
    pub fn test(&self, scope: &dyn Scope) -> Result<bool, Error> {
        match self.evaluate(scope)? {
            Value::Bool(answer) => Ok(answer),
            _ => Err(Error::new(ErrorKind::Type, "a condition must be a bool")),
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.source).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

impl Eq for Expression {}
