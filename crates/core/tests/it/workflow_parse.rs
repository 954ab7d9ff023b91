//! What a good document is read as.

use std::time::Duration;

use codeflow_core::workflow::{Limits, OnError, Overlap, StepKind, Workflow, parse};
use codeflow_core::{ActionErrorKind, Backoff, NoActions, Usd};

/// The example of the design, with everything that a document usually has.
const EXAMPLE: &str = r#"
version: 1
name: pr-review
on:
  manual: {}
  pull_request: { actions: [opened, synchronize], forks: read-only }
  schedule: { cron: "0 6 * * 1-5", timezone: Europe/Berlin, catch_up: latest, overlap: skip }
inputs:
  range: { type: string, default: "HEAD~1..HEAD" }
concurrency: { key: "[repo.id, pr.number]", on_new: replace }
permissions: { checks: write, pull_requests: write }
budget: { usd: 0.40, wall: 10m }
steps:
  diff:   { uses: git/diff, with: { range: "${{ inputs.range }}" } }
  scan:   { uses: core/secrets, needs: [diff], with: { diff: "${{ steps.diff.outputs.diff }}" } }
  risk:   { uses: core/risk-score, needs: [diff], with: { diff: "${{ steps.diff.outputs.diff }}" } }
  review:
    needs: [scan, risk]
    if: "steps.risk.outputs.score >= 30"
    uses: llm/review
    with: { route: review, diff: "${{ steps.diff.outputs.diff }}", schema: findings/v1 }
    retry: { attempts: 3, backoff: exponential, on: [rate_limited, timeout, unavailable] }
    timeout: 3m
    on_error: continue
  signoff:
    needs: [risk]
    if: "steps.risk.outputs.score >= 80"
    approval: { roles: [admin], expires: 24h }
  gate:
    needs: [scan, review, signoff]
    uses: core/policy
    with: { fail_when: "findings.exists(f, f.severity == 'high')" }
  report: { needs: [gate], always: true, uses: core/report }
outputs: { verdict: "${{ steps.gate.outputs.verdict }}" }
"#;

fn read(text: &str) -> Workflow {
    parse(text, &NoActions).expect("a good document")
}

fn step_names(workflow: &Workflow) -> Vec<&str> {
    workflow.steps.iter().map(|step| step.name.as_str()).collect()
}

#[test]
fn the_example_of_the_design_is_read_whole() {
    let workflow = read(EXAMPLE);

    assert_eq!(workflow.name.as_str(), "pr-review");
    assert_eq!(workflow.triggers.keys().collect::<Vec<_>>(), ["manual", "pull_request", "schedule"]);
    assert_eq!(workflow.triggers["schedule"]["cron"], "0 6 * * 1-5");
    assert_eq!(workflow.inputs["range"].default, Some("HEAD~1..HEAD".into()));
    assert_eq!(workflow.concurrency.as_ref().map(|it| it.on_new), Some(Overlap::Replace));
    assert_eq!(workflow.permissions.get("checks"), Some(&true));
    assert_eq!(workflow.budget.usd, Some(Usd::from_micros(400_000)));
    assert_eq!(workflow.budget.wall, Some(Duration::from_secs(600)));
    assert_eq!(step_names(&workflow), ["diff", "scan", "risk", "review", "signoff", "gate", "report"]);
    assert_eq!(workflow.outputs.len(), 1);
}

#[test]
fn a_budget_may_be_as_small_as_a_millionth_and_needs_no_decimals() {
    for (text, micros) in [("0.000001", 1), ("0.00005", 50), ("2", 2_000_000), ("1234.5", 1_234_500_000)] {
        let document = EXAMPLE.replace("usd: 0.40", &format!("usd: {text}"));
        assert_eq!(read(&document).budget.usd, Some(Usd::from_micros(micros)), "{text}");
    }
}

