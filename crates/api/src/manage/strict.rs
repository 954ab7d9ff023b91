//! Reads JSON as a careful reader does: nothing nested too deeply, no member twice in one object, no control characters in
//! texts. Two readers cannot disagree about what it lets through.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::inspection::Path;
use super::problem::{Fault, FieldError, Problem};
use crate::refusal::Refusal;

/// Nobody nests a request more deeply.
const DEEPEST: usize = 64;

/// The whole body as a value.
pub(crate) fn read(body: &[u8]) -> Result<Value, Problem> {
    let found = RefCell::new(Found::default());
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Reader { found: &found, depth: 0, at: Path::Root }.deserialize(&mut reader);
    let read = read.and_then(|value| reader.end().map(|()| value));
    let Found { too_deep, duplicates, controls } = found.into_inner();
    if too_deep {
        return Err(Refusal::TooDeep.into());
    }
    let value = read.map_err(|error| {
        let text = format!(
            "the body is not valid JSON: something is wrong in line {}, column {}",
            error.line(),
            error.column()
        );
        Problem { message: text, ..Refusal::InvalidJson.into() }
    })?;
    if !duplicates.is_empty() {
        return Err(Problem::from(Refusal::DuplicateMember).with(duplicates));
    }
    if !controls.is_empty() {
        return Err(Problem::from(Refusal::InvalidBody).with(controls));
    }
    Ok(value)
}

/// Whether a text holds a character that controls a terminal or ends a text. Line breaks and tabs do not count.
pub(crate) fn has_controls(text: &str) -> bool {
    text.chars().any(|one| one.is_control() && !matches!(one, '\n' | '\r' | '\t'))
}

/// At most so many of one kind are told.
const TOLD: usize = 50;

#[derive(Default)]
struct Found {
    too_deep: bool,
    duplicates: Vec<FieldError>,
    controls: Vec<FieldError>,
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    found: &'a RefCell<Found>,
    depth: usize,
    at: Path<'a>,
}

impl<'a> Reader<'a> {
    fn deeper<E: serde::de::Error>(&self) -> Result<usize, E> {
        if self.depth == DEEPEST {
            self.found.borrow_mut().too_deep = true;
            return Err(E::custom("too deep"));
        }
        Ok(self.depth + 1)
    }

    fn look(&self, text: &str) {
        let controls = &mut self.found.borrow_mut().controls;
        if controls.len() < TOLD && has_controls(text) {
            let message = "holds a control character";
            controls.push(FieldError::of(self.at.to_string(), Fault::Invalid, message));
        }
    }
}

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        self.look(value);
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        self.look(&value);
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut all = Vec::new();
        loop {
            let at = Path::Item(&self.at, all.len());
            match items.next_element_seed(Reader { found: self.found, depth, at })? {
                Some(item) => all.push(item),
                None => return Ok(all.into()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let at = Path::Member(&self.at, &name);
            let inner = Reader { found: self.found, depth, at };
            inner.look(&name);
            let value = members.next_value_seed(inner)?;
            if all.contains_key(&name) {
                let duplicates = &mut self.found.borrow_mut().duplicates;
                if duplicates.len() == TOLD {
                    return Err(A::Error::custom("too many duplicates"));
                }
                let message = "stands there twice";
                duplicates.push(FieldError::of(at.to_string(), Fault::Duplicate, message));
            }
            all.insert(name, value);
        }
        Ok(all.into())
    }
}
