//! `core/secrets` and `core/risk-score` over a diff as it comes from an earlier step.

use codeflow_core::ActionErrorKind;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{builtin, call, diff_value, done, run};

/// A change that adds a line with a key, put together here so that it stands in no file.
fn planted() -> Value {
    let key = format!("{}{}", "AKIA", "Q3EGRZ7WNX5VTJ2K");
    diff_value(&format!(
        "diff --git a/e b/e\n--- a/e\n+++ b/e\n@@ -1 +1,2 @@\n 1\n+aws_access_key_id = {key}\n"
    ))
}

#[tokio::test]
async fn a_key_is_found_and_stays_out_of_the_outputs() {
    let outputs = done(run("core/secrets", json!({ "diff": planted() }), vec![]).await);

    assert_eq!(outputs["findings"][0]["path"], "e");
    assert_eq!(outputs["findings"][0]["line"], 2);
    assert_eq!(outputs["more"], 0);
    assert!(!outputs.to_string().contains("Q3EGRZ7WNX5VTJ2K"));
}

#[tokio::test]
async fn what_the_baseline_accepts_is_suppressed_with_its_reason() {
    let found = done(run("core/secrets", json!({ "diff": planted() }), vec![]).await);
    let entry = json!({
        "fingerprint": found["findings"][0]["fingerprint"], "rule": found["findings"][0]["rule"],
        "path": "e", "reason": "revoked in May",
    });
    let baseline = json!({ "version": 1, "findings": [entry] });

    let outputs = done(run("core/secrets", json!({ "diff": planted(), "baseline": baseline }), vec![]).await);

    assert_eq!(outputs["findings"], json!([]));
    assert_eq!(outputs["suppressed"][0]["reason"], "revoked in May");
}

#[tokio::test]
async fn a_baseline_that_cannot_be_read_accepts_nothing() {
    let baseline = json!({ "version": 2, "findings": [] });

    let outcome = run("core/secrets", json!({ "diff": planted(), "baseline": baseline }), vec![]).await;

    let error = outcome.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::InvalidInput, "analysis.bad_baseline"));
    assert!(error.message.contains("version 2"), "{error}");
}

#[tokio::test]
async fn something_else_than_a_diff_is_refused_without_being_quoted() {
    for uses in ["core/secrets", "core/risk-score"] {
        let error = run(uses, json!({ "diff": { "files": "hunter2" } }), vec![]).await.unwrap_err();

        assert_eq!(error.kind, ActionErrorKind::InvalidInput);
        assert_eq!(error.message, "input `diff` is not a diff as `git/diff` gives it");
    }
}

#[tokio::test]
async fn a_risk_score_comes_with_its_level_and_its_reasons() {
    let text = "diff --git a/.github/workflows/ci.yml b/.github/workflows/ci.yml\n\
                --- a/.github/workflows/ci.yml\n+++ b/.github/workflows/ci.yml\n@@ -1 +1 @@\n-a\n+b\n";

    let outputs = done(run("core/risk-score", json!({ "diff": diff_value(text) }), vec![]).await);

    assert!(outputs["score"].as_u64().unwrap() > 0);
    assert_eq!(outputs["level"], "low");
    let reasons: Vec<&str> =
        outputs["reasons"].as_array().unwrap().iter().filter_map(|reason| reason["what"].as_str()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("pipeline")), "{reasons:?}");
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_scan_is_heard_at_once() {
    let lines = "+password = nothing of interest\n".repeat(50_000);
    let diff = diff_value(&format!("diff --git a/e b/e\n--- a/e\n+++ b/e\n@@ -0,0 +1,50000 @@\n{lines}"));
    let (catalog, stop) = (builtin(), CancellationToken::new());

    let scan = catalog.run(call("core/secrets", json!({ "diff": diff }), vec![]), stop.clone());
    let (outcome, ()) = tokio::join!(scan, async { stop.cancel() });

    assert_eq!(outcome.unwrap_err().kind, ActionErrorKind::Cancelled);
}
