//! `codeflow run`: inputs, outputs, approvals and signals.

use crate::support::Checkout;

const ASK: &str = r#"
version: 1
name: ask
inputs:
  count: { type: integer }
  who: { type: string, default: somebody }
  more: { type: object, default: {} }
steps:
  ok: { approval: { roles: [], expires: 1h } }
outputs:
  count: "${{ inputs.count }}"
  who: "${{ inputs.who }}"
  by: "${{ steps.ok.outputs.by }}"
"#;

const HELLO: &str = "version: 1\nname: hello\ninputs: { who: { type: string, default: you } }\n\
                     steps:\n  nap: { sleep: 1ms }\noutputs: { greeting: \"hello ${{ inputs.who }}\" }\n";

#[test]
fn a_workflow_runs_to_its_end_and_gives_its_outputs() {
    let checkout = Checkout::folder();
    checkout.write("hello.yaml", HELLO);

    let said = checkout.codeflow(&["run", "hello.yaml", "--input", "who=a=b"]).ends_with(0);

    assert_eq!(said.stdout, "outputs\n  greeting  hello a=b\n");
    assert!(said.stderr.contains("✓ nap"), "{said:#?}");
    assert!(checkout.path().join(".codeflow/codeflow.db").is_file());
}

#[test]
fn a_built_in_workflow_runs_by_its_name() {
    let checkout = Checkout::new();
    checkout.plant_a_key();

    let said =
        checkout.codeflow(&["run", "secret-scan", "-i", "range=HEAD", "--format", "json"]).ends_with(1);

    assert_eq!(said.json()["outputs"]["verdict"], "fail");
    assert_eq!(said.json()["error"]["code"], "action.denied");
}

#[test]
fn inputs_are_read_as_the_types_that_the_workflow_names() {
    let checkout = Checkout::folder();
    checkout.write("ask.yaml", ASK);

    let arguments = ["run", "ask.yaml", "-i", "count=3", "--input-json", r#"{"count": 1, "who": "ada"}"#];
    checkout.codeflow(&arguments).ends_with(4);

    let shown = checkout.codeflow(&["execution", "show", "latest", "--format", "json"]).ends_with(0).json();
    assert_eq!(shown["inputs"]["count"], 3);
    assert_eq!(shown["inputs"]["who"], "ada");
    assert_eq!(shown["status"], "waiting");
}

#[test]
fn every_problem_of_the_inputs_is_told_at_once() {
    let checkout = Checkout::folder();
    checkout.write("ask.yaml", ASK);

    let said = checkout.codeflow(&["run", "ask.yaml", "-i", "count=many", "-i", "whom=x", "-i", "more=1"]);

    let said = said.ends_with(2);
    assert!(said.stderr.contains("unknown input `whom`"), "{said:#?}");
    assert!(said.stderr.contains("input `count` must be of type integer"), "{said:#?}");
    assert!(said.stderr.contains("input `more` must be of type object"), "{said:#?}");
    assert!(said.stderr.contains("engine.invalid_input"), "{said:#?}");
}

#[test]
fn inputs_that_are_no_pairs_and_no_objects_are_refused() {
    let checkout = Checkout::folder();

    checkout.codeflow(&["run", "hello.yaml", "-i", "who"]).ends_with(2);
    checkout.codeflow(&["run", "hello.yaml", "--input-json", "[1]"]).ends_with(2);
    checkout.codeflow(&["run", "hello.yaml", "--idempotency-key", ""]).ends_with(2);
}

#[test]
fn an_approval_is_asked_for_and_given_by_a_person() {
    let checkout = Checkout::folder();
    checkout.write("ask.yaml", ASK);
    let said = checkout.codeflow(&["run", "ask.yaml", "-i", "count=1"]).ends_with(4);
    let id = said.id().to_owned();
    assert!(said.stderr.contains(&format!("codeflow execution approve {id} ok")), "{said:#?}");

    let said =
        checkout.codeflow(&["execution", "approve", &id, "ok", "--comment", "fine", "--format", "json"]);

    let said = said.ends_with(0);
    assert!(said.stderr.contains("no engine was running here, so this process runs it"), "{said:#?}");
    assert_eq!(said.json()["outputs"]["by"], "ada");
}

#[test]
fn a_rejected_approval_fails_the_execution() {
    let checkout = Checkout::folder();
    checkout.write("ask.yaml", ASK);
    checkout.codeflow(&["run", "ask.yaml", "-i", "count=1"]).ends_with(4);

    let said = checkout.codeflow(&["execution", "reject", "latest", "ok"]);

    assert!(matches!(said.code, Some(1 | 3)), "{said:#?}");
    assert!(said.stderr.contains("step `ok`"), "{said:#?}");
    let step = checkout.codeflow(&["execution", "approve", "latest", "nosuch"]).ends_with(2);
    assert!(step.stderr.contains("cannot be decided about"), "{step:#?}");
}

#[test]
fn the_same_key_twice_is_one_execution() {
    let checkout = Checkout::folder();
    checkout.write("hello.yaml", HELLO);
    let first = checkout.codeflow(&["run", "hello.yaml", "--idempotency-key", "today"]).ends_with(0);

    let second = checkout.codeflow(&["run", "hello.yaml", "--idempotency-key", "today"]).ends_with(0);

    assert_eq!(first.id(), second.id());
    assert!(second.stderr.contains("an earlier start had the same key"), "{second:#?}");
}

#[test]
fn a_workflow_comes_from_standard_input_too() {
    let checkout = Checkout::folder();
    let file = checkout.write("hello.yaml", HELLO);
    let mut program = checkout.program(&["run", "-"]);
    program.stdin(std::fs::File::open(file).expect("it was written"));

    let output = program.output().expect("the program can be run");

    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
