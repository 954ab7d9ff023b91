//! `core/report` puts everything together, and never calls a change passed that nobody judged to the end.

use codeflow_analysis::{Outcome, Review};
use codeflow_core::Upstream;
use codeflow_core::execution::{StepError, StepStatus};
use serde_json::json;

use crate::support::{done, ended, failed, finding, gave, run, scan};

async fn report(upstream: Vec<Upstream>) -> Review {
    let mut outputs = done(run("core/report", json!({}), upstream).await);
    serde_json::from_value(outputs["report"].take()).unwrap()
}

fn diff(base: &str, files: u64) -> Upstream {
    let diff = json!({
        "base": base, "head": "topic", "files": [],
        "omitted": [{ "path": "large", "reason": "file_too_large", "bytes": 9 }], "omitted_more": 2,
        "totals": { "files": files, "additions": 10, "deletions": 1, "bytes": 99 },
    });
    gave("diff", json!({ "diff": diff, "omitted": [], "summary": {}, "notes": ["odd"] }))
}

fn closed(reason: &str) -> Upstream {
    let outputs = json!({ "verdict": "fail", "reasons": [reason], "findings": 1 });
    ended("gate", StepStatus::Failed, Some(outputs), Some(("action.denied", "the gate is closed")))
}

fn blocked(step: &str, by: &str) -> Upstream {
    let error = StepError {
        code: "step.blocked".to_owned(),
        message: format!("`{by}` failed"),
        blocked_by: Some(by.parse().unwrap()),
    };
    Upstream { step: step.parse().unwrap(), status: StepStatus::Skipped, outputs: None, error: Some(error) }
}

#[tokio::test]
async fn a_report_holds_what_every_step_gave() {
    let excused = json!({ "finding": finding("b", "low"), "by": "comment", "reason": "an example" });
    let scan =
        gave("scan", json!({ "findings": [finding("a", "high")], "suppressed": [excused], "more": 3 }));
    let risk =
        gave("risk", json!({ "score": 12, "level": "low", "reasons": [{ "points": 12, "what": "x" }] }));
    let review = ended("review", StepStatus::Skipped, None, Some(("action.no_provider", "nobody to ask")));
    let extra = ended("extra", StepStatus::Skipped, None, None);

    let report = report(vec![diff("main", 4), scan, risk, review, extra, closed("1 finding")]).await;

    assert_eq!((report.base.as_str(), report.head.as_str()), ("main", "topic"));
    assert_eq!((report.totals.files, report.totals.additions), (4, 10));
    assert_eq!(
        (report.verdict.outcome, report.verdict.reasons),
        (Outcome::Fail, vec!["1 finding".to_owned()])
    );
    assert_eq!(report.findings[0].rule, "a");
    assert_eq!(report.suppressed[0].reason, "an example");
    assert_eq!(report.risk.map(|risk| (risk.score, risk.lines.len())), Some((12, 1)));
    assert_eq!((report.omitted[0].path.as_str(), report.omitted_more), ("large", 2));
    assert_eq!(report.notes, ["odd", "3 findings more than one check keeps are not listed"]);
    let skipped: Vec<_> = report.skipped.iter().map(|one| (one.step.as_str(), one.reason.as_str())).collect();
    assert_eq!(skipped, [("review", "nobody to ask"), ("extra", "its condition did not hold")]);
}

#[tokio::test]
async fn a_failure_that_the_workflow_tolerates_is_noted_beside_the_verdict() {
    let gate = gave("gate", json!({ "verdict": "pass", "reasons": ["fine"], "findings": 0 }));
    let review = failed("review", "action.unavailable", "the model is away");

    let report = report(vec![scan(&[]), review, gate]).await;

    assert_eq!(report.verdict.outcome, Outcome::Pass);
    assert_eq!(report.notes, ["step `review` failed: the model is away [action.unavailable]"]);
}

#[tokio::test]
async fn one_closed_gate_closes_all() {
    let open = gave("first", json!({ "verdict": "pass", "reasons": ["fine"], "findings": 0 }));

    let report = report(vec![open, closed("not fine")]).await;

    assert_eq!(
        (report.verdict.outcome, report.verdict.reasons),
        (Outcome::Fail, vec!["not fine".to_owned()])
    );
}

#[tokio::test]
async fn a_gate_that_was_never_reached_means_no() {
    let scan = ended("scan", StepStatus::TimedOut, None, Some(("action.timeout", "it took too long")));

    let report = report(vec![diff("main", 1), scan, blocked("gate", "scan")]).await;

    assert_eq!(report.verdict.outcome, Outcome::Fail);
    assert_eq!(
        report.verdict.reasons,
        [
            "no verdict was reached",
            "step `scan` ran out of time: it took too long [action.timeout]",
            "step `gate` did not run: `scan` failed [step.blocked]"
        ]
    );
}

#[tokio::test]
async fn a_workflow_without_a_gate_passes_and_says_so() {
    let report = report(vec![scan(&[finding("a", "low")])]).await;

    assert_eq!(report.verdict.outcome, Outcome::Pass);
    assert_eq!(report.verdict.reasons, ["no step gave a verdict, and every step that ran came to its end"]);
    assert_eq!((report.base.as_str(), report.totals.files), ("unknown", 0));
}

#[tokio::test]
async fn a_cancelled_step_and_findings_that_cannot_be_read_are_told() {
    let cancelled = ended("review", StepStatus::Cancelled, None, None);

    let report = report(vec![gave("scan", json!({ "findings": ["what?"] })), cancelled]).await;

    assert_eq!(report.notes, ["the findings of step `scan` cannot be read", "step `review` was cancelled"]);
    assert_eq!(report.verdict.outcome, Outcome::Fail);
}

#[tokio::test]
async fn findings_that_nobody_can_read_mean_no_when_there_is_no_gate() {
    let report = report(vec![gave("scan", json!({ "findings": ["what?"] }))]).await;

    assert_eq!(report.verdict.outcome, Outcome::Fail);
    assert_eq!(report.verdict.reasons[1], "the findings of step `scan` cannot be read");
}
