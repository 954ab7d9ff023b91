//! The verdict of the checks is a floor: an opinion can close the gate, and never opens it.

use codeflow_analysis::{ReportFormat, Review};
use codeflow_core::Upstream;
use codeflow_core::execution::StepStatus;
use serde_json::{Value, json};

use crate::answering::Answering;
use crate::support::{diff_value, done, ended, failed, finding, gave, run, scan};

const CHANGE: &str =
    "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1 +1,3 @@\n 1\n+2\n+3\n";

/// What `llm/review` gives for these findings.
async fn opinion(findings: Value) -> Upstream {
    let models = Answering::with(&[&json!({ "findings": findings }).to_string()]);
    gave("review", done(models.run("llm/review", json!({ "diff": diff_value(CHANGE) })).await))
}

fn bad(severity: &str) -> Value {
    json!([{
        "rule": "race", "severity": severity, "path": "src/a.rs", "line": 3, "end_line": null,
        "message": "It races.", "help": null,
    }])
}

async fn gate(upstream: Vec<Upstream>) -> Value {
    match run("core/policy", json!({ "fail_on": "high" }), upstream).await {
        Err(error) => error.outputs.unwrap(),
        passed => done(passed),
    }
}

async fn report(upstream: Vec<Upstream>) -> Review {
    let mut outputs = done(run("core/report", json!({}), upstream).await);
    serde_json::from_value(outputs["report"].take()).unwrap()
}

#[tokio::test]
async fn an_opinion_can_close_the_gate() {
    let outputs = gate(vec![scan(&[]), opinion(bad("high")).await]).await;

    assert_eq!((&outputs["verdict"], &outputs["findings"]), (&json!("fail"), &json!(1)));
}

#[tokio::test]
async fn an_opinion_that_finds_nothing_leaves_every_finding_of_the_checks() {
    let outputs = gate(vec![scan(&[finding("a", "high")]), opinion(json!([])).await]).await;

    assert_eq!((&outputs["verdict"], &outputs["findings"]), (&json!("fail"), &json!(1)));
}

#[tokio::test]
async fn an_opinion_about_the_place_of_a_finding_stands_beside_it() {
    let upstream = || async { vec![scan(&[finding("secrets/x", "high")]), opinion(bad("low")).await] };

    assert_eq!(gate(upstream().await).await["findings"], 2);
    let found = report(upstream().await).await.findings;
    let of = |finding: &codeflow_analysis::Finding| (finding.rule.clone(), finding.model.clone());
    let rules: Vec<_> = found.iter().map(of).collect();
    assert_eq!(
        rules,
        [("secrets/x".to_owned(), None), ("llm/race".to_owned(), Some("openai/gpt-x".to_owned()))]
    );
}

#[tokio::test]
async fn an_opinion_does_not_stand_in_for_a_check_that_failed() {
    let lost = || ended("scan", StepStatus::TimedOut, None, Some(("action.timeout", "it took too long")));

    let alone = gate(vec![lost()]).await;
    let beside = gate(vec![lost(), opinion(json!([])).await]).await;

    assert_eq!(alone["verdict"], "fail");
    assert_eq!(beside["verdict"], "fail");
    assert_eq!(beside["reasons"][0], "no check came to an end, so nothing is known about this change");
}

#[tokio::test]
async fn a_report_names_the_model_what_it_cost_and_what_it_did_not_see() {
    let mut stray = bad("low");
    stray[0]["path"] = "src/other.rs".into();

    let report = report(vec![scan(&[]), opinion(stray).await]).await;

    let models: Vec<String> = report.models.iter().map(ToString::to_string).collect();
    assert_eq!(models, ["openai/gpt-x, $0.012300"]);
    assert_eq!(
        report.notes,
        ["1 finding of the model named a place that it was not shown, and did not count"]
    );
    assert!(report.render(ReportFormat::Text).contains("openai/gpt-x, $0.012300"));
}

#[tokio::test]
async fn a_model_whose_answer_was_useless_is_named_with_its_price_all_the_same() {
    let error =
        Answering::with(&["no"]).run("llm/review", json!({ "diff": diff_value(CHANGE) })).await.unwrap_err();
    let why = Some((error.code.as_str(), error.message.as_str()));
    let review = ended("review", StepStatus::Failed, error.outputs.clone(), why);

    let report = report(vec![scan(&[]), review]).await;

    assert_eq!(report.models.len(), 1);
    assert_eq!(report.notes, ["step `review` failed: the model's answer is not JSON [action.bad_answer]"]);
}

#[tokio::test]
async fn with_every_provider_down_the_checks_decide_and_the_report_says_what_is_missing() {
    let down = || failed("review", "model.overloaded", "the provider is overloaded or fails (openai)");

    assert_eq!(gate(vec![scan(&[]), down()]).await["verdict"], "pass");
    assert_eq!(gate(vec![scan(&[finding("a", "high")]), down()]).await["verdict"], "fail");
    let report = report(vec![scan(&[]), down()]).await;
    assert_eq!(
        report.notes,
        ["step `review` failed: the provider is overloaded or fails (openai) [model.overloaded]"]
    );
    assert!(report.models.is_empty());
}
