//! `core/policy` never lets a change pass because something is missing.

use codeflow_core::execution::StepStatus;
use codeflow_core::{ActionErrorKind, Upstream};
use serde_json::{Value, json};

use crate::support::{done, ended, failed, finding, gave, run, scan};

async fn judge(fail_on: &str, upstream: Vec<Upstream>) -> Value {
    match run("core/policy", json!({ "fail_on": fail_on }), upstream).await {
        Err(error) => {
            assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::Denied, "action.denied"));
            error.outputs.unwrap()
        }
        passed => done(passed),
    }
}

#[tokio::test]
async fn a_finding_of_the_named_severity_or_worse_closes_the_gate() {
    let found = || vec![scan(&[finding("a", "critical"), finding("b", "high"), finding("c", "low")])];

    let outputs = judge("high", found()).await;
    let error = run("core/policy", json!({ "fail_on": "high" }), found()).await.unwrap_err();

    assert_eq!(
        outputs,
        json!({
            "verdict": "fail",
            "reasons": ["2 findings are `high` or worse (1 critical, 1 high)"],
            "findings": 3,
        })
    );
    assert_eq!(error.message, "the gate is closed: 2 findings are `high` or worse (1 critical, 1 high)");
}

#[tokio::test]
async fn lesser_findings_leave_the_gate_open() {
    let outputs = judge("critical", vec![scan(&[finding("a", "high")])]).await;

    assert_eq!(
        outputs,
        json!({ "verdict": "pass", "reasons": ["1 finding, none of them `critical` or worse"], "findings": 1 })
    );
}

#[tokio::test]
async fn a_policy_that_forbids_nothing_is_refused() {
    let error = run("core/policy", json!({}), vec![scan(&[])]).await.unwrap_err();

    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::InvalidInput, "action.invalid_input"));
}

#[tokio::test]
async fn an_unknown_severity_is_refused_with_the_known_ones() {
    let error = run("core/policy", json!({ "fail_on": "hihg" }), vec![scan(&[])]).await.unwrap_err();

    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::InvalidInput, "analysis.bad_severity"));
    assert!(error.message.contains("critical"), "{error}");
}

#[tokio::test]
async fn the_same_finding_from_two_checks_counts_once_with_the_worse_severity() {
    let model = gave("review", json!({ "findings": [finding("a", "info"), finding("b", "high")] }));

    let outputs = judge("high", vec![scan(&[finding("a", "critical"), finding("b", "low")]), model]).await;

    assert_eq!(outputs["findings"], 2);
    assert_eq!(outputs["reasons"][0], "2 findings are `high` or worse (1 critical, 1 high)");
}

#[tokio::test]
async fn a_finding_cannot_hide_behind_the_fingerprint_of_another() {
    let mut disguised = finding("b", "high");
    disguised["fingerprint"] = finding("a", "low")["fingerprint"].clone();

    let outputs =
        judge("high", vec![scan(&[finding("a", "low")]), gave("review", json!({ "findings": [disguised] }))])
            .await;

    assert_eq!((&outputs["verdict"], &outputs["findings"]), (&json!("fail"), &json!(2)));
}

#[tokio::test]
async fn findings_of_a_repeated_step_all_count() {
    let items = json!([{ "findings": [finding("a", "high")] }, null, { "findings": [finding("b", "high")] }]);

    let outputs = judge("high", vec![gave("scan", json!({ "items": items, "failed": 1 }))]).await;

    assert_eq!((&outputs["verdict"], &outputs["findings"]), (&json!("fail"), &json!(2)));
}

#[tokio::test]
async fn findings_that_cannot_be_read_close_the_gate() {
    let outputs = judge("high", vec![gave("scan", json!({ "findings": [{ "rule": "a" }] }))]).await;

    assert_eq!(outputs["verdict"], "fail");
    assert_eq!(outputs["reasons"][0], "the findings of step `scan` cannot be read");
}

#[tokio::test]
async fn more_findings_than_a_check_keeps_close_the_gate() {
    let outputs =
        judge("high", vec![gave("scan", json!({ "findings": [], "suppressed": [], "more": 7 }))]).await;

    assert_eq!(outputs["verdict"], "fail");
    assert_eq!(outputs["reasons"][0], "7 findings more than one check keeps, and nobody judged the rest");
}

#[tokio::test]
async fn a_change_that_no_check_looked_at_to_the_end_does_not_pass() {
    for status in [StepStatus::Failed, StepStatus::TimedOut, StepStatus::Cancelled] {
        let outputs =
            judge("high", vec![ended("scan", status, None, Some(("action.failed", "it broke")))]).await;

        assert_eq!(outputs["verdict"], "fail");
        assert_eq!(outputs["reasons"][0], "no check came to an end, so nothing is known about this change");
    }
}

#[tokio::test]
async fn a_check_that_failed_beside_one_that_did_not_is_named() {
    let review = failed("review", "action.unavailable", "the model is away");

    let outputs = judge("high", vec![scan(&[]), review]).await;

    assert_eq!(
        outputs["reasons"],
        json!([
            "0 findings, none of them `high` or worse",
            "note: step `review` failed: the model is away [action.unavailable]"
        ])
    );
}

#[tokio::test]
async fn what_the_limits_left_out_is_named() {
    let diff = json!({
        "base": "a", "head": "b", "files": [],
        "omitted": [{ "path": "large", "reason": "file_too_large", "bytes": 9 }], "omitted_more": 2,
        "totals": { "files": 1, "additions": 1, "deletions": 0, "bytes": 9 },
    });

    let outputs = judge("high", vec![gave("diff", json!({ "diff": diff })), scan(&[])]).await;

    assert_eq!(outputs["verdict"], "pass");
    assert_eq!(
        outputs["reasons"][1],
        "note: limits cut the diff in 3 places, and nobody checked what was left out"
    );
}

#[tokio::test]
async fn a_verdict_over_nothing_says_so() {
    let skipped = ended("scan", StepStatus::Skipped, None, None);

    let outputs = judge("high", vec![skipped]).await;

    assert_eq!(outputs["reasons"][1], "note: no step before this one looked for findings");
}

#[tokio::test]
async fn a_second_policy_does_not_stumble_over_the_count_of_the_first() {
    let first = gave("gate", json!({ "verdict": "pass", "reasons": [], "findings": 0 }));

    assert_eq!(judge("high", vec![scan(&[]), first]).await["verdict"], "pass");
}
