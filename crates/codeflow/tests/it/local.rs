//! CodeFlow in one process: one that works, others that look.

use std::sync::Arc;

use async_trait::async_trait;
use codeflow::actions::Action;
use codeflow::config::{Environment, Settings};
use codeflow::core::execution::ExecutionStatus;
use codeflow::core::{ActionCall, ActionError, ActionOutcome, ActionSpec, Class, Coded};
use codeflow::engine::{Decider, Decision};
use codeflow::{BuiltIn, ErrorKind, Local, Options, Phase, View, engine};
use serde_json::{Map, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::environment;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn options(folder: &TempDir) -> Options {
    let settings = Settings::load(None, &Environment::default()).expect("the defaults are valid");
    Options::new(folder.path(), settings, environment())
}

async fn open(folder: &TempDir) -> Local {
    Local::open(options(folder)).await.expect("a database can be made there")
}

/// Follows an execution until `enough`.
async fn until(local: &Local, id: codeflow::core::ExecutionId, enough: impl Fn(&View) -> bool) -> View {
    let mut watch = local.watch(id);
    loop {
        let view = watch.next().await.expect("it exists");
        if enough(view) {
            return view.clone();
        }
    }
}

const TWO: &str = "version: 1\nname: two\nsteps:\n  nap: { sleep: 1ms }\n  \
                   ok: { needs: [nap], approval: { roles: [], expires: 1h } }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_view_says_where_each_step_stands() {
    let folder = folder();
    let local = open(&folder).await;
    let (id, _) = local.start(TWO, Map::new(), None).await.expect("it is valid");

    let before = until(&local, id, |_| true).await;
    let worker = local.work().expect("nobody else works here");
    let asked = until(&local, id, |view| !view.waits_for_somebody().is_empty()).await;
    let step = "ok".parse().expect("it is a name");
    let answer = Decision { approved: true, by: Decider::operator("ada"), comment: None };
    local.engine().decide(id, &step, answer).await.expect("it waits");
    let after = until(&local, id, |view| view.record.status.is_final()).await;
    worker.stop().await;

    let phases = |view: &View| {
        let phase = |phase: Phase<'_>| match phase {
            Phase::Pending => "pending",
            Phase::Running { .. } => "running",
            Phase::Retrying { .. } => "retrying",
            Phase::Waiting { .. } => "waiting",
            Phase::Quarantined => "quarantined",
            Phase::Settled(_) => "settled",
            Phase::Calling => "calling",
        };
        view.steps().map(|step| phase(step.phase)).collect::<Vec<_>>()
    };
    assert_eq!(phases(&before), ["waiting", "pending"]);
    assert!(before.waits_for_somebody().is_empty(), "a sleep ends by itself");
    assert_eq!(phases(&asked), ["settled", "waiting"]);
    assert_eq!(phases(&after), ["settled", "settled"]);
    assert_eq!(after.record.status, ExecutionStatus::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_works_and_everybody_looks() {
    let folder = folder();
    let one = open(&folder).await;
    let other = open(&folder).await;
    assert_eq!(other.is_worked_on().expect("the lock can be looked at"), Some(false));

    let worker = one.work().expect("nobody else works here");
    let refused = other.work().err().expect("somebody works here");

    assert_eq!(refused.kind(), ErrorKind::Engine(engine::ErrorKind::Locked));
    assert_eq!(refused.code(), "engine.locked");
    assert_eq!(refused.class(), Class::Conflict);
    assert_eq!(other.is_worked_on().expect("the lock can be looked at"), Some(true));
    let (id, _) = other.start(TWO, Map::new(), None).await.expect("it is valid");
    until(&other, id, |view| !view.waits_for_somebody().is_empty()).await;
    worker.stop().await;
    other.work().expect("nobody works here any more").stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_folder_tells_git_to_overlook_it() {
    let folder = folder();

    let local = open(&folder).await;

    let data = local.data_folder().expect("it is a file").to_owned();
    assert_eq!(data, local.project().data_folder());
    assert_eq!(std::fs::read_to_string(data.join(".gitignore")).expect("it was written"), "*\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_with_problems_is_not_started() {
    let folder = folder();
    let local = open(&folder).await;

    let error = local.start("version: 1\nname: x\nstep: {}\n", Map::new(), None).await;

    let error = error.expect_err("it has no steps");
    assert_eq!(error.kind(), ErrorKind::Workflow);
    assert_eq!(error.code(), "workflow.invalid");
    assert!(error.problems().is_some_and(|problems| problems.iter().count() >= 1));
    assert!(codeflow::check("nonsense").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn inputs_that_do_not_fit_are_refused_by_the_engine() {
    let folder = folder();
    let local = open(&folder).await;
    let inputs = Map::from_iter([("range".to_owned(), json!(7))]);

    let error = local.start(BuiltIn::PR_REVIEW.document, inputs, None).await.expect_err("a range is a text");

    assert_eq!(error.kind(), ErrorKind::Engine(engine::ErrorKind::InvalidInput));
    assert_eq!(error.class(), Class::Invalid);
}

#[test]
fn every_built_in_workflow_is_valid_and_found_by_its_name() {
    for workflow in BuiltIn::ALL {
        let parsed = codeflow::check(workflow.document).expect("it is valid");
        assert_eq!(parsed.name.as_str(), workflow.name);
        assert_eq!(BuiltIn::find(workflow.name), Some(workflow));
    }
    assert_eq!(BuiltIn::find("nosuch"), None);
}

struct Greet(ActionSpec);

#[async_trait]
impl Action for Greet {
    fn spec(&self) -> &ActionSpec {
        &self.0
    }

    async fn run(&self, _: ActionCall, _: CancellationToken) -> Result<ActionOutcome, ActionError> {
        Ok(ActionOutcome::Done(json!({ "greeting": "hello" })))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_brings_actions_of_its_own() {
    let folder = folder();
    let spec = ActionSpec {
        name: "own/greet".parse().expect("it is a name"),
        summary: "Says hello.",
        inputs: [].into(),
        outputs: [("greeting", codeflow::core::ValueType::String)].into(),
        permissions: Vec::new(),
        trusted: true,
    };
    let local = Local::open(Options { actions: vec![Arc::new(Greet(spec))], ..options(&folder) }).await;
    let local = local.expect("a database can be made there");
    let document = "version: 1\nname: own\nsteps:\n  greet: { uses: own/greet }\n\
                    outputs: { said: \"${{ steps.greet.outputs.greeting }}\" }\n";

    let (id, _) = local.start(document, Map::new(), None).await.expect("the action is known");
    let worker = local.work().expect("nobody else works here");
    let view = until(&local, id, |view| view.record.status.is_final()).await;
    worker.stop().await;

    assert_eq!(view.record.outputs.expect("it succeeded")["said"], "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_a_folder_that_does_not_exist_cannot_be_opened() {
    let folder = folder();
    let mut options = options(&folder);
    options.settings.database.url = Some("/nowhere/at/all/x.db".into());
    options.settings.database.pool_timeout = std::time::Duration::from_secs(1);

    let error = Local::open(options).await.err().expect("there is no such folder");

    assert_eq!(error.kind(), ErrorKind::Database);
    assert_eq!(error.class(), Class::Unavailable);
    assert!(std::error::Error::source(&error).is_some());
}
