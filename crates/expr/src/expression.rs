//! A compiled, bounded expression.

use std::{borrow::Cow, fmt, sync::Arc};

use serde_json::Value;

use crate::{
    Error, ErrorKind, Scope,
    compile::{self, Tree, Variable},
    cost, evaluate, limits,
};

/// A compiled, bounded CEL expression.
///
/// Clones share what was compiled; two are equal if their sources are.
#[derive(Clone)]
pub struct Expression(Arc<Compiled>);

struct Compiled {
    source: String,
    tree: Tree,
}

/// A static path that an expression reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The names, root first; it ends before the first index that is not a literal name.
    pub path: Vec<String>,
    /// Where the path starts in the source, in bytes.
    pub offset: usize,
}

/// What the paths of an expression lead to.
pub(crate) type Inputs<'s> = Vec<Result<Cow<'s, Value>, Error>>;

impl Expression {
    /// Compiles an expression.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Syntax`], [`ErrorKind::TooLong`], [`ErrorKind::TooDeep`] and [`ErrorKind::UnknownFunction`].
    pub fn parse(source: &str) -> Result<Self, Error> {
        let tree = compile::compile(source)?;
        Ok(Self(Arc::new(Compiled { source: source.to_owned(), tree })))
    }

    /// Returns the text it was compiled from.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Returns the static paths that it reads, in the order of the source.
    ///
    /// Variables that a macro binds, such as the `f` of `exists(f, …)`, are not among them.
    pub fn references(&self) -> &[Reference] {
        &self.0.tree.references
    }

    /// Estimates the work of an evaluation over these inputs, in units of roughly 20 nanoseconds.
    ///
    /// A caller on a reactor's thread moves an evaluation elsewhere when this is large. What cannot be
    /// evaluated at all, because it would cost too much, counts as [`u64::MAX`].
    pub fn estimated_cost(&self, scope: &dyn Scope) -> u64 {
        if self.only_path().is_some() {
            return 1;
        }
        cost::estimate(&self.0.tree, &self.inputs(scope)).unwrap_or(u64::MAX)
    }

    /// Evaluates it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::MissingKey`], [`ErrorKind::Type`], [`ErrorKind::Evaluation`] and [`ErrorKind::TooCostly`].
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, Error> {
        if let Some(index) = self.only_path() {
            let found = self.0.tree.reads[index].resolve(scope)?;
            if limits::weigh(&found, limits::MAX_PASSED)? > limits::MAX_PASSED {
                return Err(limits::too_large());
            }
            return Ok(found.into_owned());
        }
        let inputs = self.inputs(scope);
        cost::estimate(&self.0.tree, &inputs)?;
        evaluate::run(&self.0.tree, inputs)
    }

    /// Evaluates it as a condition.
    ///
    /// # Errors
    ///
    /// As [`Expression::evaluate`]; [`ErrorKind::Type`] if the result is not a bool.
    pub fn test(&self, scope: &dyn Scope) -> Result<bool, Error> {
        let answer = self.evaluate(scope)?;
        answer.as_bool().ok_or_else(|| {
            let message = format!("a condition must be a bool, this is {}", describe(&answer));
            Error::new(ErrorKind::Type, message)
        })
    }

    /// Weighs the value that is merely passed through, if that is all this does.
    pub(crate) fn passed_weight(&self, scope: &dyn Scope) -> u64 {
        let read = self.only_path().map(|index| &self.0.tree.reads[index]);
        let found = read.and_then(|read| read.resolve(scope).ok());
        found.map_or(0, |value| limits::weigh(&value, limits::MAX_PASSED).unwrap_or(0))
    }

    fn only_path(&self) -> Option<usize> {
        match &self.0.tree.root.expr {
            cel::common::ast::Expr::Ident(name) => match Variable::parse(name) {
                Some(Variable::Read(index)) => Some(index),
                Some(Variable::Has(_) | Variable::Pattern(_)) | None => None,
            },
            _ => None,
        }
    }

    fn inputs<'s>(&self, scope: &'s dyn Scope) -> Inputs<'s> {
        self.0.tree.reads.iter().map(|read| read.resolve(scope)).collect()
    }
}

fn describe(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a bool",
        Value::Number(number) if number.is_f64() => "a double",
        Value::Number(_) => "an int",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
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