#[test]
fn a_step_keeps_what_it_says_about_failure() {
    let workflow = read(EXAMPLE);
    let review = &workflow.steps[3];

    assert_eq!(review.retry.attempts, 3);
    assert_eq!(review.retry.backoff, Backoff::Exponential);
    assert_eq!(review.retry.on[0], ActionErrorKind::RateLimited);
    assert_eq!(review.timeout, Duration::from_secs(180));
    assert_eq!(review.on_error, OnError::Continue);
    assert!(review.condition.is_some());
    assert!(workflow.steps[6].always);
    let StepKind::Approval { roles, expires } = &workflow.steps[4].kind else { panic!("not an approval") };
    assert_eq!((roles.as_slice(), *expires), (["admin".to_owned()].as_slice(), Duration::from_secs(86_400)));
}

#[test]
fn ancestors_are_all_steps_before_in_the_order_of_running() {
    let workflow = read(EXAMPLE);

    let ancestors: Vec<&str> = workflow.steps[5].ancestors.iter().map(|name| name.as_str()).collect();

    assert_eq!(ancestors, ["diff", "scan", "risk", "review", "signoff"]);
}

/// A workflow with these steps, two spaces before each.
fn steps(text: &str) -> Workflow {
    read(&format!("version: 1\nname: w\nsteps:\n{text}"))
}

#[test]
fn steps_are_sorted_by_their_needs_and_otherwise_stay_as_written() {
    let workflow = steps(
        "  last: { uses: a/b, needs: [middle, other] }\n  other: { uses: a/b }\n  middle: { uses: a/b, needs: first }\n  first: { uses: a/b }\n  free: { uses: a/b, needs: [first, first] }\n",
    );

    assert_eq!(step_names(&workflow), ["other", "first", "middle", "last", "free"]);
    assert_eq!(workflow.steps[4].needs.len(), 1);
}

#[test]
fn what_is_not_said_has_a_default() {
    let workflow = steps("  a: { uses: x/y }\n  b: { approval: }\n  c: { wait: { event: go } }\n");

    assert!(workflow.triggers.is_empty());
    assert!(workflow.concurrency.is_none());
    assert_eq!((workflow.budget.usd, workflow.budget.wall), (None, None));
    assert_eq!(workflow.steps[0].timeout, Duration::from_secs(600));
    assert_eq!(workflow.steps[0].retry.attempts, 1);
    assert_eq!(workflow.steps[0].on_error, OnError::Fail);
    let StepKind::Approval { roles, expires } = &workflow.steps[1].kind else { panic!("not an approval") };
    assert_eq!((roles.len(), *expires), (0, Limits::DEFAULT_WAIT));
    let StepKind::Wait { event, timeout } = &workflow.steps[2].kind else { panic!("not a wait") };
    assert_eq!((event.as_str(), *timeout), ("go", Limits::DEFAULT_WAIT));
}

#[test]
fn each_kind_of_step_is_read() {
    let workflow = steps(
        "  files: { uses: git/files }\n  each: { uses: x/y, needs: files, for_each: { items: \"${{ steps.files.outputs.all }}\", parallel: 8 }, with: { file: \"${{ item.path }}\", nr: \"${{ index }}\" } }\n  few: { uses: x/y, for_each: [1, 2] }\n  child: { uses: workflow/secret-scan, with: { range: HEAD } }\n  command: { run: [cargo, test, \"${{ inputs.name }}\"] }\n  pause: { sleep: 3d }\ninputs: { name: { type: string } }\n",
    );

    let each = workflow.steps[1].for_each.as_ref().expect("it is repeated");
    assert_eq!(each.parallel, 8);
    assert_eq!(workflow.steps[2].for_each.as_ref().map(|it| it.parallel), Some(Limits::DEFAULT_PARALLEL));
    let StepKind::Workflow { uses, with } = &workflow.steps[3].kind else { panic!("not a workflow") };
    assert_eq!((uses.as_str(), with.len()), ("secret-scan", 1));
    let StepKind::Run(run) = &workflow.steps[4].kind else { panic!("not a command") };
    assert_eq!((run.command.len(), run.accept.as_slice()), (3, [0].as_slice()));
    let StepKind::Sleep { duration } = workflow.steps[5].kind else { panic!("not a sleep") };
    assert_eq!(duration, Duration::from_secs(3 * 86_400));
    assert!(workflow.inputs["name"].default.is_none());
}

