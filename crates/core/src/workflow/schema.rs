//! The JSON Schema of workflow documents, for editors. It says what each key takes; what only the whole
//! document shows (cycles, references, types of actions) is the parser's to find.

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use super::Limits;
use super::shape::{SCHEDULE, STEP, Shape, TRIGGERS, WORKFLOW};

/// The JSON Schema (draft 2020-12) of workflow documents.
pub fn json_schema() -> Value {
    let mut schema = object(&WORKFLOW);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("CodeFlow workflow");
    schema
}

/// A mapping with exactly these keys.
pub(super) fn object(shape: &Shape) -> Value {
    let properties: Map<String, Value> =
        shape.keys.iter().map(|key| (key.name.to_owned(), described((key.schema)(), key.about))).collect();
    let required: Vec<&str> = shape.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

/// A mapping with exactly these keys, or nothing at all.
pub(super) fn optional_object(shape: &Shape) -> Value {
    let mut schema = object(shape);
    schema["type"] = json!(["object", "null"]);
    schema
}

fn described(schema: Value, about: &str) -> Value {
    match schema {
        Value::Object(mut fields) => {
            fields.insert("description".to_owned(), json!(about));
            Value::Object(fields)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            json!({ "description": about })
        }
    }
}

/// A step: exactly one thing to do, and inputs only for an action.
pub(super) fn step() -> Value {
    let mut schema = object(&STEP);
    schema["oneOf"] = super::step::KINDS.iter().map(|kind| json!({ "required": [kind] })).collect();
    schema["dependentRequired"] = json!({ "with": ["uses"] });
    let repeats = json!([{ "required": ["uses"] }, { "required": ["run"] }]);
    schema["dependentSchemas"] = json!({ "for_each": { "anyOf": repeats } });
    schema
}

pub(super) fn triggers() -> Value {
    // A schedule says nothing without its times.
    let names: Vec<&str> =
        TRIGGERS.iter().map(|(name, _)| *name).filter(|name| *name != "schedule").collect();
    let settings = |name: &str, about: &str| {
        let schema = match name {
            "schedule" => schedules(),
            _ => json!({ "type": ["object", "array", "null"] }),
        };
        described(schema, about)
    };
    let properties: Map<String, Value> =
        TRIGGERS.iter().map(|(name, about)| ((*name).to_owned(), settings(name, about))).collect();
    json!({ "oneOf": [
        { "enum": names },
        { "type": "array", "items": { "enum": names } },
        { "type": "object", "properties": properties, "additionalProperties": false },
    ]})
}

/// One schedule, or a list of them.
fn schedules() -> Value {
    let one = object(&SCHEDULE);
    json!({ "oneOf": [
        one.clone(),
        { "type": "array", "items": one, "minItems": 1, "maxItems": Limits::SCHEDULES },
    ]})
}

/// A mapping whose keys are names that the author chose.
pub(super) fn map_of(value: Value) -> Value {
    json!({ "type": "object", "propertyNames": name(), "additionalProperties": value })
}

pub(super) fn name() -> Value {
    json!({ "type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,63}$" })
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn duration() -> Value {
    json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$" })
}

/// A program and its arguments.
pub(super) fn command() -> Value {
    json!({ "type": "array", "items": text(), "minItems": 1 })
}

/// A number of bytes.
pub(super) fn size() -> Value {
    let pattern = "^[0-9]+ *([KkMmGg]?[Bb]|[KkMmGg][Ii][Bb])?$";
    json!({ "type": ["string", "integer"], "pattern": pattern, "minimum": 1 })
}

pub(super) fn whole(from: u32, to: u32) -> Value {
    json!({ "type": "integer", "minimum": from, "maximum": to })
}

/// One of the texts that `T` is written as.
pub(super) fn choice<T: JsonSchema>() -> Value {
    let mut schema = schemars::schema_for!(T).to_value();
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "$schema" | "title"));
    }
    schema
}
