//! How much a value weighs, and how much anything may weigh.

use serde_json::Value;

use crate::{Error, ErrorKind};

/// The dearest evaluation there may be, in units of cost.
pub(crate) const MAX_COST: u64 = 2_000_000;

/// The most work that sizing up the inputs may be.
pub(crate) const MAX_SURVEY: u64 = 500_000;

/// The heaviest scope that may be copied as a whole.
pub(crate) const MAX_WHOLE_SCOPE: u64 = 200_000;

/// The most that the values passed through by one expression, or by one template, may weigh.
pub(crate) const MAX_PASSED: u64 = 2_000_000;

/// The deepest JSON that is read; text that was parsed as JSON never goes deeper.
pub(crate) const MAX_DEPTH: usize = 128;

/// Bytes of text that weigh as much as one value.
pub(crate) const BYTES_PER_UNIT: u64 = 16;

/// Weighs a value: one unit for each value within it and for every few bytes of text.
///
/// It stops as soon as the weight passes `limit`.
pub(crate) fn weigh(value: &Value, limit: u64) -> Result<u64, Error> {
    let mut weight = 0;
    add_weight(value, limit, &mut weight, 0)?;
    Ok(weight)
}

fn add_weight(value: &Value, limit: u64, weight: &mut u64, depth: usize) -> Result<(), Error> {
    if depth > MAX_DEPTH {
        return Err(too_deep());
    }
    *weight += 1;
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
        Value::String(text) => *weight += text_weight(text.len()),
        Value::Array(items) => {
            for item in items {
                if *weight > limit {
                    break;
                }
                add_weight(item, limit, weight, depth + 1)?;
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                if *weight > limit {
                    break;
                }
                *weight += text_weight(key.len());
                add_weight(item, limit, weight, depth + 1)?;
            }
        }
    }
    Ok(())
}

/// Weighs so many bytes of text.
pub(crate) fn text_weight(bytes: usize) -> u64 {
    bytes as u64 / BYTES_PER_UNIT
}

pub(crate) fn too_deep() -> Error {
    Error::new(ErrorKind::TooDeep, format!("a value nests deeper than {MAX_DEPTH} levels"))
}

pub(crate) fn too_large() -> Error {
    Error::new(ErrorKind::TooCostly, "the value is too large to be copied as a whole")
}
