//! `llm/review`: what a model is shown of a change, and what of its opinion counts.

use std::sync::Arc;

use codeflow_core::{ActionErrorKind, ActionOutcome};
use codeflow_model::{FinishReason, ResponseFormat, Role};
use serde_json::{Value, json};

use crate::answering::{Answering, ended, fenced, said};
use crate::support::{diff_value, done};

/// A change to one file: line 2 is new, lines 1 and 3 are not.
const CHANGE: &str = "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,2 +1,3 @@ fn main()\n \
                      fn main() {\n+    delete_everything();\n }\n";

fn opinion(path: &str, line: Value) -> Value {
    json!({
        "rule": "Data Loss!", "severity": "high", "path": path, "line": line, "end_line": null,
        "message": "It deletes everything.", "help": "Do not.",
    })
}

fn answer(findings: &[Value]) -> String {
    json!({ "findings": findings }).to_string()
}

async fn review(diff: &str, findings: &[Value]) -> (Value, Arc<Answering>) {
    let models = Answering::with(&[&answer(findings)]);
    let outputs = done(models.run("llm/review", json!({ "diff": diff_value(diff) })).await);
    (outputs, models)
}

#[tokio::test]
async fn a_finding_names_its_place_its_line_and_the_model_whose_opinion_it_is() {
    let (outputs, models) = review(CHANGE, &[opinion("src/a.rs", json!(2))]).await;

    let mut finding = outputs["findings"][0].clone();
    assert_eq!(finding["fingerprint"].take().as_str().map(str::len), Some(32));
    assert_eq!(
        finding,
        json!({
            "rule": "llm/data-loss", "severity": "high", "path": "src/a.rs", "line": 2, "column": null,
            "end_line": 2, "message": "It deletes everything.", "excerpt": "delete_everything();",
            "fingerprint": null, "source": "llm/review", "help": "Do not.", "model": "openai/gpt-x",
        })
    );
    assert_eq!((&outputs["dropped"], &outputs["notes"]), (&json!(0), &json!([])));
    assert_eq!((&outputs["cost"], &outputs["model"]), (&json!(12_300), &json!("gpt-x")));
    assert_eq!(models.question().route, "review");
}

#[tokio::test]
async fn the_model_sees_each_line_with_its_number_and_is_asked_for_the_form() {
    let (_, models) = review(CHANGE, &[]).await;

    let ask = models.question();
    assert_eq!(
        fenced(&ask).0,
        "FILE src/a.rs\nmodified, +1 -0\n@@ fn main()\n     1   fn main() {\n     2 +     delete_everything();\n     \
         3   }\n"
    );
    let Some(ResponseFormat::JsonSchema { schema, strict, .. }) = &ask.request.response_format else {
        panic!("{:?}", ask.request.response_format)
    };
    assert_eq!(*strict, Some(true));
    let finding = &schema["properties"]["findings"]["items"];
    assert_eq!(finding["additionalProperties"], false, "as vendors that are strict want it");
    assert_eq!(
        finding["required"].as_array().map(Vec::len),
        finding["properties"].as_object().map(serde_json::Map::len)
    );
}

#[tokio::test]
async fn the_fingerprint_stays_when_the_line_moves() {
    let moved = CHANGE.replace("@@ -1,2 +1,3 @@", "@@ -41,2 +41,3 @@");

    let (here, _) = review(CHANGE, &[opinion("src/a.rs", json!(2))]).await;
    let (there, _) = review(&moved, &[opinion("src/a.rs", json!(42))]).await;

    assert_eq!(there["findings"][0]["line"], 42);
    assert_eq!(here["findings"][0]["fingerprint"], there["findings"][0]["fingerprint"]);
}

#[tokio::test]
async fn findings_about_places_that_were_not_shown_are_dropped_and_counted() {
    let findings = [
        opinion("src/other.rs", json!(2)),
        opinion("src/a.rs", json!(4)),
        opinion("src/a.rs", json!(0)),
        opinion("src/a.rs", json!(-2)),
        opinion("../src/a.rs", Value::Null),
        opinion("src/a.rs", Value::Null),
    ];

    let (outputs, _) = review(CHANGE, &findings).await;

    assert_eq!(outputs["findings"].as_array().map(Vec::len), Some(1));
    assert_eq!((&outputs["findings"][0]["line"], &outputs["dropped"]), (&Value::Null, &json!(5)));
    assert_eq!(
        outputs["notes"],
        json!(["5 findings of the model named a place that it was not shown, and did not count"])
    );
}

