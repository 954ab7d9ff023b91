//! Documents against the actions there are.

use codeflow_core::workflow::parse;
use codeflow_core::{ActionCatalog, ActionName, ActionSpec, InputSpec, Permission, ValueType};

/// A small catalog with the shapes that the built-in actions have.
struct Catalog(Vec<ActionSpec>);

impl ActionCatalog for Catalog {
    fn find(&self, name: &ActionName) -> Option<&ActionSpec> {
        self.0.iter().find(|spec| spec.name == *name)
    }

    fn names(&self) -> Vec<ActionName> {
        self.0.iter().map(|spec| spec.name.clone()).collect()
    }
}

type Fields = &'static [(&'static str, ValueType)];

fn spec(name: &str, required: Fields, optional: Fields, outputs: Fields) -> ActionSpec {
    let input = |required| {
        move |(name, value_type): &(&'static str, ValueType)| {
            (*name, InputSpec { value_type: *value_type, required, summary: "what it is" })
        }
    };
    ActionSpec {
        name: name.parse().expect("an action's name"),
        summary: "what it does",
        inputs: required.iter().map(input(true)).chain(optional.iter().map(input(false))).collect(),
        outputs: outputs.iter().copied().collect(),
        permissions: Vec::new(),
        trusted: false,
    }
}

fn catalog() -> Catalog {
    use ValueType::{Any, Integer, List, Number, Object, String};
    let mut comment = spec("forge/comment", &[("body", String)], &[], &[]);
    comment.permissions =
        vec![Permission { scope: "issues", write: true }, Permission { scope: "contents", write: false }];
    Catalog(vec![
        spec(
            "git/diff",
            &[("range", String)],
            &[("depth", Integer), ("repo", String)],
            &[("diff", Object), ("omitted", List), ("summary", Any)],
        ),
        spec("core/secrets", &[("diff", Object)], &[("baseline", Object)], &[("findings", List)]),
        spec(
            "core/risk-score",
            &[("diff", Object)],
            &[("weight", Number)],
            &[("score", Integer), ("level", String)],
        ),
        spec("llm/review", &[("diff", Object)], &[("route", String)], &[("findings", List)]),
        spec(
            "core/policy",
            &[],
            &[("fail_on", String), ("fail_when", String)],
            &[("verdict", String), ("reasons", List)],
        ),
        spec("core/report", &[], &[], &[("report", Object)]),
        comment,
    ])
}

/// The problems of a step after `diff`, each as `line:column code`.
fn places(body: &str) -> Vec<String> {
    let text = format!(
        "version: 1\nname: w\ninputs: {{ name: {{ type: string }}, list: {{ type: list }} }}\nsteps:\n  diff: {{ uses: git/diff, with: {{ range: HEAD }} }}\n  step: {{ needs: diff, {body} }}\n"
    );
    let problems = parse(&text, &catalog()).err();
    problems
        .iter()
        .flat_map(|problems| problems.iter())
        .map(|p| format!("{} {}", p.location, p.code))
        .collect()
}

fn hint(body: &str) -> String {
    let text = format!("version: 1\nname: w\nsteps:\n  step: {{ {body} }}\n");
    let problems = parse(&text, &catalog()).expect_err("the step is wrong");
    problems.iter().map(|problem| problem.hint.as_str()).collect()
}

#[test]
fn the_shipped_workflows_agree_with_the_actions() {
    for text in [
        include_str!("../../../../workflows/pr-review.yaml"),
        include_str!("../../../../workflows/secret-scan.yaml"),
    ] {
        parse(text, &catalog()).unwrap_or_else(|problems| panic!("{problems}"));
    }
}

#[test]
fn an_unknown_action_comes_with_the_closest_one() {
    assert_eq!(places("uses: core/secret"), ["6:30 workflow.unknown_action"]);
    assert_eq!(hint("uses: core/secret"), "did you mean `core/secrets`?");
    assert!(hint("uses: deploy/everything").starts_with("the actions are `git/diff`"));
}

#[test]
fn an_input_that_the_action_does_not_take_is_refused() {
    assert_eq!(places("uses: core/policy, with: { fail-on: high }"), ["6:51 workflow.unknown_key"]);
    assert_eq!(hint("uses: core/policy, with: { fail-on: high }"), "did you mean `fail_on`?");
}

