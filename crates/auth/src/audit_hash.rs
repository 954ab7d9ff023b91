//! The bytes of an entry of the audit log that its hash is over. They cannot be read in two ways: everything has its
//! length in front of it, and every kind of value its own mark.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::{Map, Value};

use crate::AuditEvent;

/// The hash of an entry.
pub(crate) fn hash(position: i64, previous: &[u8; 32], event: &AuditEvent) -> [u8; 32] {
    let mut bytes = Bytes(Context::new(&SHA256));
    bytes.text("codeflow audit 1");
    bytes.number(position);
    bytes.part(previous);
    bytes.number(event.at.micros());
    bytes.maybe(event.tenant.as_ref().map(|tenant| tenant.as_str()));
    bytes.text(&event.actor);
    bytes.text(&event.action);
    bytes.text(&event.target);
    bytes.maybe(event.address.as_deref());
    bytes.maybe(event.request_id.as_deref());
    bytes.text(event.outcome.as_str());
    bytes.map(&event.details);
    let mut hash = [0; 32];
    hash.copy_from_slice(bytes.0.finish().as_ref());
    hash
}

/// Makes of an event one that storage gives back as it was: without NUL characters, which PostgreSQL does not keep, and
/// without fractions, which databases write in different ways.
pub(crate) fn clean(event: &mut AuditEvent) {
    for text in [&mut event.actor, &mut event.action, &mut event.target] {
        clean_text(text);
    }
    for text in [&mut event.address, &mut event.request_id].into_iter().flatten() {
        clean_text(text);
    }
    clean_map(&mut event.details);
}

struct Bytes(Context);

impl Bytes {
    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    fn text(&mut self, text: &str) {
        self.part(text.as_bytes());
    }

    fn number(&mut self, number: i64) {
        self.part(&number.to_be_bytes());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.mark(if text.is_some() { b'+' } else { b'-' });
        if let Some(text) = text {
            self.text(text);
        }
    }

    fn mark(&mut self, mark: u8) {
        self.0.update(&[mark]);
    }

    /// Sorted by key: databases keep no order.
    fn map(&mut self, map: &Map<String, Value>) {
        let mut entries: Vec<_> = map.iter().collect();
        entries.sort_by_key(|(key, _)| *key);
        self.part(&(entries.len() as u64).to_be_bytes());
        for (key, value) in entries {
            self.text(key);
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.mark(b'0'),
            Value::Bool(false) => self.mark(b'f'),
            Value::Bool(true) => self.mark(b't'),
            Value::Number(number) => {
                self.mark(b'n');
                self.text(&number.to_string());
            }
            Value::String(text) => {
                self.mark(b's');
                self.text(text);
            }
            Value::Array(items) => {
                self.mark(b'a');
                self.part(&(items.len() as u64).to_be_bytes());
                items.iter().for_each(|item| self.value(item));
            }
            Value::Object(map) => {
                self.mark(b'o');
                self.map(map);
            }
        }
    }
}

fn clean_text(text: &mut String) {
    text.retain(|letter| letter != '\0');
}

fn clean_map(map: &mut Map<String, Value>) {
    let dirty = std::mem::take(map);
    for (mut key, mut value) in dirty {
        clean_text(&mut key);
        clean_value(&mut value);
        map.insert(key, value);
    }
}

fn clean_value(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => *value = Value::String(number.to_string()),
        Value::String(text) => clean_text(text),
        Value::Array(items) => items.iter_mut().for_each(clean_value),
        Value::Object(map) => clean_map(map),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
