//! Settings files and environments that tests make up.

use std::path::Path;

use codeflow_config::{Environment, Error, Settings};

/// A file with this text, for as long as it is held.
pub(crate) fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file can be made");
    std::fs::write(file.path(), text).expect("it can be written");
    file
}

/// What a file says, where no variable says anything.
pub(crate) fn settings(text: &str) -> Settings {
    load(text, &Environment::default()).expect("it is valid")
}

/// Why a file is refused, where no variable says anything.
pub(crate) fn refusal(text: &str) -> Error {
    load(text, &Environment::default()).expect_err("it is wrong")
}

/// What a file and the environment say.
pub(crate) fn load(text: &str, environment: &Environment) -> Result<Settings, Error> {
    let file = file(text);
    Settings::load(Some(file.path()), environment)
}

/// Each of these texts in a file is refused for a setting, with these words.
pub(crate) fn refused<const COUNT: usize>(cases: [(&str, &str); COUNT]) {
    for (text, words) in cases {
        let error = refusal(text).to_string();
        assert!(error.contains(words), "{text} => {error}");
    }
}

/// A file that is not there.
pub(crate) fn nowhere() -> &'static Path {
    Path::new("/nowhere/at/all")
}
