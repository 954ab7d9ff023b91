//! `codeflow review`: what it finds, what it says, and how it ends.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{Checkout, said};

#[test]
fn a_clean_commit_passes() {
    let checkout = Checkout::new();
    checkout.commit("notes.txt", "one\ntwo\n");

    let said = checkout.codeflow(&["review"]).ends_with(0);

    assert!(said.stdout.starts_with("PASS"), "{said:#?}");
    assert!(said.stdout.contains("No findings."), "{said:#?}");
    assert!(said.stdout.contains("no model provider is configured"), "{said:#?}");
    assert!(said.stderr.contains("✓ scan"), "{said:#?}");
}

#[test]
fn a_planted_key_closes_the_gate_and_is_shown_masked() {
    let checkout = Checkout::new();
    let key = checkout.plant_a_key();

    let said = checkout.codeflow(&["review"]).ends_with(1);

    assert!(said.stdout.starts_with("FAIL"), "{said:#?}");
    assert!(said.stdout.contains("settings.py:2:12  secrets/aws-access-key-id"), "{said:#?}");
    assert!(said.stdout.contains("| aws_key = \"AKIA"), "{said:#?}");
    assert!(!said.stdout.contains(&key) && !said.stderr.contains(&key), "{said:#?}");
}

#[test]
fn the_key_is_not_in_what_is_shown_later_and_git_never_sees_what_is_kept() {
    let checkout = Checkout::new();
    let key = checkout.plant_a_key();
    checkout.codeflow(&["review"]).ends_with(1);

    let shown = checkout.codeflow(&["execution", "show", "latest"]).ends_with(0);
    let id = shown.stdout.split_whitespace().next().unwrap_or_default().to_owned();

    assert!(checkout.codeflow(&["execution", "show", &id]).ends_with(0).stdout.contains("gate is closed"));
    let json = checkout.codeflow(&["execution", "show", &id, "--format", "json"]).ends_with(0);
    assert!(!shown.stdout.contains(&key) && !json.stdout.contains(&key), "{shown:#?}");
    // The diff is an output of a step, so the database holds what the repository holds; git never sees it.
    assert_eq!(checkout.git(&["status", "--short"]), "");
}

#[test]
fn a_baseline_accepts_a_finding_with_its_reason() {
    let checkout = Checkout::new();
    checkout.plant_a_key();
    let found = checkout.codeflow(&["review", "--format", "json"]).ends_with(1);
    let report: serde_json::Value = serde_json::from_str(&found.stdout).expect("JSON alone");
    let accepted = |finding: &serde_json::Value| {
        serde_json::json!({
            "fingerprint": finding["fingerprint"], "rule": finding["rule"], "path": finding["path"],
            "reason": "revoked long ago",
        })
    };
    let entries: Vec<_> = report["findings"].as_array().expect("a list").iter().map(accepted).collect();
    let baseline = serde_json::json!({ "version": 1, "findings": entries }).to_string();
    std::fs::write(checkout.path().join("accepted.json"), baseline).expect("it can be written");

    let said = checkout.codeflow(&["review", "--baseline", "accepted.json"]).ends_with(0);

    assert!(said.stdout.contains("revoked long ago"), "{said:#?}");
}

#[test]
fn a_baseline_that_does_not_count_is_refused_before_the_review() {
    let checkout = Checkout::new();
    std::fs::write(checkout.path().join("accepted.json"), "[]").expect("it can be written");

    let broken = checkout.codeflow(&["review", "--baseline", "accepted.json"]).ends_with(2);
    let missing = checkout.codeflow(&["review", "--baseline", "nosuch.json"]).ends_with(2);

    assert!(broken.stderr.contains("cli.bad_value"), "{broken:#?}");
    assert!(missing.stderr.contains("cli.unreadable_file"), "{missing:#?}");
}

#[test]
fn fail_on_moves_the_gate() {
    let checkout = Checkout::new();
    checkout.plant_a_key();

    checkout.codeflow(&["review", "--fail-on", "critical"]).ends_with(1);
    let said = checkout.codeflow(&["review", "HEAD~1", "--fail-on", "info"]).ends_with(0);

    assert!(said.stdout.contains("none of them `info` or worse"), "{said:#?}");
}

#[test]
fn json_is_all_there_is_on_standard_output() {
    let checkout = Checkout::new();
    checkout.plant_a_key();

    let said = checkout.codeflow(&["review", "--format", "json"]).ends_with(1);

    let review = said.json();
    assert_eq!(review["verdict"]["outcome"], "fail");
    assert_eq!(review["findings"][0]["path"], "settings.py");
    assert_eq!(review["findings"][0]["line"], 2);
}

#[test]
fn sarif_is_what_the_standard_says() {
    let checkout = Checkout::new();
    checkout.plant_a_key();
    // The published pattern of a language has a stray bracket, at which a strict reader of patterns stops.
    let schema = include_str!("../../../../crates/analysis/tests/fixtures/sarif/sarif-schema-2.1.0.json")
        .replace("{2}]?$", "{2}$");
    let schema = serde_json::from_str(&schema).expect("the schema is JSON");
    let validator =
        jsonschema::options().should_validate_formats(true).build(&schema).expect("it is a schema");

    let mut sarif = checkout.codeflow(&["review", "--format", "sarif"]).ends_with(1).json();

    let complaints: Vec<_> = validator.iter_errors(&sarif).map(|error| error.to_string()).collect();
    assert_eq!(complaints, Vec::<String>::new());
    sarif["runs"][0]["results"][0]["level"] = "dreadful".into();
    assert!(!validator.is_valid(&sarif), "the schema sees what is wrong");
}

