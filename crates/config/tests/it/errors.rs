//! Errors name the setting and who made it, and never show its value.

use codeflow_config::{Environment, Error, ErrorKind, Settings};
use codeflow_core::{Class, Coded};

fn from_environment<const COUNT: usize>(variables: [(&str, &str); COUNT]) -> Error {
    Settings::load(None, &Environment::from(variables)).expect_err("it is wrong")
}

fn from_file(text: &str) -> (String, Error) {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), text).expect("it can be written");
    let error = Settings::load(Some(file.path()), &Environment::default()).expect_err("it is wrong");
    (file.path().display().to_string(), error)
}

#[test]
fn an_unknown_key_is_named_with_its_file_and_the_keys_there_are() {
    let (name, error) = from_file("[database]\npool_sise = 3\n");

    assert_eq!(error.kind(), ErrorKind::UnknownKey);
    assert_eq!(error.code(), "config.unknown_key");
    assert_eq!(error.class(), Class::Invalid);
    let text = error.to_string();
    assert!(text.starts_with(&format!("`{name}` sets `database.pool_sise`, which does not exist")), "{text}");
    assert!(text.contains("`pool_size`"), "{text}");
}

#[test]
fn an_unknown_section_is_named() {
    let (_, error) = from_file("[databases]\nurl = \"x\"\n");

    assert!(error.to_string().contains("sets `databases`"), "{error}");
}

#[test]
fn a_wrong_type_is_blamed_on_the_variable_and_its_value_is_not_shown() {
    let error = from_environment([("DB_POOL_SIZE", "hunter2")]);

    assert_eq!(error.kind(), ErrorKind::InvalidValue);
    let expected = "environment variable `DB_POOL_SIZE` sets `database.pool_size` to something that is not a whole number";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_number_that_makes_no_sense_is_blamed_on_whoever_set_it() {
    let error = from_environment([("CODEFLOW_WORKER__CONCURRENCY", "0")]);

    let expected = "setting `worker.concurrency` must be at least 1 \
                    (set by environment variable `CODEFLOW_WORKER__CONCURRENCY`)";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn durations_need_a_unit_and_a_length() {
    let (name, error) = from_file("[worker]\ngrace = \"soon\"\n");
    assert!(error.to_string().starts_with("setting `worker.grace` is not a duration"), "{error}");
    assert!(error.to_string().contains(&name), "{error}");

    let error = from_environment([("DB_POOL_TIMEOUT", "0")]);
    assert!(error.to_string().contains("must be longer than nothing"), "{error}");
}

#[test]
fn a_log_filter_is_never_empty() {
    let (_, error) = from_file("[log]\nfilter = \" \"\n");

    assert!(error.to_string().contains("`log.filter` is empty"), "{error}");
}

#[test]
fn a_file_that_was_named_must_be_there_and_be_toml() {
    let missing = Settings::load(Some("/nowhere/codeflow.toml".as_ref()), &Environment::default());
    let missing = missing.expect_err("there is no such file");
    assert_eq!(missing.kind(), ErrorKind::UnreadableFile);
    assert!(std::error::Error::source(&missing).is_some());

    let (name, broken) = from_file("[database\n");
    assert_eq!(broken.kind(), ErrorKind::UnreadableFile);
    assert_eq!(broken.to_string(), format!("could not read the settings in `{name}`"));
}
