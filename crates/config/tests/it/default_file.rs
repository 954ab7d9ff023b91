//! `config/default.toml` says what the types say.

use codeflow_config::{BudgetScope, Environment, Profile, Settings, default_toml};

use crate::given;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config/default.toml");

#[test]
fn the_default_file_is_what_the_types_say() {
    let written = std::fs::read_to_string(FILE).expect("the file is part of the project");

    let advice = "run `cargo run -p codeflow-config --example default-toml > config/default.toml`";
    assert_eq!(written, default_toml(), "{advice}");
}

#[test]
fn the_default_file_changes_nothing() {
    let without = Settings::load(None, &Environment::default()).expect("the defaults are valid");

    let with = Settings::load(Some(FILE.as_ref()), &Environment::default()).expect("the file is valid");

    assert_eq!(format!("{with:?}"), format!("{without:?}"));
}

#[test]
fn every_setting_is_explained() {
    let text = default_toml();

    let lines: Vec<&str> = text.lines().collect();
    let unexplained: Vec<&str> = lines
        .windows(2)
        .filter(|pair| (pair[1].contains(" = ") || pair[1].starts_with('[')) && !pair[0].starts_with('#'))
        .map(|pair| pair[1])
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}

#[test]
fn every_example_in_the_default_file_is_valid() {
    let is_example = |line: &str| line.starts_with('#') && !line.starts_with("# ");
    let text: Vec<String> = default_toml()
        .lines()
        .map(|line| if is_example(line) { line[1..].to_owned() } else { line.to_owned() })
        .collect();

    let settings = given::settings(&text.join("\n"));

    assert_eq!(settings.profile, Profile::Dev);
    assert_eq!(settings.keys[0].name, "team-a");
    assert_eq!(settings.providers[0].name, "openai");
    assert_eq!(settings.routes[0].alias, "fast");
    assert_eq!(settings.budgets[0].scope, BudgetScope::Key);
    assert_eq!(settings.limits.models[0].0, "openai/gpt-5.1");
}
