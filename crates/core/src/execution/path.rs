//! Where in an execution a result belongs: a step, or one iteration of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::workflow::StepName;

/// A step, or one iteration of a repeated step: `scan` or `scan[3]`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StepPath {
    /// The step.
    pub step: StepName,
    /// The iteration, counted from nought.
    pub iteration: Option<u32>,
}

/// A text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the path of a step: expected `name` or `name[3]`")]
pub struct InvalidStepPath {
    text: String,
}

impl StepPath {
    /// The path of a whole step.
    pub fn step(name: StepName) -> Self {
        Self { step: name, iteration: None }
    }

    /// The path of one iteration.
    pub fn iteration(name: StepName, iteration: u32) -> Self {
        Self { step: name, iteration: Some(iteration) }
    }
}

impl fmt::Display for StepPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.iteration {
            None => write!(f, "{}", self.step),
            Some(iteration) => write!(f, "{}[{iteration}]", self.step),
        }
    }
}

impl FromStr for StepPath {
    type Err = InvalidStepPath;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidStepPath { text: text.chars().take(96).collect() };
        let (name, iteration) = match text.strip_suffix(']').and_then(|open| open.split_once('[')) {
            Some((name, number)) => (name, Some(number.parse().map_err(|_| invalid())?)),
            None => (text, None),
        };
        Ok(Self { step: name.parse().map_err(|_| invalid())?, iteration })
    }
}

impl TryFrom<String> for StepPath {
    type Error = InvalidStepPath;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StepPath> for String {
    fn from(path: StepPath) -> Self {
        path.to_string()
    }
}
