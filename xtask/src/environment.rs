//! The one place where xtask reads environment variables.

use std::env;

/// The value of a variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "addresses of test services come from the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The folders in which programs are looked up.
#[expect(clippy::disallowed_methods, reason = "installed servers are looked up as a shell does")]
pub(crate) fn search_path() -> Vec<std::path::PathBuf> {
    env::var_os("PATH").map(|path| env::split_paths(&path).collect()).unwrap_or_default()
}

/// Where cargo keeps its caches.
pub(crate) fn cargo_home() -> Option<std::path::PathBuf> {
    let set = variable("CARGO_HOME").map(std::path::PathBuf::from);
    set.or_else(|| Some(std::path::PathBuf::from(variable("HOME")?).join(".cargo")))
}
