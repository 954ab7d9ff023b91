//! Entries from the settings, laid over the built-in ones.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::registry::{ModelEntry, RegistryError};

/// What settings say about models: `provider/id` to the fields of an entry. What stands there replaces what the
/// registry has, field by field; `null` makes it unknown; a new name makes a new entry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(Map<String, Value>);

impl From<Map<String, Value>> for Overrides {
    fn from(entries: Map<String, Value>) -> Self {
        Self(entries)
    }
}

impl Overrides {
    pub(super) fn apply(&self, entries: &[Arc<ModelEntry>]) -> Result<Vec<Arc<ModelEntry>>, RegistryError> {
        let mut all = entries.to_vec();
        for (key, patch) in &self.0 {
            let known = all.iter_mut().find(|entry| entry.key() == *key);
            let entry = Arc::new(merged(key, known.as_deref(), patch)?);
            match known {
                Some(known) => *known = entry,
                None => all.push(entry),
            }
        }
        Ok(all)
    }
}

fn merged(key: &str, known: Option<&Arc<ModelEntry>>, patch: &Value) -> Result<ModelEntry, RegistryError> {
    let unusable =
        |error| RegistryError::invalid(key, "a field is unknown or has the wrong form").with_source(error);
    let name = key.split_once('/').filter(|(provider, id)| !provider.is_empty() && !id.is_empty());
    let Some((provider, id)) = name else {
        return Err(RegistryError::invalid(key, "its name has to be `provider/id`"));
    };
    let Value::Object(fields) = patch else {
        return Err(RegistryError::invalid(key, "its fields have to be a table"));
    };
    if fields.contains_key("provider") || fields.contains_key("id") {
        return Err(RegistryError::invalid(key, "`provider` and `id` are its name and cannot be set"));
    }
    let mut document = match known {
        Some(known) => serde_json::to_value(known.as_ref()).map_err(unusable)?,
        None => serde_json::json!({ "provider": provider, "id": id }),
    };
    lay_over(&mut document, patch);
    serde_json::from_value(document).map_err(unusable)
}

/// Replaces values one by one, as JSON Merge Patch does.
fn lay_over(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in fields {
        if value.is_null() {
            target.remove(name);
        } else {
            lay_over(target.entry(name.as_str()).or_insert(Value::Null), value);
        }
    }
}
