//! Reads what earlier steps gave. What follows from it is decided in the actions.

use std::collections::BTreeMap;

use codeflow_analysis::{Finding, ModelUse, Omitted, RiskScore, Totals};
use codeflow_core::Upstream;
use codeflow_core::execution::StepStatus;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// All steps before the one that asks.
pub(crate) struct Earlier<'a>(&'a [Upstream]);

/// What all checks before found.
#[derive(Default)]
pub(crate) struct Checks<'a> {
    /// Each finding once, in the order of the steps.
    pub(crate) findings: Vec<Finding>,
    /// The steps that looked for findings without asking a model. An opinion is no check: it cannot stand in for one
    /// that failed.
    pub(crate) looked: Vec<&'a str>,
    /// The steps whose findings cannot be read.
    pub(crate) unreadable: Vec<&'a str>,
    /// How many more findings there were than a check keeps.
    pub(crate) more: u64,
}

/// A diff without its files.
#[derive(Deserialize)]
pub(crate) struct DiffHead {
    pub(crate) base: String,
    pub(crate) head: String,
    pub(crate) totals: Totals,
    pub(crate) omitted: Vec<Omitted>,
    pub(crate) omitted_more: u64,
}

impl DiffHead {
    /// How much the limits left out.
    pub(crate) fn left_out(&self) -> u64 {
        self.omitted.len() as u64 + self.omitted_more
    }
}

impl<'a> Earlier<'a> {
    pub(crate) fn new(steps: &'a [Upstream]) -> Self {
        Self(steps)
    }

    /// The steps themselves.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &'a Upstream> {
        self.0.iter()
    }

    /// The steps that were to do something, and did not get it done.
    pub(crate) fn unsuccessful(&self) -> impl Iterator<Item = &'a Upstream> {
        self.steps().filter(|step| {
            matches!(step.status, StepStatus::Failed | StepStatus::TimedOut | StepStatus::Cancelled)
        })
    }

    /// What the steps gave, each with its step; a repeated step gives one for each iteration.
    fn outputs(&self) -> impl Iterator<Item = (&'a str, &'a Map<String, Value>)> {
        self.steps().flat_map(|step| {
            outputs(step).into_iter().map(|outputs| (step.step.as_str(), outputs)).collect::<Vec<_>>()
        })
    }

    /// What the steps gave under `name`, each with its step.
    pub(crate) fn given(&self, name: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.outputs().filter_map(move |(step, outputs)| Some((step, outputs.get(name)?)))
    }

    /// Everything that the steps gave under `name` and that can be read as lists of `T`.
    pub(crate) fn lists<T: DeserializeOwned>(&self, name: &str) -> Vec<T> {
        self.given(name).filter_map(|(_, value)| read::<Vec<T>>(value)).flatten().collect()
    }

    /// Gathers the findings. The same one from two checks counts once, with the worse severity.
    pub(crate) fn checks(&self) -> Checks<'a> {
        let mut checks = Checks::default();
        let mut known = BTreeMap::new();
        for (step, outputs) in self.outputs() {
            let Some(value) = outputs.get("findings") else { continue };
            let Some(findings) = read::<Vec<Finding>>(value) else {
                // A count under this name is what a policy gives; it is no list of findings.
                if !value.is_number() {
                    checks.unreadable.push(step);
                }
                continue;
            };
            if model_use(outputs).is_none() {
                checks.looked.push(step);
            }
            for finding in findings {
                let key = (finding.fingerprint.clone(), finding.rule.clone(), finding.path.clone());
                let at = *known.entry(key).or_insert(checks.findings.len());
                match checks.findings.get_mut(at) {
                    Some(kept) if kept.severity < finding.severity => *kept = finding,
                    Some(_) => {}
                    None => checks.findings.push(finding),
                }
            }
        }
        checks.more = self.given("more").filter_map(|(_, value)| value.as_u64()).sum();
        checks
    }

    /// The diffs that were read.
    pub(crate) fn diffs(&self) -> Vec<DiffHead> {
        self.given("diff").filter_map(|(_, value)| read(value)).collect()
    }

    /// The models that were asked, each call of a step together.
    pub(crate) fn models(&self) -> Vec<ModelUse> {
        self.outputs().filter_map(|(_, outputs)| model_use(outputs)).collect()
    }

    /// The highest risk score.
    pub(crate) fn risk(&self) -> Option<RiskScore> {
        let scores = self.steps().flat_map(outputs).filter_map(|outputs| {
            let score = outputs.get("score")?;
            let risk =
                json!({ "score": score, "level": outputs.get("level")?, "lines": outputs.get("reasons")? });
            read(&risk)
        });
        scores.max_by_key(|risk: &RiskScore| risk.score)
    }
}

/// The outputs of a step, or of each iteration of a repeated one.
pub(crate) fn outputs(step: &Upstream) -> Vec<&Map<String, Value>> {
    let Some(given) = step.outputs.as_deref().and_then(Value::as_object) else { return Vec::new() };
    match (given.get("items"), given.get("failed")) {
        (Some(Value::Array(items)), Some(Value::Number(_))) => {
            items.iter().filter_map(Value::as_object).collect()
        }
        _ => vec![given],
    }
}

/// Which model answered a step with these outputs, if an `llm/*` action gave them.
pub fn model_use(outputs: &Map<String, Value>) -> Option<ModelUse> {
    outputs.get("usage").filter(|_| outputs.contains_key("attempts"))?;
    ModelUse::deserialize(outputs).ok()
}

/// A sentence about how a step ended, with the reason if there is one.
pub(crate) fn ending(step: &Upstream) -> String {
    let how = match step.status {
        StepStatus::TimedOut => "ran out of time",
        StepStatus::Cancelled => "was cancelled",
        StepStatus::Skipped => "did not run",
        StepStatus::Pending
        | StepStatus::Ready
        | StepStatus::Running
        | StepStatus::Succeeded
        | StepStatus::Failed => "failed",
    };
    match &step.error {
        Some(error) => format!("step `{}` {how}: {} [{}]", step.step, error.message, error.code),
        None => format!("step `{}` {how}", step.step),
    }
}

/// A sentence about a step whose findings are of a wrong shape.
pub(crate) fn unreadable(step: &str) -> String {
    format!("the findings of step `{step}` cannot be read")
}

/// `1 file`, `2 files`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}
