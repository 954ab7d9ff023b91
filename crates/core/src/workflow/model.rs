//! A checked workflow: every reference resolves, every expression is compiled, every limit holds.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use codeflow_expr::{Expression, Template};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{RunStep, version};
use crate::schedule::Schedule;
use crate::{ActionName, RetryPolicy, Tenant, Usd, ValueType};

/// A text is not the name of a workflow, a step or an input.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a name: expected 1 to 64 letters, digits, `-` and `_`, starting with a letter or `_`"
)]
pub struct InvalidName {
    text: String,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let opens = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
                let rest = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
                if opens && text.len() <= 64 && text.bytes().all(rest) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidName { text: text.chars().take(64).collect() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The name of a workflow.
    WorkflowName
);
name!(
    /// The name of a step within its workflow.
    StepName
);

/// Names a version of a workflow by its content: equal documents have equal versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionId(String);

impl VersionId {
    /// Wraps the hexadecimal SHA-256 of a canonical document, as storage keeps it.
    pub fn from_hash(hash: String) -> Self {
        Self(hash)
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One version of a workflow, ready to run.
#[derive(Clone, Debug)]
pub struct Workflow {
    /// Its name.
    pub name: WorkflowName,
    /// Whose it is, which no document says: a parsed one is the first tenant's until [`of`](Self::of).
    pub tenant: Tenant,
    /// What names this version.
    pub version: VersionId,
    /// What starts it, as written; each trigger's server reads its own part.
    pub triggers: BTreeMap<String, Value>,
    /// When it starts by itself.
    pub schedules: Vec<Schedule>,
    /// What it takes.
    pub inputs: IndexMap<String, InputDef>,
    /// How executions for the same thing get along.
    pub concurrency: Option<Concurrency>,
    /// What its actions may do: scope to `read` or `write`.
    pub permissions: BTreeMap<String, bool>,
    /// What one execution may use up.
    pub budget: Budget,
    /// The steps; each comes after all of its needs.
    pub steps: Vec<Step>,
    /// What an execution gives.
    pub outputs: IndexMap<String, Template>,
}

impl Workflow {
    /// The same workflow as another tenant has it. Versions of two tenants have different names, also when they say the
    /// same.
    #[must_use]
    pub fn of(self, tenant: &Tenant) -> Self {
        if self.tenant == *tenant {
            return self;
        }
        let version = version::scoped(&self.version, tenant);
        Self { version, tenant: tenant.clone(), ..self }
    }

    /// Finds a step by its name.
    pub fn step(&self, name: &StepName) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == *name)
    }
}

/// The place of a step in [`Workflow::steps`].
pub type StepIndex = usize;

/// One input of a workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct InputDef {
    /// Its type.
    pub value_type: ValueType,
    /// What stands in when it is not given; without it the input is required.
    pub default: Option<Value>,
    /// What it is.
    pub description: Option<String>,
}

/// How executions with the same key get along.
#[derive(Clone, Debug)]
pub struct Concurrency {
    /// What makes two executions the same.
    pub key: Expression,
    /// How many of them may run at once.
    pub most: u32,
    /// What happens to the newer one.
    pub on_new: Overlap,
}

/// What happens when an execution meets another one with the same key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// The new one waits.
    #[default]
    Queue,
    /// The old one is cancelled.
    Replace,
    /// The new one is not started.
    Skip,
}

/// What one execution may use up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Money for model calls.
    pub usd: Option<Usd>,
    /// Time from start to end.
    pub wall: Option<Duration>,
}

/// One node of a workflow.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its name.
    pub name: StepName,
    /// The steps that must be settled before.
    pub needs: Vec<StepName>,
    /// All steps before it: its needs, their needs, and so on.
    pub ancestors: Vec<StepName>,
    /// It is skipped when this says no.
    pub condition: Option<Expression>,
    /// It runs even when a need failed.
    pub always: bool,
    /// What it does.
    pub kind: StepKind,
    /// Repeats it for each item of a list.
    pub for_each: Option<ForEach>,
    /// When a failed attempt is tried again.
    pub retry: RetryPolicy,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// What its failure means for the others.
    pub on_error: OnError,
    /// What undoes it when the execution does not succeed.
    pub compensate: Option<Compensation>,
}

/// An action that undoes a step.
#[derive(Clone, Debug)]
pub struct Compensation {
    /// Its name.
    pub uses: ActionName,
    /// Its inputs; they may read what the step gave.
    pub with: IndexMap<String, Template>,
    /// When a failed attempt is tried again.
    pub retry: RetryPolicy,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// Runs an action.
    Action {
        /// Its name.
        uses: ActionName,
        /// Its inputs.
        with: IndexMap<String, Template>,
    },
    /// Starts another workflow and waits for it.
    Workflow {
        /// Its name.
        uses: WorkflowName,
        /// Its inputs.
        with: IndexMap<String, Template>,
    },
    /// Runs a command in a sandbox.
    Run(Box<RunStep>),
    /// Waits until a person says yes or no.
    Approval {
        /// Who may decide; everybody who may see the execution, if empty.
        roles: Vec<String>,
        /// How long it waits.
        expires: Duration,
    },
    /// Waits for a signal.
    Wait {
        /// The signal's name.
        event: String,
        /// How long it waits.
        timeout: Duration,
    },
    /// Waits for a time to pass.
    Sleep {
        /// How long.
        duration: Duration,
    },
}

/// Repeats a step for each item of a list.
#[derive(Clone, Debug)]
pub struct ForEach {
    /// What gives the list.
    pub items: Template,
    /// How many may run at once.
    pub parallel: u32,
}

/// What a step's failure means for the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// Dependents are skipped and the execution fails.
    #[default]
    Fail,
    /// It counts as settled.
    Continue,
}
