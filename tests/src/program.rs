//! A workflow that uses every kind of step a process can be killed in, with actions that note their effects.

use std::collections::BTreeMap;

use async_trait::async_trait;
use codeflow_core::{
    ActionCall, ActionCatalog, ActionError, ActionErrorKind, ActionName, ActionOutcome, ActionSpec,
    InputSpec, ValueType,
};
use codeflow_engine::ActionRunner;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::ledger::Ledger;

/// Fan-out, fan-in, a retry, a loop, a nap, a skipped step, one that fails and is passed over.
pub const DOCUMENT: &str = r#"
version: 1
name: every-kind
inputs:
  first: { type: integer, default: 1 }
steps:
  root: { uses: test/add, with: { left: "${{ inputs.first }}", right: 1 } }
  left: { needs: [root], uses: test/add, with: { left: "${{ steps.root.outputs.sum }}", right: 10 } }
  right: { needs: [root], uses: test/add, with: { left: "${{ steps.root.outputs.sum }}", right: 100 } }
  flaky:
    needs: [root]
    uses: test/flaky
    retry: { attempts: 3, backoff: constant, initial: 20ms, cap: 20ms, on: [unavailable] }
  doomed: { needs: [root], uses: test/doomed, on_error: continue }
  never: { needs: [root], if: "steps.root.outputs.sum > 1000", uses: test/add, with: { left: 0, right: 0 } }
  nap: { needs: [root], sleep: 30ms }
  each:
    needs: [root]
    for_each: { items: "${{ [1, 2, 3, 4, 5] }}", parallel: 2 }
    uses: test/add
    with: { left: "${{ item }}", right: "${{ index }}" }
  join:
    needs: [left, right, flaky, doomed, never, nap, each]
    uses: test/add
    with: { left: "${{ steps.left.outputs.sum }}", right: "${{ steps.right.outputs.sum }}" }
outputs:
  sum: "${{ steps.join.outputs.sum }}"
  each: "${{ steps.each.outputs.items }}"
"#;

/// What an execution of [`DOCUMENT`] gives, whatever happened on the way.
pub fn expected_outputs() -> Value {
    let each: Vec<Value> = [1, 3, 5, 7, 9].into_iter().map(|sum| json!({ "sum": sum })).collect();
    json!({ "sum": 114, "each": each })
}

/// What an execution of [`DOCUMENT`] journals as settled, in alphabetical order.
pub fn expected_paths() -> Vec<&'static str> {
    vec![
        "doomed", "each", "each[0]", "each[1]", "each[2]", "each[3]", "each[4]", "flaky", "join", "left",
        "nap", "never", "right", "root",
    ]
}

/// The actions of [`DOCUMENT`].
pub struct Program {
    specs: BTreeMap<ActionName, ActionSpec>,
    ledger: Ledger,
}

impl Program {
    /// Actions that note in `ledger` when they begin.
    ///
    /// # Panics
    /// Never: the names are well formed.
    pub fn new(ledger: Ledger) -> Self {
        let number = |required| InputSpec { value_type: ValueType::Integer, required, summary: "A number." };
        let spec = |name: &str, inputs: BTreeMap<&'static str, InputSpec>| {
            let name: ActionName = name.parse().expect("the name is well formed");
            let outputs = [("sum", ValueType::Integer)].into();
            let spec = ActionSpec {
                name: name.clone(),
                summary: "For tests.",
                inputs,
                outputs,
                permissions: Vec::new(),
                trusted: true,
            };
            (name, spec)
        };
        let specs = [
            spec("test/add", [("left", number(true)), ("right", number(true))].into()),
            spec("test/flaky", BTreeMap::new()),
            spec("test/doomed", BTreeMap::new()),
        ];
        Self { specs: specs.into(), ledger }
    }
}

impl ActionCatalog for Program {
    fn find(&self, name: &ActionName) -> Option<&ActionSpec> {
        self.specs.get(name)
    }

    fn names(&self) -> Vec<ActionName> {
        self.specs.keys().cloned().collect()
    }
}

#[async_trait]
impl ActionRunner for Program {
    fn catalog(&self) -> &dyn ActionCatalog {
        self
    }

    async fn run(&self, call: ActionCall, _stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        self.ledger.note(&format!("{} {}", call.path, call.attempt));
        let number = |name: &str| call.inputs.get(name).and_then(Value::as_i64).unwrap_or_default();
        match call.uses.as_str() {
            "test/flaky" if call.attempt < 3 => {
                Err(ActionError::new(ActionErrorKind::Unavailable, "not yet"))
            }
            "test/doomed" => Err(ActionError::new(ActionErrorKind::Failed, "as always")),
            _ => Ok(ActionOutcome::Done(json!({ "sum": number("left") + number("right") }))),
        }
    }
}
