//! `codeflow workflow`: what is wrong with a document, and what is in it.

use crate::support::Checkout;

const BAD: &str = "version: 1\nname: bad\nsteps:\n  a: { uses: core/secret, need: [b] }\n";

#[test]
fn problems_are_shown_where_they_are() {
    let folder = Checkout::folder();
    folder.write("bad.yaml", BAD);

    let said = folder.codeflow(&["workflow", "validate", "bad.yaml"]).ends_with(2);

    let expected = "error: there is no action `core/secret` [workflow.unknown_action]\n \
                    --> bad.yaml:4:14\n  |\n4 |   a: { uses: core/secret, need: [b] }\n  |              ^\n  \
                    = help: did you mean `core/secrets`?\n";
    assert!(said.stderr.starts_with(expected), "{}", said.stderr);
    assert!(said.stderr.contains("bad.yaml:4:27"), "{}", said.stderr);
    assert!(said.stderr.contains("1 of 1 files cannot be used"), "{}", said.stderr);
}

#[test]
fn problems_are_json_on_demand() {
    let folder = Checkout::folder();
    folder.write("bad.yaml", BAD);

    let arguments = ["workflow", "validate", "bad.yaml", "pr-review", "--format", "json"];
    let found = folder.codeflow(&arguments).ends_with(2).json();

    assert_eq!(found[0]["valid"], false);
    assert_eq!(found[0]["problems"][0]["code"], "workflow.unknown_action");
    assert_eq!(found[0]["problems"][0]["line"], 4);
    assert_eq!(found[1]["valid"], true);
    assert_eq!(found[1]["name"], "pr-review");
}

#[test]
fn a_problem_far_to_the_right_is_still_in_sight() {
    let folder = Checkout::folder();
    let text =
        format!("version: 1\nname: long\nsteps:\n  a: {{ sleep: \"{}\" , need: [b] }}\n", " ".repeat(300));
    folder.write("long.yaml", &text);

    let said = folder.codeflow(&["workflow", "validate", "long.yaml"]).ends_with(2);

    let widest = said.stderr.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    assert!(widest < 120, "{}", said.stderr);
    assert!(said.stderr.contains("need: [b]"), "{}", said.stderr);
}

#[test]
fn a_file_that_is_not_text_is_a_located_problem() {
    let folder = Checkout::folder();
    std::fs::write(folder.path().join("binary.yaml"), [b'a', b'\n', 0xff]).expect("it can be written");

    let said = folder.codeflow(&["workflow", "validate", "binary.yaml"]).ends_with(2);

    assert!(said.stderr.contains("binary.yaml:2:1"), "{}", said.stderr);
}

#[test]
fn a_bad_document_is_not_run_and_nothing_is_made() {
    let folder = Checkout::folder();
    folder.write("bad.yaml", BAD);

    let text = folder.codeflow(&["run", "bad.yaml"]).ends_with(2);
    let json = folder.codeflow(&["run", "bad.yaml", "--format", "json"]).ends_with(2);

    assert!(text.stderr.contains("bad.yaml: the workflow has 2 problems"), "{}", text.stderr);
    assert_eq!(json.stdout, "");
    let error: serde_json::Value = serde_json::from_str(&json.stderr).expect("a program reads it");
    assert_eq!(error["error"]["code"], "workflow.invalid");
    assert!(!folder.path().join(".codeflow").exists());
}

#[test]
fn a_document_that_is_not_there_is_wrong_use() {
    let folder = Checkout::folder();

    for arguments in [["workflow", "validate", "nosuch"], ["workflow", "show", "nosuch"]] {
        let said = folder.codeflow(&arguments).ends_with(2);
        assert!(said.stderr.contains("cli.unknown_workflow"), "{said:#?}");
    }
    let said = folder.codeflow(&["workflow", "graph", "."]).ends_with(2);
    assert!(said.stderr.contains("cli.unreadable_file"), "{said:#?}");
}

#[test]
fn a_workflow_shows_what_it_takes_does_and_gives() {
    let folder = Checkout::folder();

    let text = folder.codeflow(&["workflow", "show", "secret-scan"]).ends_with(0).stdout;
    let json = folder.codeflow(&["workflow", "show", "secret-scan", "--format", "json"]).ends_with(0).json();

    assert!(text.contains("range     string, default HEAD~1..HEAD"), "{text}");
    assert!(text.contains("  2  scan    core/secrets  after diff"), "{text}");
    assert!(text.contains("verdict  ${{ steps.gate.outputs.verdict }}"), "{text}");
    assert_eq!(json["steps"][1]["needs"][0], "diff");
}

#[test]
fn a_graph_speaks_three_languages() {
    let folder = Checkout::folder();
    let draw = |format: &str| {
        folder.codeflow(&["workflow", "graph", "secret-scan", "--format", format]).ends_with(0).stdout
    };

    assert!(draw("text").starts_with("  1  diff    git/diff\n  2  scan    core/secrets  after diff\n"));
    assert!(draw("mermaid").starts_with("flowchart TD\n  s0[\"diff<br/>git/diff\"]\n"));
    assert!(draw("mermaid").contains("  s0 --> s1\n"));
    assert!(draw("dot").starts_with("digraph \"secret-scan\" {\n"));
    assert!(draw("dot").ends_with("}\n"));
}

#[test]
fn the_schema_is_one() {
    let schema = Checkout::folder().codeflow(&["workflow", "schema"]).ends_with(0).json();

    assert_eq!(schema["title"], "CodeFlow workflow");
}

#[test]
fn a_file_without_an_end_is_refused_for_its_size() {
    let said = Checkout::folder().codeflow(&["workflow", "validate", "/dev/zero"]).ends_with(2);

    assert!(said.stderr.contains("workflow.limit"), "{}", said.stderr);
}
