//! What an expression may read: named values, and groups of them, lent without copying.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Named things that an expression may read.
///
/// Scopes nest: the scope of a run answers `steps` with a scope of its steps, which answers `risk` with
/// a scope of that step, which answers `outputs` with a value. Only what an expression names is asked for.
pub trait Scope {
    /// Finds what `name` stands for.
    fn find(&self, name: &str) -> Option<Node<'_>>;

    /// Lists the names that [`Scope::find`] knows, for messages and for expressions that want the whole scope.
    fn names(&self) -> Vec<Cow<'_, str>>;
}

/// What a name in a [`Scope`] stands for.
pub enum Node<'s> {
    /// A JSON value, lent or made for the occasion.
    Value(Cow<'s, Value>),
    /// A group of further names.
    Scope(&'s dyn Scope),
}

impl<'s> From<&'s Value> for Node<'s> {
    fn from(value: &'s Value) -> Self {
        Self::Value(Cow::Borrowed(value))
    }
}

impl From<Value> for Node<'_> {
    fn from(value: Value) -> Self {
        Self::Value(Cow::Owned(value))
    }
}

impl Scope for Map<String, Value> {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        self.get(name).map(Node::from)
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.keys().map(|key| Cow::Borrowed(key.as_str())).collect()
    }
}

/// An object offers its members; any other value offers nothing.
impl Scope for Value {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        self.get(name).map(Node::from)
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.as_object().map(Scope::names).unwrap_or_default()
    }
}

/// A scope put together from borrowed parts, such as the roots `inputs`, `steps` and `item`.
#[derive(Default)]
pub struct Roots<'s>(Vec<(&'s str, Node<'s>)>);

impl<'s> Roots<'s> {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a lent value, or one made for the occasion; a later root hides an earlier one of the same name.
    #[must_use]
    pub fn value(self, name: &'s str, value: impl Into<Node<'s>>) -> Self {
        self.with(name, value.into())
    }

    /// Adds a group of further names.
    #[must_use]
    pub fn scope(self, name: &'s str, scope: &'s dyn Scope) -> Self {
        self.with(name, Node::Scope(scope))
    }

    fn with(mut self, name: &'s str, node: Node<'s>) -> Self {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, node));
        self
    }
}

impl Scope for Roots<'_> {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        let (_, node) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(match node {
            Node::Value(value) => Node::Value(Cow::Borrowed(value.as_ref())),
            Node::Scope(scope) => Node::Scope(*scope),
        })
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.0.iter().map(|(name, _)| Cow::Borrowed(*name)).collect()
    }
}
