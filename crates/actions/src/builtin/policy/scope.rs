//! What `fail_when` may read: `findings`, `steps` and `risk`.

use std::borrow::Cow;

use codeflow_analysis::Finding;
use codeflow_core::Upstream;
use codeflow_expr::{Error, Expression, Node, Roots, Scope};
use serde_json::{Map, Value, json};

use crate::upstream::Earlier;

/// The output that holds a whole diff; a condition has no use for it, and it would weigh down every evaluation.
const HIDDEN: &str = "diff";

/// Evaluates the condition of a policy.
pub(super) fn test(
    condition: &Expression,
    earlier: &Earlier<'_>,
    findings: &[Finding],
) -> Result<bool, Error> {
    let steps = Steps(earlier.steps().map(Step::new).collect());
    let roots = Roots::new().value("findings", json!(findings)).scope("steps", &steps);
    match earlier.risk() {
        Some(risk) => {
            let risk = json!({ "score": risk.score, "level": risk.level, "reasons": risk.lines });
            condition.test(&roots.value("risk", risk))
        }
        None => condition.test(&roots),
    }
}

struct Steps<'a>(Vec<Step<'a>>);

struct Step<'a> {
    upstream: &'a Upstream,
    outputs: Outputs<'a>,
}

struct Outputs<'a>(Option<&'a Map<String, Value>>);

impl<'a> Step<'a> {
    fn new(upstream: &'a Upstream) -> Self {
        Self { upstream, outputs: Outputs(upstream.outputs.as_deref().and_then(Value::as_object)) }
    }
}

impl Scope for Steps<'_> {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        self.0.iter().find(|step| step.upstream.step.as_str() == name).map(|step| Node::Scope(step))
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.0.iter().map(|step| Cow::Borrowed(step.upstream.step.as_str())).collect()
    }
}

impl Scope for Step<'_> {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        match name {
            "status" => Some(Node::from(json!(self.upstream.status))),
            "outputs" => Some(Node::Scope(&self.outputs)),
            "error" => {
                let error = self.upstream.error.as_ref()?;
                Some(Node::from(json!({ "code": error.code, "message": error.message })))
            }
            _ => None,
        }
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        let error = self.upstream.error.as_ref().map(|_| "error");
        ["status", "outputs"].into_iter().chain(error).map(Cow::Borrowed).collect()
    }
}

impl Scope for Outputs<'_> {
    fn find(&self, name: &str) -> Option<Node<'_>> {
        self.0?.get(name).filter(|_| name != HIDDEN).map(Node::from)
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        let names = self.0.into_iter().flat_map(Map::keys).filter(|name| name.as_str() != HIDDEN);
        names.map(|name| Cow::Borrowed(name.as_str())).collect()
    }
}
