//! What every error of ours has in common: a stable code, a class, and problems with a place in a text.

use std::fmt;

use serde::Serialize;

/// What kind of failure an error is, for those who turn it into an exit code or an HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// The caller's input is wrong; trying again does not help.
    Invalid,
    /// The thing does not exist.
    NotFound,
    /// The thing is in a state that forbids it, or somebody else was faster.
    Conflict,
    /// The caller may not.
    Denied,
    /// A limit was reached.
    Limited,
    /// Something outside is away or slow; trying again later may help.
    Unavailable,
    /// A fault of ours.
    Internal,
}

/// An error with a stable code, explained in `docs/errors/<code>.md`.
pub trait Coded: std::error::Error {
    /// The code. It never changes once released.
    fn code(&self) -> &'static str;

    /// What kind of failure it is.
    fn class(&self) -> Class;
}

/// A place in a text; both count from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// One thing that is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The stable code, explained in `docs/errors/<code>.md`.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Where it is.
    #[serde(flatten)]
    pub location: Location,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}]", self.location, self.message, self.code)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n  hint: {}", self.hint) }
    }
}

/// Everything that is wrong with a document, in the order of its lines. Never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts and keeps the problems, or returns `None` when there are none.
    pub fn new(mut problems: Vec<Problem>) -> Option<Self> {
        problems.sort_by(|a, b| (a.location, a.code).cmp(&(b.location, b.code)));
        (!problems.is_empty()).then_some(Self(problems))
    }

    /// The problems, in the order of their lines.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl Coded for Problems {
    fn code(&self) -> &'static str {
        "workflow.invalid"
    }

    fn class(&self) -> Class {
        Class::Invalid
    }
}
