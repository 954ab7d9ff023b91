//! A workflow whose outcome is known before it runs. Making one at random is `generate`'s.

use std::collections::{BTreeMap, BTreeSet};

use codeflow_core::execution::StepStatus;
use codeflow_core::workflow::{StepName, Workflow};
use codeflow_core::{NoActions, workflow};
use serde_json::Value;

/// A workflow, with what has to become of it.
#[derive(Clone, Debug)]
pub struct Program {
    /// The name of the workflow.
    pub name: String,
    /// The document.
    pub document: String,
    /// The signals that it waits for.
    pub signals: Vec<String>,
    /// The steps that wait for a decision.
    pub approvals: Vec<StepName>,
    /// What becomes of it.
    pub expected: Expected,
}

/// How an execution has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All went well.
    Succeeds,
    /// A step failed that was not passed over.
    Fails,
}

/// What an execution has to leave behind that nobody cancelled.
#[derive(Clone, Debug)]
pub struct Expected {
    /// How it ends.
    pub outcome: Outcome,
    /// What it gives when it succeeds.
    pub outputs: Value,
    /// How each step and each iteration ends.
    pub settled: BTreeMap<String, StepStatus>,
    /// The steps that are undone in the end.
    pub undone: BTreeSet<String>,
    /// How many attempts each path makes that calls an action.
    pub attempts: BTreeMap<String, u32>,
    /// How many executions it calls, by workflow.
    pub calls: BTreeMap<String, usize>,
}

impl Default for Expected {
    fn default() -> Self {
        Self {
            outcome: Outcome::Succeeds,
            outputs: Value::Object(serde_json::Map::new()),
            settled: BTreeMap::new(),
            undone: BTreeSet::new(),
            attempts: BTreeMap::new(),
            calls: BTreeMap::new(),
        }
    }
}

impl Program {
    /// The workflow that the document means.
    ///
    /// # Panics
    /// When the document is not sound.
    pub fn workflow(&self) -> Workflow {
        workflow::parse(&self.document, &NoActions)
            .unwrap_or_else(|problems| panic!("{problems:?}\n{}", self.document))
    }
}
