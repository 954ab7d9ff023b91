//! `core/report`: puts what all steps before it gave into one review. It also speaks when the gate is closed.

use async_trait::async_trait;
use codeflow_analysis::{Outcome, Review, Skipped, Totals, Verdict};
use codeflow_core::execution::StepStatus;
use codeflow_core::{ActionCall, ActionError, ActionOutcome, ActionSpec, Upstream, ValueType};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::Action;
use crate::action::{off_reactor, spec};
use crate::builtin::diff::as_value;
use crate::upstream::{Checks, Earlier, counted, ending, outputs, unreadable};

pub(crate) struct ReportAction {
    spec: ActionSpec,
}

impl ReportAction {
    pub(crate) fn new() -> Self {
        let spec = ActionSpec {
            outputs: [("report", ValueType::Object)].into(),
            ..spec("core/report", "Puts the verdict, the findings and everything left out into one report.")
        };
        Self { spec }
    }
}

#[async_trait]
impl Action for ReportAction {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    async fn run(&self, call: ActionCall, stop: CancellationToken) -> Result<ActionOutcome, ActionError> {
        off_reactor(&stop, move || {
            let report = as_value(&review(&Earlier::new(&call.upstream)))?;
            Ok(ActionOutcome::Done(json!({ "report": report })))
        })
        .await
    }
}

fn review(earlier: &Earlier<'_>) -> Review {
    let checks = earlier.checks();
    let mut notes: Vec<String> = earlier.lists("notes");
    notes
        .extend(checks.unreadable.iter().map(|step| format!("the findings of step `{step}` cannot be read")));
    if checks.more > 0 {
        let found = counted(checks.more, "finding", "findings");
        notes.push(format!("{found} more than one check keeps are not listed"));
    }
    // A gate that says no has failed as well, but its verdict says that better.
    notes.extend(earlier.unsuccessful().filter(|step| verdicts(step).is_empty()).map(ending));

    let diffs = earlier.diffs();
    let first = diffs.first();
    Review {
        base: first.map_or_else(|| "unknown".to_owned(), |diff| diff.base.clone()),
        head: first.map_or_else(|| "unknown".to_owned(), |diff| diff.head.clone()),
        verdict: verdict(earlier, &checks),
        findings: checks.findings,
        suppressed: earlier.lists("suppressed"),
        risk: earlier.risk(),
        totals: diffs.iter().fold(Totals::default(), |sum, diff| Totals {
            files: sum.files + diff.totals.files,
            additions: sum.additions + diff.totals.additions,
            deletions: sum.deletions + diff.totals.deletions,
            bytes: sum.bytes + diff.totals.bytes,
        }),
        notes,
        omitted_more: diffs.iter().map(|diff| diff.omitted_more).sum(),
        omitted: diffs.into_iter().flat_map(|diff| diff.omitted).collect(),
        skipped: earlier.steps().filter(|step| step.status == StepStatus::Skipped).map(skipped).collect(),
        models: earlier.models(),
    }
}

fn skipped(step: &Upstream) -> Skipped {
    let reason = match &step.error {
        Some(error) => error.message.clone(),
        None => "its condition did not hold".to_owned(),
    };
    Skipped { step: step.step.to_string(), reason }
}

/// One gate that is closed closes all. Without a gate's word, work that was not done means no.
fn verdict(earlier: &Earlier<'_>, checks: &Checks<'_>) -> Verdict {
    let given: Vec<Verdict> = earlier.steps().flat_map(verdicts).collect();
    if given.is_empty() {
        return without_gate(earlier, checks);
    }
    let closed = given.iter().any(|verdict| verdict.outcome == Outcome::Fail);
    let outcome = if closed { Outcome::Fail } else { Outcome::Pass };
    let decisive = given.into_iter().filter(|verdict| verdict.outcome == outcome);
    Verdict { outcome, reasons: decisive.flat_map(|verdict| verdict.reasons).collect() }
}

fn without_gate(earlier: &Earlier<'_>, checks: &Checks<'_>) -> Verdict {
    let blocked = |step: &&Upstream| step.error.as_ref().is_some_and(|error| error.blocked_by.is_some());
    let skipped = earlier.steps().filter(|step| step.status == StepStatus::Skipped).filter(blocked);
    let mut reasons: Vec<String> = earlier.unsuccessful().chain(skipped).map(ending).collect();
    reasons.extend(checks.unreadable.iter().map(|step| unreadable(step)));
    if reasons.is_empty() {
        let reasons = vec!["no step gave a verdict, and every step that ran came to its end".to_owned()];
        return Verdict { outcome: Outcome::Pass, reasons };
    }
    reasons.insert(0, "no verdict was reached".to_owned());
    Verdict { outcome: Outcome::Fail, reasons }
}

fn verdicts(step: &Upstream) -> Vec<Verdict> {
    let read = |outputs: &serde_json::Map<String, Value>| {
        let outcome = match outputs.get("verdict")?.as_str()? {
            "pass" => Outcome::Pass,
            "fail" => Outcome::Fail,
            _ => return None,
        };
        let reasons = outputs.get("reasons").and_then(Value::as_array).into_iter().flatten();
        Some(Verdict { outcome, reasons: reasons.filter_map(Value::as_str).map(str::to_owned).collect() })
    };
    outputs(step).into_iter().filter_map(read).collect()
}
