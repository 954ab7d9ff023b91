//! Writes the settings file that says nothing new: every key, its default, and what it means. What has no default is
//! there as an example, with a `#` right before it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::raw::RawSettings;

const HEAD: &str = "# Every setting with its default, written from the types in `codeflow-config`.\n\
                    # Copy what you want to change to `codeflow.toml`. Lines that begin with `#` and no space are examples.\n\
                    # A variable of the environment wins over the file: `CODEFLOW_DATABASE__POOL_SIZE` is `pool_size` of\n\
                    # `[database]`. `[profiles.prod.database]` holds only where `CODEFLOW_PROFILE` is `prod`; the profiles\n\
                    # are `dev`, which is the default, `staging` and `prod`.\n";

/// The content of `config/default.toml`.
pub fn default_toml() -> String {
    let schema = schemars::schema_for!(RawSettings).to_value();
    let mut writer = Writer { text: HEAD.to_owned(), definitions: &schema["$defs"] };
    for (name, about) in entries(&schema["properties"]) {
        writer.section(name, about, true);
    }
    writer.text
}

struct Writer<'a> {
    text: String,
    definitions: &'a Value,
}

impl Writer<'_> {
    /// Whatever stands under a heading: a table, an example of a table with a name, or one of many.
    fn section(&mut self, path: &str, about: &Value, is_live: bool) {
        self.text.push('\n');
        self.comment(about);
        if let Some(entry) = about.get("additionalProperties") {
            let path = format!("{path}.{}", about["x-name"].as_str().unwrap_or_default());
            self.line(false, format_args!("[{path}]"));
            for (key, value) in entries(&about["x-body"]) {
                self.line(false, format_args!("{key} = {}", toml(value)));
            }
            self.table(&path, self.definition(entry), false);
        } else if let Some(entry) = about.get("items") {
            self.line(false, format_args!("[[{path}]]"));
            self.table(path, self.definition(entry), false);
        } else {
            self.line(is_live, format_args!("[{path}]"));
            self.table(path, self.with_defaults(about), is_live);
        }
    }

    /// The keys of a table, and after them the tables in it.
    fn table(&mut self, path: &str, definition: Value, is_live: bool) {
        let properties = entries(&definition["properties"]);
        let (tables, keys): (Vec<_>, Vec<_>) = properties.partition(|(_, about)| self.has_heading(about));
        for (key, about) in keys {
            self.comment(about);
            let (default, example) = (&about["default"], &about["x-example"]);
            if let Some(instead) = about.get("x-instead") {
                self.put(format_args!("# {key} = {}\n", toml(instead)));
            } else if example.is_null() {
                self.line(is_live, format_args!("{key} = {}", toml(default)));
            } else {
                self.line(false, format_args!("{key} = {}", toml(example)));
            }
        }
        for (key, about) in tables {
            self.section(&format!("{path}.{key}"), about, is_live);
        }
    }

    fn has_heading(&self, about: &Value) -> bool {
        about.get("x-name").is_some() || self.definition(about).get("properties").is_some()
    }

    fn definition(&self, about: &Value) -> Value {
        let name = about["$ref"].as_str().and_then(|reference| reference.rsplit('/').next());
        name.map(|name| self.definitions[name].clone()).unwrap_or_default()
    }

    /// The definition, with the defaults of this place, which may differ from those of its type.
    fn with_defaults(&self, about: &Value) -> Value {
        let mut definition = self.definition(about);
        for (key, value) in entries(&about["default"]) {
            if let Some(property) = definition["properties"].get_mut(key) {
                property["default"] = value.clone();
            }
        }
        definition
    }

    fn comment(&mut self, about: &Value) {
        for line in about["description"].as_str().unwrap_or_default().lines() {
            self.put(format_args!("# {line}\n"));
        }
    }

    fn line(&mut self, is_live: bool, what: std::fmt::Arguments<'_>) {
        let mark = if is_live { "" } else { "#" };
        self.put(format_args!("{mark}{what}\n"));
    }

    fn put(&mut self, what: std::fmt::Arguments<'_>) {
        self.text.write_fmt(what).expect("writing into a string never fails");
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// A value in one line. JSON's text, numbers and lists are TOML's, too.
fn toml(value: &Value) -> String {
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{key} = {}", toml(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}
