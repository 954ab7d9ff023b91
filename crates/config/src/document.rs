//! Writes the settings file that says nothing new: every key, its default, and what it means.

use std::fmt::Write as _;

use serde_json::Value;

use crate::raw::RawSettings;

const HEAD: &str = "# Every setting with its default, written from the types in `codeflow-config`.\n\
                    # Copy what you want to change to `codeflow.toml`. A variable of the environment wins over the file:\n\
                    # `CODEFLOW_DATABASE__POOL_SIZE` is `pool_size` of `[database]`.\n";

/// The content of `config/default.toml`.
pub fn default_toml() -> String {
    let schema = schemars::schema_for!(RawSettings).to_value();
    let defaults = serde_json::to_value(RawSettings::default()).unwrap_or_default();
    let mut text = HEAD.to_owned();
    for (section, about) in entries(&schema["properties"]) {
        comment(&mut text, "\n", about);
        put(&mut text, format_args!("[{section}]\n"));
        let name =
            about["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
        for (key, about) in entries(&schema["$defs"][name]["properties"]) {
            comment(&mut text, "", about);
            put(&mut text, format_args!("{key} = {}\n", defaults[section][key]));
        }
    }
    text
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn comment(text: &mut String, before: &str, about: &Value) {
    text.push_str(before);
    for line in about["description"].as_str().unwrap_or_default().lines() {
        put(text, format_args!("# {line}\n"));
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("writing into a string never fails");
}
