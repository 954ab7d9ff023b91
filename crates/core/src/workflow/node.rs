//! The tree of a document: every key and value with its place. What they mean is not known here.

use serde_json::{Map, Number, Value};

use crate::Location;

/// A value and where it is written.
pub(super) struct Node {
    pub(super) at: Location,
    /// Just behind it.
    pub(super) end: Location,
    pub(super) content: Content,
}

pub(super) enum Content {
    /// Something that was already reported; whoever meets it says nothing more.
    Broken,
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key with its value.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Location,
    pub(super) value: Node,
}

impl Node {
    /// The value as JSON.
    pub(super) fn json(&self) -> Value {
        match &self.content {
            Content::Broken => Value::Null,
            Content::Scalar(value) => value.clone(),
            Content::List(items) => items.iter().map(Self::json).collect(),
            Content::Map(entries) => {
                Value::Object(entries.iter().map(|e| (e.key.clone(), e.value.json())).collect::<Map<_, _>>())
            }
        }
    }

    /// Whether it is the null of YAML, which for an optional thing is as good as not there.
    pub(super) fn is_nothing(&self) -> bool {
        matches!(self.content, Content::Scalar(Value::Null))
    }

    /// The node that a JSON pointer names, or the deepest one on the way to it.
    pub(super) fn pointed(&self, pointer: &str) -> &Self {
        let names = pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~"));
        names.fold(self, |node, name| node.child(&name).unwrap_or(node))
    }

    fn child(&self, name: &str) -> Option<&Self> {
        match &self.content {
            Content::Broken | Content::Scalar(_) => None,
            Content::List(items) => name.parse::<usize>().ok().and_then(|index| items.get(index)),
            Content::Map(entries) => entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value),
        }
    }

    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Broken => "something unreadable",
            Content::Scalar(value) => kind_of(value),
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

/// What a JSON value is, for a message.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// Why a plain text is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotANumber;

/// Reads a text without quotes by the core schema of YAML 1.2.
pub(super) fn plain(text: &str) -> Result<Value, NotANumber> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Ok(Value::Null),
        "true" | "True" | "TRUE" => Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => Ok(Value::Bool(false)),
        _ if is_float(text) => number(text),
        _ => radix(text).unwrap_or_else(|| Ok(Value::String(text.to_owned()))),
    }
}

fn number(text: &str) -> Result<Value, NotANumber> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = digits.parse::<i64>() {
        return Ok(whole.into());
    }
    if let Ok(whole) = digits.parse::<u64>() {
        return Ok(whole.into());
    }
    let whole = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let float = digits.parse::<f64>().ok().filter(|_| !whole);
    float.and_then(Number::from_f64).map(Value::Number).ok_or(NotANumber)
}

/// Whether the text is a number of the core schema: `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`, or
/// one of the values that JSON cannot hold.
fn is_float(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let special = matches!(body, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN");
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = body.split_once(['e', 'E']).unwrap_or((body, "0"));
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let some = !whole.is_empty() || !fraction.is_empty();
    special || (some && digits(whole) && digits(fraction) && !exponent.is_empty() && digits(exponent))
}

fn radix(text: &str) -> Option<Result<Value, NotANumber>> {
    let (digits, base) = match text.split_at_checked(2)? {
        ("0x", digits) => (digits, 16),
        ("0o", digits) => (digits, 8),
        _ => return None,
    };
    let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(base));
    valid.then(|| u64::from_str_radix(digits, base).map(Value::from).map_err(|_| NotANumber))
}
