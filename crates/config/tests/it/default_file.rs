//! `config/default.toml` says what the types say.

use codeflow_config::{Environment, Settings, default_toml};

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
