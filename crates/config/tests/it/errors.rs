//! Errors name the setting and who made it, and never show its value.

use codeflow_config::{Environment, Error, ErrorKind, Settings};
use codeflow_core::{Class, Coded};

use crate::given::{self, load, refusal};

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
    assert!(
        text.starts_with(&format!("`{name}:2` sets `database.pool_sise`, which does not exist")),
        "{text}"
    );
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
    assert!(error.to_string().ends_with("(set by environment variable `DB_POOL_TIMEOUT`)"), "{error}");
}

#[test]
fn a_plain_number_is_in_seconds_wherever_it_stands() {
    let variable = Environment::from([("DB_POOL_TIMEOUT", "2")]);

    let settings = Settings::load(None, &variable).expect("it is valid");

    assert_eq!(settings.database.pool_timeout, std::time::Duration::from_secs(2));
}

#[test]
fn all_problems_of_all_sections_are_told_at_once() {
    let error = refusal(
        "[database]\npool_size = 0\npool_timeout = \"soon\"\n[worker]\nconcurrency = 0\n[log]\nfilter = \"\"\n",
    );

    assert_eq!(error.problems().len(), 4);
    let text = error.to_string();
    assert!(text.starts_with("the settings have 4 problems:\n- setting `database.pool_size` must"), "{text}");
    for (key, line) in [
        ("database.pool_size", 2),
        ("database.pool_timeout", 3),
        ("worker.concurrency", 5),
        ("log.filter", 7),
    ] {
        let problem = error.problems().iter().find(|problem| problem.contains(key)).expect("it is named");
        assert!(problem.contains(&format!(":{line}`")), "{problem}");
    }
}

#[test]
fn unknown_keys_of_several_sections_are_told_at_once() {
    let error = refusal("[databse]\n[worker]\nconcurency = 1\n[log]\nlevel = \"info\"\n");

    assert_eq!(error.kind(), ErrorKind::UnknownKey);
    for name in ["`databse`", "`worker.concurency`", "`log.level`"] {
        assert!(error.problems().iter().any(|problem| problem.contains(name)), "{error}");
    }
    assert_eq!(error.problems().len(), 3);
}

#[test]
fn a_section_is_a_table() {
    let error = refusal("database = 3\n");

    assert!(error.to_string().ends_with("sets `database` to something that is not a table"), "{error}");
    assert!(error.to_string().contains(":1`"), "{error}");
}

#[test]
fn other_forms_are_said_in_words() {
    for (text, words) in [
        ("[worker]\ngrace = true\n", "is not a whole number or a text with a unit"),
        ("[worker]\ngrace = -1\n", "is not a whole number or a text with a unit"),
        ("[worker]\ngrace = [1]\n", "is not a whole number or a text with a unit"),
        ("[log]\nfilter = 3\n", "is not a string"),
        ("[cache]\nenabled = \"perhaps\"\n", "is not true or false"),
        ("[breaker]\nerror_rate = \"half\"\n", "is not a number"),
        ("[policy]\ndeny_models = 1\n", "is not a list of texts, or one text with commas"),
        ("[policy]\ndeny_models = [1]\n", "is not a string"),
        ("\n[budgets]\nname = \"x\"\n", "sets `budgets` to something that is not a list"),
        ("[routing]\nretired = \"ignore\"\n", "sets `routing.retired` to none of `refuse`, `follow`"),
    ] {
        let error = refusal(text).to_string();
        assert!(error.contains(words), "{text} => {error}");
        assert!(error.contains(":2`"), "{error}");
    }
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
    let expected = format!("could not read the settings in `{name}:1`: ");
    assert!(broken.to_string().starts_with(&expected), "{broken}");
}

#[test]
fn a_line_that_is_no_toml_is_not_shown() {
    let password = "hunter2-and-more";

    let error = refusal(&format!("[database]\nurl = \"postgres://u:{password}@host/db\n"));

    assert!(error.to_string().contains(":2`"), "{error}");
    assert!(!format!("{error:?}{error}").contains(password), "{error:?}");
}

#[test]
fn a_name_is_blamed_on_the_file_that_gives_it_even_if_a_variable_speaks_of_it() {
    let environment = Environment::from([("CODEFLOW_KEYS__ABC__TENANT", "acme")]);

    let error = load("[keys.abc]\nuser = \"ada\"\n", &environment).expect_err("it has no secret");

    assert!(error.to_string().contains(":1` sets `keys.abc` without `secret`"), "{error}");
}

#[test]
fn a_variable_for_a_section_that_does_not_exist_is_named() {
    let error = from_environment([("CODEFLOW_DATABSE__URL", "x")]);

    assert!(
        error.to_string().starts_with("environment variable `CODEFLOW_DATABSE__URL` sets `databse`"),
        "{error}"
    );
}

#[test]
fn a_file_is_small_enough_to_be_read_by_people() {
    let (_, error) = from_file(&"# nothing\n".repeat(110_000));

    assert_eq!(error.kind(), ErrorKind::UnreadableFile);
    assert!(error.to_string().ends_with("it is larger than 1 MiB"), "{error}");
}

/// Wherever a file is cut off, and whichever of its values is replaced, no error shows a part of a secret.
#[test]
fn no_mistake_shows_a_secret() {
    let marker = "hunter2";
    let whole = format!(
        "[database]\nurl = \"{marker}\"\npool_size = \"{marker}\"\n[keys.a]\nsecret = \"{marker}\"\n\
         [providers.p]\nkey = {{ env = \"{marker}\", other = \"{marker}\" }}\nheaders = {{ x = [\"{marker}\"] }}\n\
         [routing]\nretired = \"{marker}\"\n[server]\nlisten = \"{marker}\"\nbody_limit = \"{marker}\"\n\
         [[budgets]]\nname = \"b\"\nscope = \"{marker}\"\nlimit = \"{marker}\"\n",
    );
    let cut = (1..whole.len()).map(|end| whole[..end].to_owned());
    let bare = (0..whole.len()).filter(|at| whole[*at..].starts_with('"')).map(|at| {
        let (before, after) = whole.split_at(at);
        format!("{before}{}", &after[1..])
    });

    let mut refused = 0;
    for text in cut.chain(bare) {
        let file = given::file(&text);
        if let Err(error) = Settings::load(Some(file.path()), &Environment::default()) {
            refused += 1;
            assert!(!format!("{error:?} {error}").contains(&marker[..5]), "{text} => {error:?}");
        }
    }
    assert!(refused > 300, "{refused}");
}
