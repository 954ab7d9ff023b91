//! The whole way of a review: a real repository, read by git, through the catalog to a report.

use std::sync::Arc;
use std::time::Duration;

use codeflow_actions::{Catalog, Dependencies, NoModels};
use codeflow_analysis::{Outcome, ReportFormat, Review};
use codeflow_core::execution::{StepError, StepPath, StepStatus};
use codeflow_core::{ActionCall, ActionError, ActionErrorKind, ActionOutcome, ExecutionId, Tenant, Upstream};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::repo::TestRepo;

/// Runs steps one after the other and keeps what they gave, as the engine does.
struct Run {
    catalog: Catalog,
    upstream: Vec<Upstream>,
}

impl Run {
    fn over(repo: &TestRepo) -> Self {
        let catalog = Catalog::builtin(Dependencies {
            repository: Arc::new(repo.reader()),
            models: Arc::new(NoModels),
        });
        Self { catalog, upstream: Vec::new() }
    }

    async fn step(&mut self, name: &str, uses: &str, inputs: Value) -> Result<ActionOutcome, ActionError> {
        let step: codeflow_core::workflow::StepName = name.parse().unwrap();
        let call = ActionCall {
            tenant: Tenant::default(),
            execution: ExecutionId::from_uuid(uuid::Uuid::nil()),
            path: StepPath::step(step.clone()),
            attempt: 1,
            uses: uses.parse().unwrap(),
            inputs: inputs.as_object().unwrap().clone(),
            upstream: self.upstream.clone(),
            timeout: Duration::from_secs(60),
            budget: None,
        };
        let outcome = self.catalog.run(call, CancellationToken::new()).await;
        let (status, outputs, error) = match &outcome {
            Ok(ActionOutcome::Done(outputs)) => (StepStatus::Succeeded, Some(outputs.clone()), None),
            Ok(ActionOutcome::Skipped(why)) => (StepStatus::Skipped, None, Some(why.clone())),
            Err(error) => (StepStatus::Failed, error.outputs.clone(), Some(StepError::from(error))),
        };
        self.upstream.push(Upstream { step, status, outputs: outputs.map(Arc::new), error });
        outcome
    }

    /// Runs the steps of a review, and returns how the gate ended and what the report says.
    async fn review(&mut self) -> (Result<ActionOutcome, ActionError>, Review) {
        self.step("diff", "git/diff", json!({ "range": "HEAD~1..HEAD" })).await.unwrap();
        let diff = self.upstream[0].outputs.as_ref().unwrap()["diff"].clone();
        self.step("scan", "core/secrets", json!({ "diff": diff })).await.unwrap();
        self.step("risk", "core/risk-score", json!({ "diff": diff })).await.unwrap();
        self.step("review", "llm/review", json!({ "diff": diff, "route": "review" })).await.unwrap();
        let gate = self.step("gate", "core/policy", json!({ "fail_on": "high" })).await;
        let report = match self.step("report", "core/report", json!({})).await.unwrap() {
            ActionOutcome::Done(mut outputs) => serde_json::from_value(outputs["report"].take()).unwrap(),
            ActionOutcome::Skipped(why) => panic!("{}", why.message),
        };
        (gate, report)
    }
}

/// A key with the shape of a real one, put together here so that it stands in no file.
fn planted_key() -> String {
    format!("{}{}", "AKIA", "Q3EGRZ7WNX5VTJ2K")
}

#[tokio::test]
async fn a_planted_key_closes_the_gate_and_is_reported_without_being_shown() {
    let repo = TestRepo::new();
    repo.commit_file("src/main.rs", "fn main() {}\n");
    repo.commit_file("config/prod.env", &format!("REGION=eu\naws_access_key_id = {}\n", planted_key()));
    let mut run = Run::over(&repo);

    let (gate, report) = run.review().await;

    let denied = gate.unwrap_err();
    assert_eq!((denied.kind, denied.code.as_str()), (ActionErrorKind::Denied, "action.denied"));
    assert_eq!(denied.outputs.unwrap()["verdict"], "fail");
    assert_eq!(report.verdict.outcome, Outcome::Fail);
    assert!(report.verdict.reasons[0].contains("`high` or worse"), "{:?}", report.verdict.reasons);
    let finding = report.findings.iter().find(|finding| finding.path == "config/prod.env").unwrap();
    assert_eq!(finding.line, Some(2));
    assert!(finding.excerpt.as_ref().unwrap().contains("aws_access_key_id"));
    assert_eq!(report.totals.files, 1);
    for format in ReportFormat::ALL {
        assert!(!report.render(format).contains(&planted_key()), "{format}");
    }
}

#[tokio::test]
async fn a_clean_change_passes_and_says_that_no_model_was_asked() {
    let repo = TestRepo::new();
    repo.commit_file("src/main.rs", "fn main() {}\n");
    let head = repo.commit_file("src/lib.rs", "pub fn one() -> u8 { 1 }\n");
    let mut run = Run::over(&repo);

    let (gate, report) = run.review().await;

    let Ok(ActionOutcome::Done(outputs)) = gate else { panic!("{gate:?}") };
    assert_eq!((&outputs["verdict"], &outputs["findings"]), (&json!("pass"), &json!(0)));
    assert_eq!(report.verdict.outcome, Outcome::Pass);
    assert_eq!(report.head, head[..12]);
    assert!(report.risk.is_some());
    let skipped: Vec<(&str, &str)> =
        report.skipped.iter().map(|skipped| (skipped.step.as_str(), skipped.reason.as_str())).collect();
    assert_eq!(skipped, [("review", "no model provider is configured, so no model was asked")]);
}

#[tokio::test]
async fn a_root_commit_is_reviewed_whole_and_the_report_says_so() {
    let repo = TestRepo::new();
    repo.write("blob", [0, 1, 2]);
    repo.commit_file("first", "text\n");
    let mut run = Run::over(&repo);

    let (_, report) = run.review().await;

    assert_eq!((report.base.as_str(), report.totals.files), ("empty tree", 2));
    assert_eq!(
        report.notes,
        [
            "there is no history before `HEAD`, so every file counts as added",
            "1 changed file is binary, and nobody looked into it"
        ]
    );
}

#[tokio::test]
async fn an_unknown_revision_fails_the_step_with_the_code_of_the_repository() {
    let repo = TestRepo::new();
    repo.commit_file("first", "text\n");
    let mut run = Run::over(&repo);

    let error = run.step("diff", "git/diff", json!({ "range": "nosuch..HEAD" })).await.unwrap_err();

    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::InvalidInput, "git.unknown_revision"));
}
