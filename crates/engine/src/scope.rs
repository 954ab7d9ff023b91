//! What the expressions of a workflow may read: its inputs, the steps before, the item at hand. All lent.

use std::borrow::Cow;
use std::collections::BTreeMap;

use codeflow_core::execution::{Settled, State};
use codeflow_core::workflow::StepName;
use codeflow_expr::{Node, Roots, Scope};
use serde_json::{Value, json};

/// The steps that an expression may read, by name.
pub(crate) struct Steps<'s>(BTreeMap<&'s str, StepScope<'s>>);

struct StepScope<'s> {
    settled: &'s Settled,
    nothing: Value,
}

impl<'s> Steps<'s> {
    /// None: nothing has run yet.
    pub(crate) fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Those of `names` that are settled.
    pub(crate) fn of(state: &'s State, names: &'s [StepName]) -> Self {
        let scope = |settled| StepScope { settled, nothing: json!({}) };
        Self(names.iter().filter_map(|name| Some((name.as_str(), scope(state.settled(name)?)))).collect())
    }
}

impl Scope for Steps<'_> {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        self.0.get(name).map(|step| Node::Scope(step))
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.0.keys().map(|name| Cow::Borrowed(*name)).collect()
    }
}

impl Scope for StepScope<'_> {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        match name {
            "status" => Some(Node::from(json!(self.settled.status))),
            "outputs" => Some(Node::from(self.settled.outputs.as_deref().unwrap_or(&self.nothing))),
            "error" => self
                .settled
                .error
                .as_ref()
                .map(|error| Node::from(json!({ "code": error.code, "message": error.message }))),
            _ => None,
        }
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        let fixed = ["status", "outputs"].into_iter();
        fixed.chain(self.settled.error.as_ref().map(|_| "error")).map(Cow::Borrowed).collect()
    }
}

/// The roots that every expression has.
pub(crate) fn roots<'s>(inputs: &'s Value, steps: &'s Steps<'s>, execution: &'s Value) -> Roots<'s> {
    Roots::new().value("inputs", inputs).scope("steps", steps).value("execution", execution)
}
