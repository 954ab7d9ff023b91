//! `run` in a workflow document: its short and its long form, and where commands are off.

use std::collections::BTreeMap;
use std::time::Duration;

use codeflow_core::workflow::{RunLimits, RunStep, StepKind, parse};
use codeflow_core::{ActionCatalog, ActionName, ActionSpec, NoActions, Problems};

fn document(step: &str) -> String {
    format!("version: 1\nname: w\ninputs: {{ list: {{ type: list }} }}\nsteps:\n  a: {step}\n")
}

#[expect(clippy::panic, reason = "what helps a test may fail it")]
fn read(step: &str) -> RunStep {
    let workflow = parse(&document(step), &NoActions).unwrap_or_else(|wrong| panic!("{wrong}"));
    let StepKind::Run(run) = &workflow.steps[0].kind else { panic!("not a command") };
    run.as_ref().clone()
}

fn problems(step: &str) -> Vec<(&'static str, usize)> {
    let wrong: Problems = parse(&document(step), &NoActions).expect_err("it is refused");
    wrong.iter().map(|problem| (problem.code, problem.location.line)).collect()
}

#[test]
fn the_long_form_says_what_a_command_is_given_and_may_use() {
    let run = read(
        "{ run: { command: [jq, '.a'], stdin: '${{ inputs.list }}', files: { a.txt: x, b.json: { k: 1 } }, env: { A: b }, network: true, accept: [0, 1], memory: 256 MiB, cpu: 30s, processes: 8, open_files: 64, file_size: 4096, output: 64KiB } }",
    );

    assert_eq!((run.command.len(), run.files.len(), run.env.len()), (2, 2, 1));
    assert!(run.stdin.is_some() && run.network);
    assert_eq!(run.accept, [0, 1]);
    let limits = RunLimits {
        memory: Some(256 << 20),
        cpu: Some(Duration::from_secs(30)),
        processes: Some(8),
        open_files: Some(64),
        file_size: Some(4096),
        output: Some(64 << 10),
    };
    assert_eq!(run.limits, limits);
}

#[test]
fn the_short_form_leaves_everything_to_settings() {
    let run = read("{ run: [ls] }");

    assert_eq!(
        (run.limits, run.network, run.accept.as_slice()),
        (RunLimits::default(), false, [0].as_slice())
    );
}

#[test]
fn a_command_may_be_repeated_for_each_item() {
    let text = document("{ run: [echo, '${{ item }}'], for_each: '${{ inputs.list }}' }");

    let workflow = parse(&text, &NoActions).unwrap_or_else(|wrong| panic!("{wrong}"));

    assert!(workflow.steps[0].for_each.is_some());
}

#[test]
fn what_is_wrong_with_a_command_is_said_where_it_is() {
    let wrong = [
        ("{ run: { stdin: x } }", "workflow.missing_key"),
        ("{ run: { command: [] } }", "workflow.bad_value"),
        ("{ run: { command: ls } }", "workflow.wrong_type"),
        ("{ run: { command: [ls], shell: true } }", "workflow.unknown_key"),
        ("{ run: { command: [ls], memory: much } }", "workflow.bad_value"),
        ("{ run: { command: [ls], memory: 0 } }", "workflow.bad_value"),
        ("{ run: { command: [ls], cpu: 30 } }", "workflow.wrong_type"),
        ("{ run: { command: [ls], processes: 0 } }", "workflow.limit"),
        ("{ run: { command: [ls], accept: [256] } }", "workflow.limit"),
        ("{ run: { command: [ls], network: 'yes' } }", "workflow.wrong_type"),
        ("{ run: { command: [ls], files: [a] } }", "workflow.wrong_type"),
        ("{ run: { command: [ls, '${{ steps.b.outputs.x }}'] } }", "workflow.bad_reference"),
        ("{ run: [ls], with: { a: 1 } }", "workflow.conflict"),
    ];

    for (step, code) in wrong {
        assert_eq!(problems(step), [(code, 5)], "{step}");
    }
}

/// A catalog with one action, which is not the one behind commands.
struct Other(BTreeMap<ActionName, ActionSpec>);

impl ActionCatalog for Other {
    fn find(&self, name: &ActionName) -> Option<&ActionSpec> {
        self.0.get(name)
    }

    fn names(&self) -> Vec<ActionName> {
        self.0.keys().cloned().collect()
    }
}

fn catalog(name: &str) -> Other {
    let name: ActionName = name.parse().expect("a name");
    let spec = ActionSpec {
        name: name.clone(),
        summary: "",
        inputs: BTreeMap::new(),
        outputs: BTreeMap::new(),
        permissions: vec![],
        trusted: false,
    };
    Other([(name, spec)].into())
}

#[test]
fn where_commands_are_off_a_document_with_one_is_refused_with_a_hint() {
    let text = document("{ run: [ls] }");

    let wrong = parse(&text, &catalog("x/y")).expect_err("they are off");

    let problem = wrong.iter().next().expect("a problem");
    assert_eq!(problem.code, "workflow.commands_off");
    assert!(problem.hint.contains("[sandbox]"), "{}", problem.hint);
    assert!(parse(&text, &catalog("core/run")).is_ok());
}
