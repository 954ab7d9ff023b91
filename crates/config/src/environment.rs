//! What the surroundings of a process say: its variables, and the habits of terminals that hang on them.

use std::ffi::{OsStr, OsString};

/// The variables of a process, or those that a test makes up.
#[derive(Clone, Default)]
pub struct Environment(Vec<(OsString, OsString)>);

impl Environment {
    /// The variables of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the environment that everybody else is given")]
    pub fn process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Finds a variable that is set to something.
    pub fn find(&self, name: &str) -> Option<&OsStr> {
        let named = self.0.iter().find(|(key, _)| key == name);
        named.map(|(_, value)| value.as_os_str()).filter(|value| !value.is_empty())
    }

    /// The name that whoever started the process goes by.
    pub fn user(&self) -> Option<String> {
        let name = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| self.find(name))?;
        Some(name.to_string_lossy().into_owned())
    }

    /// Whether output that moves, such as a progress bar, makes sense: not in a CI job, and not on a
    /// terminal that cannot move its cursor. Whether there is a terminal at all is for the caller to see.
    pub fn is_lively(&self) -> bool {
        self.find("CI").is_none() && self.find("TERM").is_none_or(|term| term != "dumb")
    }

    /// Whether colours are wanted: `Some` when `NO_COLOR` or `CLICOLOR_FORCE` decides, `None` when it
    /// hangs on the terminal.
    pub fn wants_color(&self) -> Option<bool> {
        if self.find("NO_COLOR").is_some() {
            return Some(false);
        }
        self.find("CLICOLOR_FORCE").filter(|value| *value != "0").map(|_| true)
    }

    /// The variables, for a child process.
    pub fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }
}

impl<N: Into<OsString>, V: Into<OsString>, const COUNT: usize> From<[(N, V); COUNT]> for Environment {
    fn from(variables: [(N, V); COUNT]) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}