#[test]
fn what_undoes_a_step_may_read_what_the_step_gave() {
    let workflow = steps(
        "  a: { uses: x/y }\n  b: { uses: x/y, needs: a, compensate: { uses: x/undo, with: { id: \"${{ steps.b.outputs.id }}\", a: \"${{ steps.a.status }}\" }, retry: { attempts: 4 }, timeout: 5s } }\n  c: { sleep: 1s, compensate: { uses: x/undo } }\n",
    );

    let undo = workflow.steps[1].compensate.as_ref().expect("it can be undone");
    assert_eq!((undo.uses.as_str(), undo.with.len(), undo.retry.attempts), ("x/undo", 2, 4));
    assert_eq!(undo.timeout, Duration::from_secs(5));
    let other = workflow.steps[2].compensate.as_ref().expect("it can be undone");
    assert_eq!((other.retry.attempts, other.timeout), (1, Limits::DEFAULT_TIMEOUT));
    assert!(workflow.steps[0].compensate.is_none());
}

#[test]
fn a_condition_may_stand_in_braces_or_not_and_be_a_plain_boolean() {
    let workflow = steps(
        "  a: { uses: x/y, if: \"1 < 2\" }\n  b: { uses: x/y, if: \"${{ 1 < 2 }}\" }\n  c: { uses: x/y, if: true }\n",
    );

    let sources: Vec<&str> = workflow
        .steps
        .iter()
        .filter_map(|step| step.condition.as_ref())
        .map(|it| it.source().trim())
        .collect();
    assert_eq!(sources, ["1 < 2", "1 < 2", "true"]);
}

#[test]
fn triggers_may_be_a_name_a_list_or_a_mapping() {
    let triggers =
        |on: &str| read(&format!("version: 1\nname: w\non: {on}\nsteps: {{ a: {{ uses: x/y }} }}")).triggers;

    assert_eq!(triggers("push").keys().collect::<Vec<_>>(), ["push"]);
    assert_eq!(triggers("[push, api]").keys().collect::<Vec<_>>(), ["api", "push"]);
    assert_eq!(triggers("{ manual: , webhook: { path: /x } }")["webhook"]["path"], "/x");
}

#[test]
fn values_are_read_by_the_rules_of_yaml_1_2() {
    let text = "  a:\n    uses: x/y\n    with: { a: yes, b: on, c: 0x10, d: 0o17, e: 1e3, f: ~, g: 'true', h: True, i: -1, j: 012, k: +7, l: .5, m: 1.2.3 }\n";
    let StepKind::Action { with, .. } = steps(text).steps.remove(0).kind else { panic!("not an action") };

    let values: Vec<String> = with.values().map(|value| value.source().to_string()).collect();

    let expected = [
        "\"yes\"",
        "\"on\"",
        "16",
        "15",
        "1000.0",
        "null",
        "\"true\"",
        "true",
        "-1",
        "12",
        "7",
        "0.5",
        "\"1.2.3\"",
    ];
    assert_eq!(values, expected);
}

#[test]
fn permissions_that_are_none_are_not_there() {
    let workflow = read(
        "version: 1\nname: w\nsteps: { a: { uses: x/y } }\npermissions: { checks: none, contents: read, issues: write }",
    );

    let granted: Vec<_> =
        workflow.permissions.iter().map(|(scope, write)| (scope.as_str(), *write)).collect();
    assert_eq!(granted, [("contents", false), ("issues", true)]);
}

#[test]
fn a_step_is_found_by_its_name() {
    let workflow = read(EXAMPLE);
    let name = "gate".parse().expect("a name");

    assert_eq!(workflow.step(&name).map(|step| step.needs.len()), Some(3));
}
