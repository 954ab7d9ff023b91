//! What a rule says about one place in the tree. Which rules exist is the business of `rules`.

use std::fmt;

/// One place that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The file, relative to the root of the tree, with forward slashes.
    pub path: String,
    /// The line, counted from one, where the rule looks at lines.
    pub line: Option<usize>,
    /// The short name of the rule.
    pub rule: &'static str,
    /// What is wrong and what to do about it.
    pub message: String,
}

impl Violation {
    /// Describes a whole file.
    pub(crate) fn file(rule: &'static str, path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line: None, rule, message: message.into() }
    }

    /// Describes one line of a file.
    pub(crate) fn line(rule: &'static str, path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::file(rule, path, message) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {} [{}]", self.path, self.message, self.rule),
            None => write!(f, "{}: {} [{}]", self.path, self.message, self.rule),
        }
    }
}
