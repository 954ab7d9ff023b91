//! Requests made from the document: what each operation takes, filled in with its own examples.

use serde_json::{Map, Value};

use super::house::House;
use crate::live::Answered;

/// An operation of the document.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) told: Value,
    components: Value,
}

/// All operations.
pub(crate) fn operations(document: &Value) -> Vec<Operation> {
    let paths = document["paths"].as_object().expect("it has paths");
    let operations = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("is an object");
        item.iter().map(|(method, told)| Operation {
            method: method.to_uppercase(),
            path: path.clone(),
            told: told.clone(),
            components: document["components"].clone(),
        })
    });
    operations.collect()
}

impl Operation {
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    pub(crate) fn permission(&self) -> Option<&str> {
        self.told["x-codeflow-permission"].as_str()
    }

    pub(crate) fn documents(&self, status: u16) -> bool {
        !self.told["responses"][status.to_string()].is_null()
    }

    pub(crate) fn parameters(&self, place: &str) -> Vec<&Value> {
        let all = self.told["parameters"].as_array().into_iter().flatten();
        all.filter(|one| one["in"] == place).collect()
    }

    /// The first line, with the parameters of the path as their examples.
    pub(crate) fn first(&self) -> String {
        self.first_with("", "")
    }

    /// The same with one parameter replaced.
    pub(crate) fn first_with(&self, name: &str, text: &str) -> String {
        let mut path = self.path.clone();
        for parameter in self.parameters("path") {
            let own = parameter["name"].as_str().expect("it has a name");
            let example = parameter["example"].as_str().expect("it has an example");
            let value = if own == name { encode(text) } else { example.to_owned() };
            path = path.replace(&format!("{{{own}}}"), &value);
        }
        let is_query = self.parameters("query").iter().any(|one| one["name"] == name);
        if is_query {
            format!("{} {path}?{name}={}", self.method, encode(text))
        } else {
            format!("{} {path}", self.method)
        }
    }

    pub(crate) fn schema(&self) -> Option<&Value> {
        let schema = &self.told["requestBody"]["content"]["application/json"]["schema"];
        (!schema.is_null()).then_some(schema)
    }

    /// A body that is what the document says.
    pub(crate) fn body(&self) -> Option<Value> {
        self.schema().map(|schema| self.example(schema))
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let reference = schema["$ref"].as_str().and_then(|text| text.strip_prefix("#/components"));
        match reference {
            Some(pointer) => self.components.pointer(pointer).expect("what is referred to is there"),
            None => schema,
        }
    }

    fn example(&self, schema: &Value) -> Value {
        let schema = self.resolve(schema);
        if !schema["example"].is_null() {
            return schema["example"].clone();
        }
        if let Some(properties) = schema["properties"].as_object() {
            let filled = properties.iter().map(|(name, own)| (name.clone(), self.example(own)));
            return Value::Object(filled.collect::<Map<_, _>>());
        }
        let choices = schema["oneOf"].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null"));
        if let Some(choice) = choices {
            return self.example(choice);
        }
        if let Some(first) = schema["enum"].get(0) {
            return first.clone();
        }
        let kind = schema["type"].as_array().and_then(|all| all.first()).unwrap_or(&schema["type"]);
        match kind.as_str() {
            Some("boolean") => false.into(),
            Some("integer") => schema["minimum"].as_i64().unwrap_or(1).into(),
            Some("array") => vec![self.example(&schema["items"])].into(),
            Some("object") => Map::new().into(),
            _ => "x".into(),
        }
    }
}

/// Every string within this value, as a pointer.
pub(crate) fn strings(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::String(_) => out.push(at.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| strings(item, &format!("{at}/{index}"), out));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, field)| strings(field, &format!("{at}/{name}"), out));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

impl House {
    /// Calls an operation with what the document says it takes.
    pub(crate) async fn call(&self, who: &str, operation: &Operation) -> Answered {
        self.ask(who, &operation.first(), operation.body().as_ref()).await
    }
}
