//! How large the outcome of a part of an expression may get, given the inputs at hand.

use std::rc::Rc;

use serde_json::Value;

use crate::{Error, ErrorKind, limits};

/// What looking at one shape counts, against one for looking at an input.
const PER_SHAPE: usize = 10;

/// An upper bound of a value, without the value.
#[derive(Clone)]
pub(crate) enum Shape<'v> {
    /// A number, a bool, null, a time or a type.
    Scalar,
    /// Text or bytes of at most this many bytes.
    Text(u64),
    /// At most this many items, each of at most this shape.
    List(u64, Rc<Shape<'v>>),
    /// An object with these members; a key that is computed has no name.
    Map(Rc<[(Option<String>, Shape<'v>)]>),
    /// One of these inputs.
    Json(Rc<[&'v Value]>),
    /// Any of these.
    Either(Rc<[Shape<'v>]>),
}

impl Shape<'_> {
    /// Says whether two shapes are surely the same, without looking into them.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Scalar, Self::Scalar) => true,
            (Self::Text(left), Self::Text(right)) => left == right,
            (Self::List(left, item), Self::List(right, other)) => {
                left == right && (Rc::ptr_eq(item, other) || item.is(other))
            }
            (Self::Map(left), Self::Map(right)) => Rc::ptr_eq(left, right),
            (Self::Json(left), Self::Json(right)) => Rc::ptr_eq(left, right),
            (Self::Either(left), Self::Either(right)) => Rc::ptr_eq(left, right),
            _ => false,
        }
    }
}

/// Looks into shapes, and counts the looking.
///
/// Sizing up costs time as well: where it would take longer than an evaluation may, it ends in an error.
#[derive(Default)]
pub(crate) struct Surveyor {
    work: u64,
}

impl Surveyor {
    pub(crate) fn charge(&mut self, work: usize) -> Result<(), Error> {
        self.work = self.work.saturating_add(work as u64);
        if self.work > limits::MAX_SURVEY {
            return Err(Error::new(ErrorKind::TooCostly, "the inputs are too large for this expression"));
        }
        Ok(())
    }

    /// The most bytes of text that it can be.
    pub(crate) fn bytes(&mut self, shape: &Shape<'_>) -> Result<u64, Error> {
        Ok(match shape {
            Shape::Scalar | Shape::List(..) | Shape::Map(_) => 0,
            Shape::Text(bytes) => *bytes,
            Shape::Json(values) => {
                self.charge(values.len())?;
                let texts = values.iter().filter_map(|value| value.as_str());
                texts.map(|text| text.len() as u64).max().unwrap_or(0)
            }
            Shape::Either(shapes) => self.most(shapes, Self::bytes)?,
        })
    }

    /// The most items a loop over it can see.
    pub(crate) fn len(&mut self, shape: &Shape<'_>) -> Result<u64, Error> {
        Ok(match shape {
            Shape::Scalar | Shape::Text(_) => 0,
            Shape::List(len, _) => *len,
            Shape::Map(entries) => entries.len() as u64,
            Shape::Json(values) => {
                self.charge(values.len())?;
                values.iter().map(|value| json_len(value)).max().unwrap_or(0)
            }
            Shape::Either(shapes) => self.most(shapes, Self::len)?,
        })
    }

    /// What a loop over it can see at a time.
    pub(crate) fn item<'v>(&mut self, shape: &Shape<'v>) -> Result<Shape<'v>, Error> {
        Ok(match shape {
            Shape::Scalar | Shape::Text(_) => Shape::Scalar,
            Shape::List(_, item) => Shape::clone(item),
            Shape::Map(entries) => {
                let longest = entries.iter().filter_map(|(key, _)| key.as_ref()).map(String::len);
                Shape::Text(longest.max().unwrap_or(64) as u64)
            }
            Shape::Json(values) => self.json_items(values)?,
            Shape::Either(shapes) => self.each(shapes, Self::item)?,
        })
    }

    fn json_items<'v>(&mut self, values: &[&'v Value]) -> Result<Shape<'v>, Error> {
        let mut items = Vec::new();
        let mut longest_key = None;
        for value in values {
            match value {
                Value::Array(array) => {
                    self.charge(array.len())?;
                    items.extend(array);
                }
                Value::Object(map) => {
                    self.charge(map.len())?;
                    longest_key = longest_key.max(map.keys().map(String::len).max());
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let items = Shape::Json(items.into());
        Ok(match longest_key {
            Some(bytes) => Shape::Either([items, Shape::Text(bytes as u64)].into()),
            None => items,
        })
    }

    /// What stands under a name.
    pub(crate) fn member<'v>(&mut self, shape: &Shape<'v>, name: &str) -> Result<Shape<'v>, Error> {
        Ok(match shape {
            Shape::Scalar | Shape::Text(_) | Shape::List(..) => Shape::Scalar,
            Shape::Map(entries) => {
                let fitting = entries.iter().filter(|(key, _)| key.as_deref().is_none_or(|key| key == name));
                Shape::Either(fitting.map(|(_, shape)| shape.clone()).collect())
            }
            Shape::Json(values) => {
                self.charge(values.len())?;
                let members = values.iter().filter_map(|value| value.as_object()?.get(name));
                Shape::Json(members.collect())
            }
            Shape::Either(shapes) => self.each(shapes, |s, shape| s.member(shape, name))?,
        })
    }

    /// What stands under an index or a name that is computed.
    pub(crate) fn any_member<'v>(&mut self, shape: &Shape<'v>) -> Result<Shape<'v>, Error> {
        Ok(match shape {
            Shape::Scalar | Shape::Text(_) => Shape::Scalar,
            Shape::List(_, item) => Shape::clone(item),
            Shape::Map(entries) => Shape::Either(entries.iter().map(|(_, shape)| shape.clone()).collect()),
            Shape::Json(values) => {
                let mut members = Vec::new();
                for value in values.iter() {
                    self.charge(usize::try_from(json_len(value)).unwrap_or(usize::MAX))?;
                    match value {
                        Value::Array(items) => members.extend(items),
                        Value::Object(map) => members.extend(map.values()),
                        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
                    }
                }
                Shape::Json(members.into())
            }
            Shape::Either(shapes) => self.each(shapes, Self::any_member)?,
        })
    }

    /// What it takes to go through all of it.
    pub(crate) fn weight(&mut self, shape: &Shape<'_>) -> Result<u64, Error> {
        match shape {
            Shape::Json(values) => {
                let mut most = 0;
                for value in values.iter() {
                    let weight = limits::weigh(value, limits::MAX_COST)?;
                    self.charge(usize::try_from(weight / 4 + 1).unwrap_or(usize::MAX))?;
                    most = most.max(weight);
                }
                Ok(most)
            }
            shape => self.total(shape, Self::weight),
        }
    }

    /// What it takes to copy it: what is lent is never copied.
    pub(crate) fn copying(&mut self, shape: &Shape<'_>) -> Result<u64, Error> {
        match shape {
            Shape::Json(_) => Ok(1),
            shape => self.total(shape, Self::copying),
        }
    }

    /// Adds up what is known of a shape, its parts measured by `measure`.
    fn total(
        &mut self,
        shape: &Shape<'_>,
        measure: impl Fn(&mut Self, &Shape<'_>) -> Result<u64, Error>,
    ) -> Result<u64, Error> {
        self.charge(PER_SHAPE)?;
        Ok(match shape {
            Shape::Scalar | Shape::Json(_) => 1,
            Shape::Text(bytes) => 1 + bytes / limits::BYTES_PER_UNIT,
            Shape::List(len, item) => len.saturating_mul(measure(self, item)?).saturating_add(1),
            Shape::Map(entries) => {
                let mut total = 1_u64;
                let mut last: Option<(&Shape<'_>, u64)> = None;
                for (_, shape) in entries.iter() {
                    let part = match last {
                        Some((known, part)) if known.is(shape) => part,
                        _ => measure(self, shape)?,
                    };
                    last = Some((shape, part));
                    total = total.saturating_add(part).saturating_add(4);
                }
                total
            }
            Shape::Either(shapes) => self.most(shapes, measure)?,
        })
    }

    fn most(
        &mut self,
        shapes: &[Shape<'_>],
        measure: impl Fn(&mut Self, &Shape<'_>) -> Result<u64, Error>,
    ) -> Result<u64, Error> {
        self.charge(shapes.len() * PER_SHAPE)?;
        shapes.iter().try_fold(0, |most, shape| Ok(measure(self, shape)?.max(most)))
    }

    fn each<'v>(
        &mut self,
        shapes: &[Shape<'v>],
        look: impl Fn(&mut Self, &Shape<'v>) -> Result<Shape<'v>, Error>,
    ) -> Result<Shape<'v>, Error> {
        self.charge(shapes.len() * PER_SHAPE)?;
        let seen: Result<Vec<_>, _> = shapes.iter().map(|shape| look(self, shape)).collect();
        Ok(Shape::Either(seen?.into()))
    }
}

fn json_len(value: &Value) -> u64 {
    match value {
        Value::Array(items) => items.len() as u64,
        Value::Object(map) => map.len() as u64,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}
