//! Defaults, then the file, then the environment.

use std::time::Duration;

use codeflow_config::{Environment, Settings};
use secrecy::ExposeSecret;

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), text).expect("it can be written");
    file
}

#[test]
fn without_any_source_the_defaults_hold() {
    let settings = Settings::load(None, &Environment::default()).expect("the defaults are valid");

    assert!(settings.database.url.is_none());
    assert_eq!(settings.database.pool_size, 10);
    assert_eq!(settings.database.max_overflow, 20);
    assert_eq!(settings.database.pool_timeout, Duration::from_secs(30));
    assert_eq!(settings.database.pool_recycle, Duration::from_secs(3600));
    assert_eq!(settings.worker.grace, Duration::from_secs(10));
    assert_eq!(settings.log.filter, "error");
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = file("[database]\npool_size = 3\nmax_overflow = 4\n[worker]\ngrace = \"1m30s\"\n");
    let environment = Environment::from([("CODEFLOW_DATABASE__POOL_SIZE", "7")]);

    let settings = Settings::load(Some(file.path()), &environment).expect("both are valid");

    assert_eq!(settings.database.pool_size, 7);
    assert_eq!(settings.database.max_overflow, 4);
    assert_eq!(settings.worker.grace, Duration::from_secs(90));
}

#[test]
fn names_that_other_tools_use_work_too_and_ours_win_over_them() {
    let environment = Environment::from([
        ("DATABASE_URL", "postgres://somewhere/else"),
        ("DB_POOL_SIZE", "5"),
        ("DB_MAX_OVERFLOW", "0"),
        ("DB_POOL_TIMEOUT", "2"),
        ("DB_POOL_RECYCLE", "10m"),
        ("CODEFLOW_DATABASE__POOL_SIZE", "6"),
    ]);

    let settings = Settings::load(None, &environment).expect("all are valid");

    let url = settings.database.url.expect("the variable sets it");
    assert_eq!(url.expose_secret(), "postgres://somewhere/else");
    assert_eq!(settings.database.pool_size, 6);
    assert_eq!(settings.database.max_overflow, 0);
    assert_eq!(settings.database.pool_timeout, Duration::from_secs(2));
    assert_eq!(settings.database.pool_recycle, Duration::from_secs(600));
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let environment = Environment::from([("DATABASE_URL", ""), ("DB_POOL_SIZE", "")]);

    let settings = Settings::load(None, &environment).expect("nothing is set");

    assert!(settings.database.url.is_none());
    assert_eq!(settings.database.pool_size, 10);
}

#[test]
fn variables_without_a_section_are_not_settings() {
    let environment = Environment::from([("CODEFLOW_TEST_POSTGRES", "x"), ("CODEFLOW", "y")]);

    Settings::load(None, &environment).expect("they are somebody else's");
}

#[test]
fn an_address_is_never_shown() {
    let password = "hunter2";
    let url = format!("postgres://user:{password}@host/db");

    let settings = Settings::load(None, &Environment::from([("DATABASE_URL", url)])).expect("it is valid");

    assert!(!format!("{settings:?}").contains(password));
}