#[tokio::test]
async fn the_worst_findings_are_kept_and_no_opinion_is_worse_than_the_step_allows() {
    let with = |severity: &str, rule: &str| {
        let mut finding = opinion("src/a.rs", json!(2));
        finding["severity"] = severity.into();
        finding["rule"] = rule.into();
        finding
    };
    let answer = answer(&[with("low", "a"), with("critical", "b"), with("medium", "c")]);
    let models = Answering::with(&[&answer, &answer]);
    let inputs = json!({ "diff": diff_value(CHANGE), "max_findings": 2 });

    let usual = done(models.run("llm/review", inputs.clone()).await);
    let mut inputs = inputs;
    inputs["max_severity"] = "low".into();
    let mild = done(models.run("llm/review", inputs).await);

    let kept = |outputs: &Value| {
        let of = |finding: &Value| format!("{} {}", finding["rule"], finding["severity"]).replace('"', "");
        outputs["findings"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(kept(&usual), ["llm/b high", "llm/c medium"]);
    assert_eq!(
        usual["notes"],
        json!(["1 lesser finding of the model is not listed, because the step keeps fewer"])
    );
    assert!(kept(&mild).iter().all(|finding| finding.ends_with(" low")), "{mild}");
}

#[tokio::test]
async fn a_secret_is_masked_before_the_model_sees_it_on_whichever_side_it_stands() {
    let key = format!("{}{}", "AKIA", "Q3EGRZ7WNX5VTJ2K");
    let diff = format!(
        "diff --git a/e b/e\n--- a/e\n+++ b/e\n@@ -1,2 +1,2 @@\n id = {key}\n-old = {key}\n\
         +new = {key} # codeflow:allow secrets/aws-access-key-id it is revoked\n"
    );
    let mut repeated = opinion("e", json!(2));
    repeated["message"] = format!("`{key}` is in the code.").into();

    let (outputs, models) = review(&diff, &[repeated]).await;

    let ask = models.question();
    assert!(!format!("{ask:?}").contains(&key));
    assert!(fenced(&ask).0.contains("+ new = [masked secrets/aws-access-key-id]"), "{}", fenced(&ask).0);
    assert!(!outputs.to_string().contains(&key), "{outputs}");
    assert_eq!(outputs["masked"], 3);
    assert_eq!(outputs["notes"], json!(["3 lines that look like a secret reached the model only masked"]));
}

#[tokio::test]
async fn what_does_not_fit_is_left_out_least_risky_first_and_named() {
    let file = |path: &str, lines: usize| {
        let body: String = (0..lines).map(|line| format!("+let line_{line} = {line};\n")).collect();
        format!(
            "diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{lines} @@\n{body}"
        )
    };
    let diff = [file("docs/long.md", 90), file("src/auth/login.rs", 30), file("src/b.rs", 50)].concat();
    let diff =
        format!("{diff}diff --git a/x.png b/x.png\nindex 1..2\nBinary files a/x.png and b/x.png differ\n");
    let ask = || async {
        let models = Answering::with(&[&answer(&[opinion("docs/long.md", json!(5))])]);
        let inputs = json!({ "diff": diff_value(&diff), "max_input_tokens": 1000 });
        (done(models.run("llm/review", inputs).await), models.question())
    };

    let (outputs, question) = ask().await;
    let (_, again) = ask().await;

    let shown = fenced(&question).0;
    assert!(shown.starts_with("FILE src/auth/login.rs\n"), "{shown}");
    assert!(shown.len() <= 3000, "{}", shown.len());
    assert!(!shown.contains("docs/long.md"), "{shown}");
    let left_out: Vec<_> =
        outputs["left_out"].as_array().unwrap().iter().map(|file| (&file["path"], &file["reason"])).collect();
    assert!(left_out.contains(&(&json!("docs/long.md"), &json!("it did not fit"))), "{left_out:?}");
    assert!(left_out.contains(&(&json!("x.png"), &json!("it is not text"))), "{left_out:?}");
    assert_eq!(outputs["dropped"], 1, "nobody judges what nobody saw");
    assert!(
        outputs["notes"].to_string().contains("the model did not see 2 changed files in full"),
        "{outputs}"
    );
    assert_eq!(question.request, again.request, "the same change is the same question");
}

#[tokio::test]
async fn a_file_that_fits_only_in_part_is_shown_up_to_a_whole_hunk() {
    let hunk = |start: usize| {
        let body: String = (0..40).map(|line| format!("+let line_{line} = {line};\n")).collect();
        format!("@@ -{start},0 +{start},40 @@\n{body}")
    };
    let diff = format!("diff --git a/a.rs b/a.rs\n--- a/a.rs\n+++ b/a.rs\n{}{}", hunk(1), hunk(100));
    let models = Answering::with(&[&answer(&[opinion("a.rs", json!(40)), opinion("a.rs", json!(100))])]);
    let inputs = json!({ "diff": diff_value(&diff), "max_input_tokens": 1000 });

    let outputs = done(models.run("llm/review", inputs).await);

    assert_eq!(fenced(&models.question()).0.matches("@@").count(), 1);
    assert_eq!(outputs["left_out"], json!([{ "path": "a.rs", "reason": "only its beginning was shown" }]));
    assert_eq!((&outputs["findings"][0]["line"], &outputs["dropped"]), (&json!(40), &json!(1)));
}

#[tokio::test]
async fn a_file_that_is_gone_or_only_moved_is_told_without_its_lines() {
    let diff = "diff --git a/gone.rs b/gone.rs\ndeleted file mode 100644\n--- a/gone.rs\n+++ /dev/null\n@@ -1 +0,0 @@\n\
                -guard();\ndiff --git a/old.rs b/new.rs\nsimilarity index 100%\nrename from old.rs\nrename to new.rs\n\
                diff --git a/run.sh b/run.sh\nold mode 100644\nnew mode 100755\n";
    let findings = [opinion("gone.rs", Value::Null), opinion("gone.rs", json!(1))];

    let (outputs, models) = review(diff, &findings).await;

    let shown = fenced(&models.question()).0;
    assert!(shown.contains("FILE gone.rs\ndeleted, +0 -1\n") && !shown.contains("guard"), "{shown}");
    assert!(shown.contains("FILE new.rs\nrenamed, +0 -0, before: old.rs\n"), "{shown}");
    assert!(shown.contains("FILE run.sh\nmodified, +0 -0, mode 100644 to 100755\n"), "{shown}");
    assert_eq!((&outputs["dropped"], &outputs["findings"][0]["path"]), (&json!(1), &json!("gone.rs")));
}

#[tokio::test]
async fn a_change_without_text_is_not_worth_a_call() {
    let diff = "diff --git a/x.png b/x.png\nindex 1..2\nBinary files a/x.png and b/x.png differ\n";
    let models = Answering::with(&["{}"]);

    let outcome = models.run("llm/review", json!({ "diff": diff_value(diff) })).await.unwrap();

    let ActionOutcome::Skipped(why) = outcome else { panic!("{outcome:?}") };
    assert_eq!(why.code, "action.nothing_to_ask");
    assert!(models.asked().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_no_list_of_findings_fails_and_still_tells_what_it_cost() {
    let mut odd = opinion("src/a.rs", json!(2));
    odd["severity"] = "apocalyptic".into();
    for bad in ["LGTM!".to_owned(), "[]".to_owned(), answer(&[odd]), answer(&[json!({ "rule": "x" })])] {
        let models = Answering::with(&[&bad, &bad]);

        let error = models.run("llm/review", json!({ "diff": diff_value(CHANGE) })).await.unwrap_err();

        assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::Failed, "action.bad_answer"));
        assert_eq!(error.outputs.unwrap()["cost"], 12_300);
        assert_eq!(models.asked().len(), 1, "a step never asks twice by itself");
    }
    let cut = Answering::of(vec![Ok(ended("{\"findings\": [", FinishReason::Length))]);
    let error = cut.run("llm/review", json!({ "diff": diff_value(CHANGE) })).await.unwrap_err();
    assert_eq!(error.message, "the model's answer was cut at its limit of tokens");
}

#[tokio::test]
async fn instructions_of_the_owners_are_no_data() {
    let models = Answering::with(&[&answer(&[])]);
    let inputs =
        json!({ "diff": diff_value(CHANGE), "instructions": "Watch the locks.", "schema": "findings/v1" });

    done(models.run("llm/review", inputs).await);

    let ask = models.question();
    assert!(said(&ask, Role::System).contains("Watch the locks."));
    assert!(!said(&ask, Role::User).contains("Watch the locks."));
}

#[tokio::test]
async fn inputs_out_of_range_are_refused_before_anybody_is_asked() {
    for (name, value, says) in [
        ("max_findings", json!(0), "between 1 and 100"),
        ("max_findings", json!(101), "between 1 and 100"),
        ("max_input_tokens", json!(10), "between 1000 and 1000000"),
        ("max_severity", json!("terrible"), "info, low, medium"),
        ("schema", json!("findings/v9"), "`findings/v1`"),
    ] {
        let models = Answering::with(&["{}"]);
        let mut inputs = json!({ "diff": diff_value(CHANGE) });
        inputs[name] = value;

        let error = models.run("llm/review", inputs).await.unwrap_err();

        assert_eq!(error.kind, ActionErrorKind::InvalidInput);
        assert!(error.message.contains(says), "{error}");
        assert!(models.asked().is_empty());
    }
}
