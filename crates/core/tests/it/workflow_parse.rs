//! What a good document is read as.

use std::time::Duration;

use codeflow_core::workflow::{OnError, Overlap, StepKind, Workflow, parse};
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
    parse(text, &NoActions).unwrap_or_else(|problems| panic!("{problems}"))
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
