//! Holds a request against what the document says of its operation, and tells everything that is wrong at once. The
//! document is what is checked, so the two cannot part.

mod words;

use std::collections::BTreeMap;
use std::fmt;

use http::{HeaderMap, request::Parts};
use jsonschema::Validator;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::problem::{Fault, FieldError, Problem};
use super::strict::has_controls;
use crate::refusal::Refusal;

/// At most so many problems are told.
const TOLD: usize = 100;

/// What an operation takes.
pub(crate) struct Inspection {
    parameters: Vec<Parameter>,
    /// Whether others add what they like to the query, which is not read.
    open: bool,
    body: Option<Validator>,
}

struct Parameter {
    name: String,
    place: Place,
    required: bool,
    reads: Reads,
    validator: Validator,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
    Header,
}

/// As what a text is read.
#[derive(Clone, Copy)]
enum Reads {
    Integer,
    Boolean,
    Text,
}

/// What a request brought beside its body, by name and of the right types.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    pub(crate) path: Map<String, Value>,
    pub(crate) query: Map<String, Value>,
    pub(crate) headers: Map<String, Value>,
}

/// The way to a place in a body, written as a JSON pointer.
#[derive(Clone, Copy)]
pub(crate) enum Path<'a> {
    Root,
    Item(&'a Path<'a>, usize),
    Member(&'a Path<'a>, &'a str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Item(parent, index) => write!(f, "{parent}/{index}"),
            Self::Member(parent, name) => {
                let shown: String = name.chars().filter(|one| !one.is_control()).take(64).collect();
                write!(f, "{parent}/{}", shown.replace('~', "~0").replace('/', "~1"))
            }
        }
    }
}

impl Inspection {
    /// What the document says of an operation; `components` are what it refers to.
    pub(crate) fn of(operation: &Value, components: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        Self {
            parameters: parameters.filter_map(|one| Parameter::of(one, components)).collect(),
            open: operation["x-codeflow-open-query"] == true,
            body: (!body.is_null()).then(|| validator(body, components)),
        }
    }

    /// Reads and checks the parameters.
    pub(crate) fn parameters(
        &self,
        parts: &Parts,
        path: &BTreeMap<String, String>,
        errors: &mut Vec<FieldError>,
    ) -> Given {
        let mut given = Given::default();
        let query = self.query(parts.uri.query().unwrap_or_default(), errors);
        for parameter in &self.parameters {
            let (into, text) = match parameter.place {
                Place::Path => (&mut given.path, path.get(&parameter.name).cloned()),
                Place::Query => (&mut given.query, query.get(&parameter.name).cloned()),
                Place::Header => (&mut given.headers, header(&parts.headers, &parameter.name, errors)),
            };
            match text {
                Some(text) => {
                    if let Some(value) = parameter.read(&text, errors) {
                        into.insert(parameter.name.clone(), value);
                    }
                }
                None if parameter.required => {
                    errors.push(FieldError::of(&parameter.name, Fault::Invalid, "is missing"));
                }
                None => {}
            }
        }
        given
    }

    fn query(&self, query: &str, errors: &mut Vec<FieldError>) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decode =
                |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8().map(Into::into);
            let (Ok(name), Ok::<String, _>(value)): (Result<String, _>, _) = (decode(name), decode(value))
            else {
                errors.push(FieldError::of("", Fault::Invalid, "the query is not UTF-8"));
                return all;
            };
            let known = |one: &Parameter| one.place == Place::Query && one.name == name;
            let shown = || name.chars().filter(|one| !one.is_control()).take(64).collect::<String>();
            if errors.len() >= TOLD {
                return all;
            }
            if !self.parameters.iter().any(known) {
                if self.open {
                    continue;
                }
                errors.push(FieldError::of(shown(), Fault::UnknownParameter, "is not known here"));
            } else if all.insert(name.clone(), value).is_some() {
                errors.push(FieldError::of(shown(), Fault::Invalid, "stands there twice"));
            }
        }
        all
    }

    /// Checks a body.
    pub(crate) fn body(&self, body: &Value, errors: &mut Vec<FieldError>) {
        let found = self.body.iter().flat_map(|validator| validator.iter_errors(body));
        errors.extend(found.take(TOLD).flat_map(|error| words::tell(&error)));
    }
}

/// What is wrong, if anything is. With a parameter among it the request as a whole is bad.
pub(crate) fn verdict(parameters: Vec<FieldError>, mut body: Vec<FieldError>) -> Result<(), Problem> {
    let refusal = match (parameters.is_empty(), body.is_empty()) {
        (true, true) => return Ok(()),
        (true, false) => Refusal::InvalidBody,
        (false, _) => Refusal::InvalidParameter,
    };
    let mut errors = parameters;
    errors.append(&mut body);
    errors.sort();
    errors.dedup();
    Err(Problem::from(refusal).with(errors))
}

impl Parameter {
    fn of(parameter: &Value, components: &Value) -> Option<Self> {
        let place = match parameter["in"].as_str()? {
            "path" => Place::Path,
            "query" => Place::Query,
            "header" => Place::Header,
            _ => return None,
        };
        let schema = &parameter["schema"];
        let is = |kind: &str| {
            let of = &schema["type"];
            of == kind || of.as_array().is_some_and(|kinds| kinds.iter().any(|one| one == kind))
        };
        let reads = match () {
            () if is("integer") => Reads::Integer,
            () if is("boolean") => Reads::Boolean,
            () => Reads::Text,
        };
        Some(Self {
            name: parameter["name"].as_str()?.to_owned(),
            place,
            required: parameter["required"] == true,
            reads,
            validator: validator(schema, components),
        })
    }

    fn read(&self, text: &str, errors: &mut Vec<FieldError>) -> Option<Value> {
        let mut wrong = |message: &str| errors.push(FieldError::of(&self.name, Fault::Invalid, message));
        if has_controls(text) || text.contains(['\n', '\r', '\t']) {
            wrong("holds a control character");
            return None;
        }
        let value = match self.reads {
            Reads::Integer => text.parse::<i64>().map(Value::from).ok(),
            Reads::Boolean => text.parse::<bool>().map(Value::from).ok(),
            Reads::Text => Some(text.into()),
        };
        let Some(value) = value else {
            let integer = matches!(self.reads, Reads::Integer);
            wrong(if integer { "must be a whole number" } else { "must be `true` or `false`" });
            return None;
        };
        let before = errors.len();
        for error in self.validator.iter_errors(&value).take(TOLD) {
            errors.extend(
                words::tell(&error).into_iter().map(|told| FieldError { field: self.name.clone(), ..told }),
            );
        }
        (errors.len() == before).then_some(value)
    }
}

fn header(headers: &HeaderMap, name: &str, errors: &mut Vec<FieldError>) -> Option<String> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() {
        errors.push(FieldError::of(name, Fault::Invalid, "stands there twice"));
    }
    match first.to_str() {
        Ok(text) => Some(text.to_owned()),
        Err(_) => {
            errors.push(FieldError::of(name, Fault::Invalid, "holds more than visible ASCII"));
            None
        }
    }
}

fn validator(schema: &Value, components: &Value) -> Validator {
    let schema = match schema {
        Value::Object(schema) => {
            let mut schema = schema.clone();
            schema.insert("components".to_owned(), components.clone());
            Value::Object(schema)
        }
        _ => json!({}),
    };
    jsonschema::draft202012::new(&schema).expect("schemas come from our types, and a test builds them all")
}
