//! SARIF output against the published schema, and the parts that code hosts read.

use codeflow_analysis::{ReportFormat, Review, SecretScan, SecretScanner, Severity};
use serde_json::{Value, json};

use crate::report::{finding, full_review};
use crate::samples;

fn sarif(review: &Review) -> Value {
    serde_json::from_str(&review.render(ReportFormat::Sarif)).unwrap()
}

/// What the schema has against a document.
fn complaints(document: &Value) -> Vec<String> {
    // The published pattern of a language has a stray bracket, at which a strict reader of patterns stops.
    let schema = include_str!("../fixtures/sarif/sarif-schema-2.1.0.json").replace("{2}]?$", "{2}$");
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).unwrap();
    validator.iter_errors(document).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

#[test]
fn every_kind_of_review_is_valid_sarif() {
    let text: String = samples::all().into_iter().map(|(_, line)| line).collect();
    let SecretScan { findings, .. } =
        SecretScanner::default().scan_text("dir with space/ü#?%.txt", text.as_bytes());
    let empty = Review {
        findings: vec![],
        suppressed: vec![],
        risk: None,
        notes: vec![],
        omitted: vec![],
        omitted_more: 0,
        skipped: vec![],
        ..full_review()
    };

    for review in [full_review(), Review { findings, ..full_review() }, empty] {
        assert_eq!(complaints(&sarif(&review)), Vec::<String>::new());
    }
}

#[test]
fn the_schema_test_can_fail() {
    let mut document = sarif(&full_review());
    document["runs"][0]["results"][0]["level"] = json!("dreadful");
    document["runs"][0]["unheard"] = json!(1);

    assert_eq!(complaints(&document).len(), 2);
}

#[test]
fn a_result_names_its_rule_place_and_fingerprint() {
    let document = sarif(&full_review());

    let result = &document["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "checks/example");
    assert_eq!(result["level"], "error");
    assert_eq!(result["message"]["text"], "This should not be here.");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "src/a%20b.rs");
    assert_eq!(
        place["region"],
        json!({
            "startLine": 3, "endLine": 3, "startColumn": 7, "snippet": { "text": "let x = 1;" }
        })
    );
    assert_eq!(result["partialFingerprints"]["codeflow/v1"], full_review().findings[1].fingerprint);
}

#[test]
fn each_rule_stands_once_in_the_table_and_results_point_at_it() {
    let mut review = full_review();
    let scan =
        SecretScanner::default().scan_text("f", format!("k = {}\n", samples::github_token()).as_bytes());
    review.findings.extend(scan.findings);

    let document = sarif(&review);

    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2);
    for result in run["results"].as_array().unwrap() {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
    assert_eq!(rules[1]["shortDescription"]["text"], "A GitHub token is written into a file.");
    assert_eq!(rules[1]["properties"]["security-severity"], "9.5");
}

#[test]
fn severities_become_the_levels_of_sarif() {
    let findings = Severity::ALL.map(|severity| finding(severity, "f", Some(1))).to_vec();

    let document = sarif(&Review { findings, suppressed: vec![], ..full_review() });

    let results = document["runs"][0]["results"].as_array().unwrap();
    let levels: Vec<_> = results.iter().map(|result| result["level"].as_str().unwrap()).collect();
    assert_eq!(levels, ["error", "error", "warning", "note", "note"]);
}

#[test]
fn paths_become_addresses_that_mean_the_same_path() {
    for (path, address) in [
        ("a b/c#d?e%f", "a%20b/c%23d%3Fe%25f"),
        ("ü/x:y", "%C3%BC/x%3Ay"),
        ("back\\slash\"<>", "back%5Cslash%22%3C%3E"),
    ] {
        let findings = vec![finding(Severity::Low, path, None)];

        let document = sarif(&Review { findings, ..full_review() });

        let place = &document["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], address);
        assert_eq!(place.get("region"), None);
    }
}

#[test]
fn suppressed_findings_are_there_with_their_reason() {
    let document = sarif(&full_review());

    let last = document["runs"][0]["results"].as_array().unwrap().last().unwrap();
    assert_eq!(
        last["suppressions"],
        json!([
            { "kind": "inSource", "status": "accepted", "justification": "a fixture" }
        ])
    );
}

#[test]
fn what_was_not_done_is_notified() {
    let document = sarif(&full_review());

    let notes = document["runs"][0]["invocations"][0]["toolExecutionNotifications"].as_array().unwrap();
    let texts: Vec<_> = notes.iter().map(|note| note["message"]["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "llm/review was skipped: no provider is configured",
            "big.bin was not looked at in full: its patch is larger than the limit for one file",
            "2 more files were not looked at",
            "The baseline is empty.",
        ]
    );
}