#[test]
fn an_input_that_the_action_needs_must_be_given() {
    assert_eq!(places("uses: core/secrets"), ["6:30 workflow.missing_key"]);
}

#[test]
fn a_literal_must_have_the_type_of_the_input() {
    assert_eq!(places("uses: git/diff, with: { range: 7 }"), ["6:55 workflow.type_mismatch"]);
    assert_eq!(places("uses: git/diff, with: { range: a, depth: 1.5 }"), ["6:65 workflow.type_mismatch"]);
    assert_eq!(places("uses: git/diff, with: { range: [a] }"), ["6:55 workflow.type_mismatch"]);
    assert_eq!(places("uses: git/diff, with: { range: { a: b } }"), ["6:55 workflow.type_mismatch"]);
    assert!(places("uses: git/diff, with: { range: a, depth: 1 }").is_empty());
    assert!(places("uses: git/diff, with: { range: a, depth: ~ }").is_empty());
    assert_eq!(places("uses: git/diff, with: { range: ~ }"), ["6:48 workflow.type_mismatch"]);
}

#[test]
fn a_value_that_is_one_reference_must_have_the_type_of_the_input() {
    let wrong = ["6:57 workflow.type_mismatch"];

    assert!(places("uses: core/secrets, with: { diff: \"${{ steps.diff.outputs.diff }}\" }").is_empty());
    assert!(places("uses: core/secrets, with: { diff: \"${{ steps.diff.outputs.summary }}\" }").is_empty());
    assert_eq!(
        places("uses: core/secrets, with: { diff: \"${{ steps.diff.outputs.omitted }}\" }"),
        ["6:58 workflow.type_mismatch"]
    );
    assert_eq!(
        places("uses: core/secrets, with: { diff: \"${{ inputs.list }}\" }"),
        ["6:58 workflow.type_mismatch"]
    );
    assert_eq!(places("uses: core/policy, with: { fail_on: \"${{ index }}\" }").len(), 2);
    assert_eq!(places("uses: core/policy, with: { fail_on: [\"${{ inputs.name }}\"] }").len(), wrong.len());
}

#[test]
fn a_reference_with_text_around_it_is_a_text() {
    assert!(places("uses: git/diff, with: { range: \"${{ inputs.list }}..HEAD\" }").is_empty());
    assert_eq!(
        places("uses: core/secrets, with: { diff: \"a ${{ inputs.list }}\" }"),
        ["6:58 workflow.type_mismatch"]
    );
}

#[test]
fn a_computed_value_is_not_judged_before_it_is_there() {
    assert!(places("uses: core/secrets, with: { diff: \"${{ 1 + 1 }}\" }").is_empty());
}

#[test]
fn an_output_that_the_action_does_not_give_cannot_be_read() {
    assert_eq!(places("uses: core/policy, if: steps.diff.outputs.dif == 1"), ["6:47 workflow.bad_reference"]);
}

#[test]
fn only_a_list_can_be_repeated_over() {
    let diff = "diff: \"${{ steps.diff.outputs.diff }}\"";

    assert!(
        places(&format!(
            "uses: core/secrets, for_each: \"${{{{ steps.diff.outputs.omitted }}}}\", with: {{ {diff} }}"
        ))
        .is_empty()
    );
    assert_eq!(
        places(&format!(
            "uses: core/secrets, for_each: \"${{{{ steps.diff.outputs.diff }}}}\", with: {{ {diff} }}"
        )),
        ["6:54 workflow.type_mismatch"]
    );
    assert_eq!(
        places(&format!(
            "uses: core/secrets, for_each: {{ items: \"${{{{ inputs.name }}}}\" }}, with: {{ {diff} }}"
        )),
        ["6:63 workflow.type_mismatch"]
    );
}

#[test]
fn writing_must_be_permitted_and_reading_need_not() {
    let body = "uses: forge/comment, with: { body: hello }";
    let granted = |level: &str| {
        let text = format!(
            "version: 1\nname: w\npermissions: {{ issues: {level} }}\nsteps: {{ a: {{ {body} }} }}\n"
        );
        parse(&text, &catalog()).is_ok()
    };

    assert_eq!(places(body), ["6:30 workflow.permission"]);
    assert_eq!(hint(body), "add `issues: write` to `permissions`");
    assert!(granted("write"));
    assert!(!granted("read"));
    assert!(!granted("none"));
}
