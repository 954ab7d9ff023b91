//! What an action says about itself, and how it fails. Running one is `engine` and `actions`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::execution::{StepError, StepPath, StepStatus};
use crate::workflow::StepName;
use crate::{ExecutionId, Tenant, Usd};

/// The name behind `uses:`, such as `core/secrets`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActionName(String);

/// A text is not the name of an action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an action name: expected `group/name` in lower-case letters, digits, `-` and `_`")]
pub struct InvalidActionName {
    text: String,
}

impl ActionName {
    /// The action behind `run` steps. It is in a catalog exactly where commands may be run.
    pub fn run() -> Self {
        Self("core/run".to_owned())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ActionName {
    type Err = InvalidActionName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
                && part.starts_with(|c: char| c.is_ascii_lowercase())
        };
        match text.split_once('/') {
            Some((group, name)) if text.len() <= 64 && word(group) && word(name) => Ok(Self(text.to_owned())),
            Some(_) | None => Err(InvalidActionName { text: text.chars().take(64).collect() }),
        }
    }
}

impl TryFrom<String> for ActionName {
    type Error = InvalidActionName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ActionName> for String {
    fn from(name: ActionName) -> Self {
        name.0
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The type of a value that passes between steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    /// Anything.
    Any,
    /// Text.
    String,
    /// A number, whole or not.
    Number,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A list.
    List,
    /// An object with named fields.
    Object,
}

impl ValueType {
    /// Whether `value` is of this type.
    pub fn admits(self, value: &Value) -> bool {
        match self {
            Self::Any => true,
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Boolean => value.is_boolean(),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
        }
    }

    /// Whether a value of type `given` may stand where this type is expected.
    pub fn accepts(self, given: Self) -> bool {
        self == given
            || self == Self::Any
            || given == Self::Any
            || (self == Self::Number && given == Self::Integer)
    }
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any value",
            Self::String => "string",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Object => "object",
        })
    }
}

/// One input that an action takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputSpec {
    /// Its type.
    pub value_type: ValueType,
    /// Whether a step must give it.
    pub required: bool,
    /// What it is, in a sentence.
    pub summary: &'static str,
}

/// Something that a workflow must permit before an action may do it, such as `checks: write`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Permission {
    /// The kind of thing.
    pub scope: &'static str,
    /// Whether it is changed, not only read.
    pub write: bool,
}

/// What an action declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionSpec {
    /// Its name.
    pub name: ActionName,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// What it takes.
    pub inputs: BTreeMap<&'static str, InputSpec>,
    /// What it gives.
    pub outputs: BTreeMap<&'static str, ValueType>,
    /// What it must be permitted.
    pub permissions: Vec<Permission>,
    /// Whether its output is free of text that an outsider wrote.
    pub trusted: bool,
}

/// Knows which actions there are. A workflow is checked against it.
pub trait ActionCatalog: Send + Sync {
    /// Finds what an action declares.
    fn find(&self, name: &ActionName) -> Option<&ActionSpec>;

    /// Lists the names, for hints.
    fn names(&self) -> Vec<ActionName>;
}

/// A catalog without actions, for reading documents whose actions are checked elsewhere or not at all.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoActions;

impl ActionCatalog for NoActions {
    fn find(&self, _name: &ActionName) -> Option<&ActionSpec> {
        None
    }

    fn names(&self) -> Vec<ActionName> {
        Vec::new()
    }
}

/// The ways in which an action fails; a step's `retry.on` names them.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ActionErrorKind {
    /// A limit was reached; a later attempt may pass.
    RateLimited,
    /// It took too long.
    Timeout,
    /// Something outside is away; a later attempt may pass.
    Unavailable,
    /// An input is wrong.
    InvalidInput,
    /// It looked and says no: a gate that does not pass.
    Denied,
    /// It may cost more than is left of a budget.
    BudgetExceeded,
    /// It could not do its work.
    Failed,
    /// It was told to stop.
    Cancelled,
    /// A fault of ours.
    Internal,
}

impl ActionErrorKind {
    /// Never changes once released; `docs/errors/<code>.md` explains each.
    pub fn code(self) -> &'static str {
        match self {
            Self::RateLimited => "action.rate_limited",
            Self::Timeout => "action.timeout",
            Self::Unavailable => "action.unavailable",
            Self::InvalidInput => "action.invalid_input",
            Self::Denied => "action.denied",
            Self::BudgetExceeded => "action.budget_exceeded",
            Self::Failed => "action.failed",
            Self::Cancelled => "action.cancelled",
            Self::Internal => "action.internal",
        }
    }
}

/// Why an attempt of a step did not succeed. It is journalled, so it holds no secret and no cause's text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ActionError {
    /// The kind.
    pub kind: ActionErrorKind,
    /// A stable code, often more exact than the kind's.
    pub code: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What the action can say all the same; a gate that denies still tells its verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Value>,
}

impl ActionError {
    /// An error with the kind's own code and no outputs.
    pub fn new(kind: ActionErrorKind, message: impl Into<String>) -> Self {
        Self { kind, code: kind.code().to_owned(), message: message.into(), outputs: None }
    }

    /// The same error with outputs.
    #[must_use]
    pub fn with_outputs(mut self, outputs: Value) -> Self {
        self.outputs = Some(outputs);
        self
    }

    /// The same error with a more exact code.
    #[must_use]
    pub fn with_code(mut self, code: &str) -> Self {
        code.clone_into(&mut self.code);
        self
    }
}

/// One attempt of a step, as its action sees it: data, never a connection.
#[derive(Clone, Debug)]
pub struct ActionCall {
    /// Whose execution it is.
    pub tenant: Tenant,
    /// The execution.
    pub execution: ExecutionId,
    /// The step, or the iteration of it.
    pub path: StepPath,
    /// The attempt, counted from one.
    pub attempt: u32,
    /// The action.
    pub uses: ActionName,
    /// Its inputs.
    pub inputs: Map<String, Value>,
    /// All steps before this one, and how they ended.
    pub upstream: Vec<Upstream>,
    /// How long the attempt may take.
    pub timeout: Duration,
    /// What all model calls of the execution may cost together, if the workflow says so.
    pub budget: Option<Usd>,
}

/// A step that came before, and how it ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Upstream {
    /// The step.
    pub step: StepName,
    /// How it ended.
    pub status: StepStatus,
    /// What it gave.
    pub outputs: Option<Arc<Value>>,
    /// Why it did not succeed.
    pub error: Option<StepError>,
}

/// How an attempt ended that did not fail.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionOutcome {
    /// It did its work and gives these outputs.
    Done(Value),
    /// It had nothing to work with, and says why.
    Skipped(StepError),
}
