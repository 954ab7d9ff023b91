//! The text that names a change: `A..B`, `A...B`, or one commit. Whether the names exist is for git to say.

use std::str::FromStr;

use codeflow_actions::{RepositoryError, RepositoryErrorKind};

/// The longest range that is looked at.
const MAX_BYTES: usize = 1024;

/// A change, as somebody asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// What one commit did.
    Commit(Revision),
    /// What differs between two commits.
    Between(Revision, Revision),
    /// What happened on the second commit since it left the first.
    SinceFork(Revision, Revision),
}

/// The name of a commit; never anything that git could take for an option or an exclusion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Revision(String);

impl Revision {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without the steps to first parents at its end: `main` for `main~2^`.
    ///
    /// `None` if there are no such steps.
    pub(super) fn descendant(&self) -> Option<Self> {
        let mut rest = self.0.as_str();
        loop {
            let digits = rest.trim_end_matches(|c: char| c.is_ascii_digit());
            let step = digits
                .strip_suffix('~')
                .or_else(|| rest.strip_suffix("^1"))
                .or_else(|| rest.strip_suffix('^'));
            match step {
                Some(shorter) => rest = shorter,
                None => break,
            }
        }
        (!rest.is_empty() && rest.len() < self.0.len()).then(|| Self(rest.to_owned()))
    }
}

impl FromStr for Revision {
    type Err = RepositoryError;

    /// An empty side of a range means `HEAD`, as it does for git.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = if text.is_empty() { "HEAD" } else { text };
        if text.starts_with(['-', '^']) || text.chars().any(char::is_control) {
            return Err(invalid(
                text,
                "a revision begins with neither `-` nor `^` and has no control characters",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl FromStr for Range {
    type Err = RepositoryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() || text.len() > MAX_BYTES {
            return Err(invalid(text, "give `A..B`, `A...B` or one commit"));
        }
        match text.split_once("..") {
            None => Ok(Self::Commit(text.parse()?)),
            Some((from, to)) => match to.strip_prefix('.') {
                Some(to) => Ok(Self::SinceFork(from.parse()?, side(text, to)?)),
                None => Ok(Self::Between(from.parse()?, side(text, to)?)),
            },
        }
    }
}

fn side(range: &str, text: &str) -> Result<Revision, RepositoryError> {
    if text.contains("..") || text.starts_with('.') {
        return Err(invalid(range, "a range has two sides"));
    }
    text.parse()
}

fn invalid(text: &str, hint: &str) -> RepositoryError {
    let shown: String = text.chars().take(80).collect();
    let message = format!("`{}` is no range of commits; {hint}", shown.escape_debug());
    RepositoryError::new(RepositoryErrorKind::InvalidRange, message)
}
