//! Static paths, such as `steps.risk.outputs.score`, and how they are followed without copying.

use std::{borrow::Cow, fmt};

use serde_json::{Map, Value};

use crate::{Error, ErrorKind, Node, Scope, limits};

/// One step of a path after its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Key(String),
    Index(usize),
}

/// A root and the steps from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Path {
    pub(crate) root: String,
    pub(crate) segments: Vec<Segment>,
}

impl Path {
    /// Returns the names up to the first index, root first.
    pub(crate) fn names(&self) -> Vec<String> {
        let keys = self.segments.iter().map_while(|segment| match segment {
            Segment::Key(key) => Some(key.clone()),
            Segment::Index(_) => None,
        });
        std::iter::once(self.root.clone()).chain(keys).collect()
    }

    /// Follows the path as far as it goes.
    pub(crate) fn resolve<'s>(&self, scope: &'s dyn Scope) -> Result<Cow<'s, Value>, Error> {
        let mut node = scope.find(&self.root).ok_or_else(|| self.unknown_root(scope))?;
        for (index, segment) in self.segments.iter().enumerate() {
            node = step(node, segment).map_err(|last| self.missing(index, &last))?;
        }
        match node {
            Node::Value(value) => Ok(value),
            Node::Scope(scope) => whole(scope).map(Cow::Owned),
        }
    }

    /// Says that segment `at` is not there, and what is there instead.
    fn missing(&self, at: usize, last: &Node<'_>) -> Error {
        let name = |segment: &Segment| match segment {
            Segment::Key(key) => format!("'{key}'"),
            Segment::Index(index) => format!("[{index}]"),
        };
        let parent = match at.checked_sub(1) {
            Some(before) => name(&self.segments[before]),
            None => format!("'{}'", self.root),
        };
        let have = match last {
            Node::Scope(scope) => format!("has: {}", list(&scope.names())),
            Node::Value(value) => describe(value),
        };
        let message = format!("{self} is not there: {parent} has no {}; it {have}", name(&self.segments[at]));
        Error::new(ErrorKind::MissingKey, message)
    }

    fn unknown_root(&self, scope: &dyn Scope) -> Error {
        let message = format!("{self} is not there; there is: {}", list(&scope.names()));
        Error::new(ErrorKind::MissingKey, message)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        for segment in &self.segments {
            match segment {
                Segment::Key(key) if is_identifier(key) => write!(f, ".{key}")?,
                Segment::Key(key) => write!(f, "[{}]", Value::from(key.as_str()))?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn is_identifier(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Takes one step; gives the node back if there is nothing to step to.
fn step<'s>(node: Node<'s>, segment: &Segment) -> Result<Node<'s>, Node<'s>> {
    match (node, segment) {
        (Node::Scope(scope), Segment::Key(key)) => scope.find(key).ok_or(Node::Scope(scope)),
        (Node::Scope(scope), Segment::Index(_)) => Err(Node::Scope(scope)),
        (Node::Value(Cow::Borrowed(value)), segment) => match child(value, segment) {
            Some(child) => Ok(child.into()),
            None => Err(value.into()),
        },
        (Node::Value(Cow::Owned(mut value)), segment) => {
            let child = match (&mut value, segment) {
                (Value::Object(map), Segment::Key(key)) => map.get_mut(key),
                (Value::Array(items), Segment::Index(index)) => items.get_mut(*index),
                _ => None,
            };
            match child.map(Value::take) {
                Some(child) => Ok(child.into()),
                None => Err(value.into()),
            }
        }
    }
}

fn child<'s>(value: &'s Value, segment: &Segment) -> Option<&'s Value> {
    match segment {
        Segment::Key(key) => value.as_object()?.get(key),
        Segment::Index(index) => value.as_array()?.get(*index),
    }
}

/// Copies a whole scope, for an expression that indexes it by something it computes.
fn whole(scope: &dyn Scope) -> Result<Value, Error> {
    let mut room = limits::MAX_WHOLE_SCOPE;
    copy(scope, &mut room, 0)
}

fn copy(scope: &dyn Scope, room: &mut u64, depth: usize) -> Result<Value, Error> {
    let mut map = Map::new();
    for name in scope.names() {
        let value = match scope.find(&name) {
            Some(Node::Value(value)) => {
                let weight = limits::weigh(&value, *room)?;
                *room = room.checked_sub(weight).ok_or_else(limits::too_large)?;
                value.into_owned()
            }
            Some(Node::Scope(inner)) if depth < limits::MAX_DEPTH => copy(inner, room, depth + 1)?,
            Some(Node::Scope(_)) => return Err(limits::too_deep()),
            None => continue,
        };
        map.insert(name.into_owned(), value);
    }
    Ok(Value::Object(map))
}

fn describe(value: &Value) -> String {
    match value {
        Value::Object(map) => format!("has: {}", list(&map.names())),
        Value::Array(items) => format!("is a list of {}", items.len()),
        Value::Null => "is null".to_owned(),
        Value::Bool(_) => "is a bool".to_owned(),
        Value::Number(_) => "is a number".to_owned(),
        Value::String(_) => "is a string".to_owned(),
    }
}

/// Lists the first few names.
fn list(names: &[Cow<'_, str>]) -> String {
    const SHOWN: usize = 10;
    if names.is_empty() {
        return "nothing".to_owned();
    }
    let mut text = names[..names.len().min(SHOWN)]
        .iter()
        .map(|name| name.chars().take(40).collect::<String>())
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        text.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    text
}
