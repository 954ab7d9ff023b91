//! What differs between two JSON documents, place by place.

use serde_json::Value;

/// One place where two documents differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Where: `outputs.items[2].score`.
    pub path: String,
    /// What the journal has there; nothing if the place is new.
    pub recorded: Option<Value>,
    /// What the replay has there; nothing if the place is gone.
    pub replayed: Option<Value>,
}

/// How many changes of one document are told.
const MAX_CHANGES: usize = 100;

/// The places where two documents differ, at most a hundred of them.
pub(super) fn diff(recorded: &Value, replayed: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    walk("", (Some(recorded), Some(replayed)), &mut changes);
    changes
}

fn walk(path: &str, (recorded, replayed): (Option<&Value>, Option<&Value>), changes: &mut Vec<Change>) {
    if recorded == replayed || changes.len() >= MAX_CHANGES {
        return;
    }
    match (recorded, replayed) {
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let further = other.keys().filter(|name| !one.contains_key(*name));
            for name in one.keys().chain(further) {
                let dot = if path.is_empty() { "" } else { "." };
                walk(&format!("{path}{dot}{name}"), (one.get(name), other.get(name)), changes);
            }
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                walk(&format!("{path}[{index}]"), (one.get(index), other.get(index)), changes);
            }
        }
        (recorded, replayed) => changes.push(Change {
            path: path.to_owned(),
            recorded: recorded.cloned(),
            replayed: replayed.cloned(),
        }),
    }
}
