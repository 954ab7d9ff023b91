//! `core/policy`: decides whether a change may pass, from what all checks before it found.

mod scope;

use async_trait::async_trait;
use codeflow_analysis::{Finding, Severity};
use codeflow_core::{
    ActionCall, ActionError, ActionErrorKind, ActionOutcome, ActionSpec, Upstream, ValueType,
};
use codeflow_expr::Expression;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::Action;
use crate::action::{invalid, off_reactor, optional, spec, take};
use crate::upstream::{Checks, DiffHead, Earlier, counted, ending, unreadable};

pub(crate) struct PolicyAction {
    spec: ActionSpec,
}

impl PolicyAction {
    pub(crate) fn new() -> Self {
        let inputs = [
            ("fail_on", optional(ValueType::String, "the lowest severity that closes the gate")),
            ("fail_when", optional(ValueType::String, "an expression that closes the gate when it is true")),
        ];
        let outputs =
            [("verdict", ValueType::String), ("reasons", ValueType::List), ("findings", ValueType::Integer)];
        let spec = ActionSpec {
            inputs: inputs.into(),
            outputs: outputs.into(),
            ..spec("core/policy", "Decides from all findings whether a change may pass.")
        };
        Self { spec }
    }
}

#[async_trait]
impl Action for PolicyAction {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    async fn run(&self, call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        off_reactor(&stop, move || {
            let ActionCall { mut inputs, upstream, .. } = call;
            let policy = Policy {
                fail_on: take::<String>(&mut inputs, "fail_on", "text")?
                    .map(|text| severity(&text))
                    .transpose()?,
                fail_when: take::<String>(&mut inputs, "fail_when", "text")?
                    .map(|text| expression(&text))
                    .transpose()?,
            };
            policy.judge(&upstream)
        })
        .await
    }
}

/// When the gate closes.
struct Policy {
    fail_on: Option<Severity>,
    fail_when: Option<Expression>,
}

fn severity(text: &str) -> Result<Severity, ActionError> {
    text.parse().map_err(|error: codeflow_analysis::Error| {
        invalid(format!("input `fail_on`: {error}")).with_code(error.code())
    })
}

fn expression(text: &str) -> Result<Expression, ActionError> {
    Expression::parse(text).map_err(|error| unusable(&error))
}

/// A condition that cannot be evaluated never lets a change pass.
fn unusable(error: &codeflow_expr::Error) -> ActionError {
    invalid(format!("input `fail_when`: {error}")).with_code(error.kind().code())
}

impl Policy {
    fn judge(&self, upstream: &[Upstream]) -> Result<ActionOutcome, ActionError> {
        if self.fail_on.is_none() && self.fail_when.is_none() {
            return Err(invalid(
                "a policy needs the input `fail_on` or `fail_when`, or it would let everything pass",
            ));
        }
        let earlier = Earlier::new(upstream);
        let checks = earlier.checks();
        let mut against: Vec<String> =
            self.against(&checks).into_iter().chain(unchecked(&earlier, &checks)).collect();
        let mut failure = None;
        if let Some(condition) = &self.fail_when {
            match scope::test(condition, &earlier, &checks.findings) {
                Ok(true) => against.push(format!("`fail_when` is true: {}", condition.source())),
                Ok(false) => {}
                Err(error) => {
                    against.push(format!("`fail_when` cannot be evaluated: {error}"));
                    failure = Some(unusable(&error));
                }
            }
        }
        let found = checks.findings.len();
        let outputs = |verdict: &str, mut reasons: Vec<String>| {
            reasons.extend(notes(&earlier, &checks));
            json!({ "verdict": verdict, "reasons": reasons, "findings": found })
        };
        if against.is_empty() {
            return Ok(ActionOutcome::Done(outputs("pass", vec![self.in_favour(&checks)])));
        }
        let denied = || {
            ActionError::new(ActionErrorKind::Denied, format!("the gate is closed: {}", against.join("; ")))
        };
        let error = failure.unwrap_or_else(denied);
        Err(error.with_outputs(outputs("fail", against)))
    }

    /// The findings that close the gate.
    fn against(&self, checks: &Checks<'_>) -> Option<String> {
        let least = self.fail_on?;
        let bad: Vec<&Finding> = checks.findings.iter().filter(|finding| finding.severity >= least).collect();
        if bad.is_empty() {
            return None;
        }
        let count = |severity| bad.iter().filter(|finding| finding.severity == severity).count();
        let by_severity: Vec<String> = Severity::ALL
            .into_iter()
            .rev()
            .filter(|severity| count(*severity) > 0)
            .map(|severity| format!("{} {severity}", count(severity)))
            .collect();
        let how_many = counted(bad.len() as u64, "finding is", "findings are");
        Some(format!("{how_many} `{least}` or worse ({})", by_severity.join(", ")))
    }

    fn in_favour(&self, checks: &Checks<'_>) -> String {
        let found = counted(checks.findings.len() as u64, "finding", "findings");
        match (self.fail_on, &self.fail_when) {
            (Some(least), None) => format!("{found}, none of them `{least}` or worse"),
            (None, _) => format!("{found}, and `fail_when` is false"),
            (Some(least), Some(_)) => {
                format!("{found}, none of them `{least}` or worse, and `fail_when` is false")
            }
        }
    }
}

/// Why a verdict cannot be given in good faith: something was found that nobody could judge, or nobody looked.
fn unchecked(earlier: &Earlier<'_>, checks: &Checks<'_>) -> Vec<String> {
    let mut reasons: Vec<String> = checks.unreadable.iter().map(|step| unreadable(step)).collect();
    if checks.more > 0 {
        let found = counted(checks.more, "finding", "findings");
        reasons.push(format!("{found} more than one check keeps, and nobody judged the rest"));
    }
    if checks.looked.is_empty() && earlier.unsuccessful().next().is_some() {
        reasons.push("no check came to an end, so nothing is known about this change".to_owned());
    }
    reasons
}

/// What the verdict does not cover.
fn notes(earlier: &Earlier<'_>, checks: &Checks<'_>) -> Vec<String> {
    let mut notes: Vec<String> =
        earlier.unsuccessful().map(|step| format!("note: {}", ending(step))).collect();
    if checks.looked.is_empty() {
        notes.push("note: no step before this one looked for findings".to_owned());
    }
    let left_out = earlier.diffs().iter().map(DiffHead::left_out).sum();
    if left_out > 0 {
        let places = counted(left_out, "place", "places");
        notes.push(format!("note: limits cut the diff in {places}, and nobody checked what was left out"));
    }
    notes
}