#[test]
fn sarif_names_the_place() {
    let checkout = Checkout::new();
    checkout.plant_a_key();

    let sarif = checkout.codeflow(&["review", "--format", "sarif"]).ends_with(1).json();

    assert_eq!(sarif["version"], "2.1.0");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "secrets/aws-access-key-id");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "settings.py");
    assert_eq!(place["region"]["startLine"], 2);
}

#[test]
fn markdown_goes_into_a_file_that_was_named() {
    let checkout = Checkout::new();

    let said = checkout.codeflow(&["review", "--format", "markdown", "--output", "review.md"]).ends_with(0);

    assert_eq!(said.stdout, "");
    let text = std::fs::read_to_string(checkout.path().join("review.md")).expect("it was written");
    assert!(text.contains("No findings"), "{text}");
}

#[test]
fn an_output_that_cannot_be_written_is_wrong_use() {
    let checkout = Checkout::new();

    let said = checkout.codeflow(&["review", "--output", "no/such/folder/review.txt"]).ends_with(2);

    assert!(said.stderr.contains("could not write `no/such/folder/review.txt`"), "{said:#?}");
    assert!(said.stderr.contains("cli.unwritable_output"), "{said:#?}");
    assert!(!said.stderr.contains("reviewing"), "{said:#?}");
    let folder = checkout.codeflow(&["review", "--output", "."]).ends_with(2);
    assert!(!folder.stderr.contains("reviewing"), "{folder:#?}");
}

#[test]
fn a_root_commit_is_compared_with_nothing() {
    let checkout = Checkout::new();

    let said = checkout.codeflow(&["review"]).ends_with(0);

    assert!(said.stdout.contains("1 file, +1 -0"), "{said:#?}");
}

#[test]
fn a_shallow_clone_can_be_reviewed() {
    let origin = Checkout::new();
    origin.commit("two.txt", "2\n");
    let clone = Checkout::folder();
    let address = format!("file://{}", origin.path().display());
    clone.git(&["clone", "--quiet", "--depth", "1", &address, "shallow"]);

    let said = clone.codeflow(&["review", "--repo", "shallow"]).ends_with(0);

    assert!(said.stdout.contains("2 files, +2 -0"), "{said:#?}");
    assert!(clone.path().join("shallow/.codeflow/.gitignore").is_file());
}

#[test]
fn a_bare_repository_can_be_reviewed() {
    let origin = Checkout::new();
    let clone = Checkout::folder();
    clone.git(&["clone", "--quiet", "--bare", &origin.path().display().to_string(), "bare.git"]);

    clone.codeflow(&["review", "--repo", "bare.git"]).ends_with(0);

    assert!(clone.path().join("bare.git/.codeflow/codeflow.db").is_file());
}

#[test]
fn a_folder_inside_the_repository_is_as_good_as_its_root() {
    let checkout = Checkout::new();
    std::fs::create_dir(checkout.path().join("inner")).expect("it can be made");

    checkout.codeflow(&["review", "--repo", "inner"]).ends_with(0);

    assert!(checkout.path().join(".codeflow/codeflow.db").is_file());
    assert!(!checkout.path().join("inner/.codeflow").exists());
}

#[test]
fn outside_of_a_repository_nothing_is_made() {
    let folder = Checkout::folder();

    let said = folder.codeflow(&["review"]).ends_with(2);

    assert!(said.stderr.contains("is not in a git repository"), "{said:#?}");
    assert!(said.stderr.contains("help: run it inside a git repository"), "{said:#?}");
    assert!(!folder.path().join(".codeflow").exists());
}

#[test]
fn a_repository_without_commits_is_wrong_use() {
    let folder = Checkout::folder();
    folder.git(&["init", "--quiet"]);

    let said = folder.codeflow(&["review"]).ends_with(2);

    assert!(said.stderr.contains("git.no_commits"), "{said:#?}");
}

#[test]
fn an_unknown_range_is_wrong_use_with_a_hint() {
    let checkout = Checkout::new();

    let said = checkout.codeflow(&["review", "nosuch..HEAD"]).ends_with(2);

    assert_eq!(said.stdout, "");
    assert!(said.stderr.contains("`nosuch` names no commit"), "{said:#?}");
    assert!(said.stderr.contains("git log --oneline"), "{said:#?}");
}

#[test]
fn a_severity_that_does_not_exist_is_refused_with_those_that_do() {
    let checkout = Checkout::new();

    let said = checkout.codeflow(&["review", "--fail-on", "terrible"]).ends_with(2);

    assert!(said.stderr.contains("info, low, medium, high, critical"), "{said:#?}");
}

#[test]
fn without_git_the_review_fails_and_says_why() {
    let checkout = Checkout::new();
    let mut program: Command = checkout.program(&["review"]);
    program.env("PATH", checkout.path());

    let said = said(program).ends_with(3);

    assert!(said.stderr.contains("git.not_installed"), "{said:#?}");
}

#[test]
fn a_repository_that_git_does_not_trust_is_wrong_use() {
    let checkout = Checkout::new();
    let complaint = "fatal: detected dubious ownership in repository";
    let git = checkout.write("git", &format!("#!/bin/sh\necho '{complaint}' >&2\nexit 128\n"));
    std::fs::set_permissions(&git, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    let mut program: Command = checkout.program(&["review"]);
    program.env("PATH", format!("{}:/usr/bin:/bin", git.with_file_name("").display()));

    let said = said(program).ends_with(2);

    assert_eq!(said.stdout, "");
    assert!(said.stderr.contains("git.untrusted_repository"), "{said:#?}");
}
