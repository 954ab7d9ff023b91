//! The name of a version: a hash over what a document says, not over how it is written.

use std::fmt::Write as _;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::VersionId;
use super::node::{Content, Node};
use crate::Tenant;

/// Hashes a document. The order of keys does not count, but for steps, where it decides between steps that
/// could run at the same time.
pub(super) fn of(document: &Node) -> VersionId {
    let mut value = document.json();
    if let Content::Map(entries) = &document.content
        && let Some(steps) = entries.iter().find(|entry| entry.key == "steps")
        && let Content::Map(steps) = &steps.value.content
    {
        value["steps"] = steps.iter().map(|step| json!([step.key, step.value.json()])).collect();
    }
    let mut canonical = String::new();
    write(&value, &mut canonical);
    hashed(&canonical)
}

/// The name of the same version among those of a tenant.
pub(super) fn scoped(version: &VersionId, tenant: &Tenant) -> VersionId {
    hashed(&tenant.scoped(version.as_str()))
}

fn hashed(text: &str) -> VersionId {
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    VersionId::from_hash(hash)
}

/// Writes JSON without spaces and with sorted keys, whatever order the map type keeps.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            out.push_str(&value.to_string())
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, item)) in fields.into_iter().enumerate() {
                out.push_str(if index > 0 { "," } else { "" });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}
