//! Takes JSON apart field by field: every value knows its path, so that an error can name it, and what nobody took is
//! known by name. Texts that nobody looks into, such as the input of a tool, stay as they were written.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Error, ErrorKind};

/// Nobody is told more lost fields than this.
const MOST_DROPPED: usize = 100;

/// Where a value stands in a body.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'p> {
    /// It is the body.
    Root,
    /// In a field.
    Field(&'p Place<'p>, &'p str),
    /// In a list.
    Item(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value that nobody has looked into yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a, 'p> {
    raw: &'a RawValue,
    at: Place<'p>,
}

/// What a value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    List,
    Object,
    Other,
}

impl<'a, 'p> Node<'a, 'p> {
    pub(crate) fn shape(&self) -> Shape {
        match self.raw.get().as_bytes().first() {
            Some(b'"') => Shape::Text,
            Some(b'[') => Shape::List,
            Some(b'{') => Shape::Object,
            _ => Shape::Other,
        }
    }

    /// The JSON as it was written.
    pub(crate) fn written(&self) -> &'a str {
        self.raw.get()
    }

    pub(crate) fn string(&self) -> Result<String, Error> {
        self.read("must be a string")
    }

    pub(crate) fn value(&self) -> Result<Value, Error> {
        self.read("must be a JSON value")
    }

    /// An object, still as JSON.
    pub(crate) fn object_value(&self) -> Result<Value, Error> {
        if self.shape() == Shape::Object { self.value() } else { Err(self.wrong("must be an object")) }
    }

    pub(crate) fn fields(&self) -> Result<Fields<'a, 'p>, Error> {
        Ok(Fields { rest: self.read("must be an object")?, at: self.at })
    }

    /// Reads every item of a list.
    pub(crate) fn each<T>(
        &self,
        mut read: impl FnMut(Node<'a, '_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let items: Vec<&'a RawValue> = self.read("must be an array")?;
        let at = |index| Place::Item(&self.at, index);
        items.into_iter().enumerate().map(|(index, raw)| read(Node { raw, at: at(index) })).collect()
    }

    pub(crate) fn read<T: Deserialize<'a>>(&self, expected: &str) -> Result<T, Error> {
        serde_json::from_str(self.raw.get()).map_err(|cause| self.wrong(expected).because(cause))
    }

    pub(crate) fn wrong(&self, rest: &str) -> Error {
        Error::field(ErrorKind::InvalidField, self.at, rest)
    }

    pub(crate) fn unsupported(&self, rest: &str) -> Error {
        Error::field(ErrorKind::UnsupportedField, self.at, rest)
    }
}

/// The fields of an object. A field that is `null` counts as absent.
#[derive(Debug)]
pub(crate) struct Fields<'a, 'p> {
    rest: BTreeMap<String, &'a RawValue>,
    at: Place<'p>,
}

impl<'a> Fields<'a, '_> {
    /// The fields of a whole body.
    pub(crate) fn of_body(body: &'a [u8]) -> Result<Self, Error> {
        let raw: &RawValue = serde_json::from_slice(body).map_err(|cause| {
            Error::new(ErrorKind::InvalidJson, "the body is not valid JSON").because(cause)
        })?;
        let rest = serde_json::from_str(raw.get()).map_err(|cause| {
            Error::new(ErrorKind::InvalidField, "the body must be a JSON object").because(cause)
        })?;
        Ok(Self { rest, at: Place::Root })
    }

    pub(crate) fn take<'s>(&'s mut self, name: &'s str) -> Option<Node<'a, 's>> {
        let raw = self.rest.remove(name).filter(|raw| raw.get() != "null")?;
        Some(Node { raw, at: Place::Field(&self.at, name) })
    }

    pub(crate) fn need<'s>(&'s mut self, name: &'s str) -> Result<Node<'a, 's>, Error> {
        match self.rest.remove(name).filter(|raw| raw.get() != "null") {
            Some(raw) => Ok(Node { raw, at: Place::Field(&self.at, name) }),
            None => Err(self.wrong(name, "is missing")),
        }
    }

    pub(crate) fn string(&mut self, name: &str) -> Result<Option<String>, Error> {
        self.take(name).map(|node| node.string()).transpose()
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Error> {
        self.take(name).map(|node| node.read("must be true or false")).transpose()
    }

    pub(crate) fn count(&mut self, name: &str) -> Result<Option<u64>, Error> {
        self.take(name).map(|node| node.read("must be a whole number that is not negative")).transpose()
    }

    pub(crate) fn whole(&mut self, name: &str) -> Result<Option<i64>, Error> {
        self.take(name).map(|node| node.read("must be a whole number")).transpose()
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<Option<f64>, Error> {
        self.take(name).map(|node| node.read("must be a number")).transpose()
    }

    /// An error about a field of this object.
    pub(crate) fn wrong(&self, name: &str, rest: &str) -> Error {
        Error::field(ErrorKind::InvalidField, Place::Field(&self.at, name), rest)
    }

    /// Takes note of what nobody took.
    pub(crate) fn drop_rest(self, dropped: &mut Vec<String>) {
        let room = MOST_DROPPED.saturating_sub(dropped.len());
        let unknown = self.rest.iter().filter(|(_, raw)| raw.get() != "null").take(room);
        dropped.extend(unknown.map(|(name, _)| Place::Field(&self.at, name).to_string()));
    }

    /// Takes note of a field that means nothing elsewhere, if it is there.
    pub(crate) fn drop_one(&mut self, name: &str, dropped: &mut Vec<String>) {
        if self.take(name).is_some() && dropped.len() < MOST_DROPPED {
            dropped.push(Place::Field(&self.at, name).to_string());
        }
    }
}
