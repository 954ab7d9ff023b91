//! `fail_when`: what it may read, and that one which cannot be evaluated closes the gate.

use codeflow_core::{ActionError, ActionErrorKind, ActionOutcome, Upstream};
use serde_json::{Value, json};

use crate::support::{diff_value, done, failed, finding, gave, run, scan};

fn steps() -> Vec<Upstream> {
    let text = "diff --git a/n b/n\n--- a/n\n+++ b/n\n@@ -1 +1 @@\n-1\n+2\n";
    vec![
        gave(
            "diff",
            json!({ "diff": diff_value(text), "omitted": [{ "path": "large" }], "summary": { "files": 1 } }),
        ),
        scan(&[finding("a", "high"), finding("b", "low")]),
        gave("risk", json!({ "score": 72, "level": "critical", "reasons": [{ "points": 72, "what": "x" }] })),
        failed("review", "action.unavailable", "away"),
    ]
}

async fn test(condition: &str, upstream: Vec<Upstream>) -> Result<ActionOutcome, ActionError> {
    run("core/policy", json!({ "fail_when": condition }), upstream).await
}

#[tokio::test]
async fn a_condition_reads_findings_risk_and_steps() {
    let conditions = [
        "findings.exists(f, f.severity == 'high' && f.path.startsWith('src/'))",
        "findings.size() == 2",
        "risk.score > 70",
        "risk.level == 'critical'",
        "steps.review.status == 'failed'",
        "steps.review.error.code == 'action.unavailable'",
        "steps.diff.outputs.summary.files == 1",
        "steps.diff.outputs.omitted.size() > 0",
    ];
    for condition in conditions {
        let error = test(condition, steps()).await.unwrap_err();

        assert_eq!(error.kind, ActionErrorKind::Denied, "{condition}: {error}");
        let reasons = error.outputs.unwrap()["reasons"].take();
        assert_eq!(reasons[0], format!("`fail_when` is true: {condition}"));
    }
}

#[tokio::test]
async fn a_condition_that_is_false_leaves_the_gate_open() {
    let outputs = done(test("risk.score > 90", steps()).await);

    assert_eq!(outputs["verdict"], "pass");
    assert_eq!(outputs["reasons"][0], "2 findings, and `fail_when` is false");
}

#[tokio::test]
async fn both_inputs_can_close_the_gate() {
    let inputs = json!({ "fail_on": "high", "fail_when": "risk.score > 70" });
    let harmless = json!({ "fail_on": "critical", "fail_when": "risk.score > 90" });

    let error = run("core/policy", inputs, steps()).await.unwrap_err();
    let passed = done(run("core/policy", harmless, steps()).await);

    assert_eq!(
        error.message,
        "the gate is closed: 1 finding is `high` or worse (1 high); `fail_when` is true: risk.score > 70"
    );
    assert_eq!(
        passed["reasons"][0],
        "2 findings, none of them `critical` or worse, and `fail_when` is false"
    );
}

#[tokio::test]
async fn a_condition_that_cannot_be_evaluated_closes_the_gate() {
    let without_risk: Vec<Upstream> = vec![scan(&[])];
    let cases = [
        ("risk.score > 50", "expr.missing_key"),
        ("findings", "expr.type"),
        ("steps.nosuch.status == 'failed'", "expr.missing_key"),
    ];
    for (condition, code) in cases {
        let error = test(condition, without_risk.clone()).await.unwrap_err();

        assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::InvalidInput, code), "{condition}");
        let outputs = error.outputs.unwrap();
        assert_eq!(outputs["verdict"], "fail", "{condition}");
        assert!(outputs["reasons"][0].as_str().unwrap().starts_with("`fail_when` cannot be evaluated"));
    }
}

#[tokio::test]
async fn a_text_that_is_no_condition_is_refused() {
    let error = test("findings.exists(", steps()).await.unwrap_err();

    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::InvalidInput, "expr.syntax"));
    assert!(error.message.starts_with("input `fail_when`: "), "{error}");
}

#[tokio::test]
async fn the_text_of_a_diff_is_out_of_reach() {
    let error = test("steps.diff.outputs.diff.files.size() > 0", steps()).await.unwrap_err();

    assert_eq!(error.code, "expr.missing_key", "{error}");
}

#[tokio::test]
async fn thousands_of_findings_are_no_hurdle() {
    let findings: Vec<Value> = (0..5000).map(|number| finding(&format!("rule-{number}"), "low")).collect();

    let outputs = done(test("findings.exists(f, f.severity == 'high')", vec![scan(&findings)]).await);

    assert_eq!((&outputs["verdict"], &outputs["findings"]), (&json!("pass"), &json!(5000)));
}
