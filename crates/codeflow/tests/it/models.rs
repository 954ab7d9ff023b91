//! Steps that ask models, run by the whole engine: an answer that was written down is never asked for again.

use std::collections::VecDeque;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use codeflow::actions::{Availability, ModelAsk, ModelError, ModelReply, Models};
use codeflow::analysis::Review;
use codeflow::config::{Environment, Settings};
use codeflow::core::execution::{ExecutionStatus, StepStatus};
use codeflow::core::{ExecutionId, Usd};
use codeflow::engine::{Decider, Decision};
use codeflow::model::{ChatResponse, ErrorKind, FinishReason, Part, Usage};
use codeflow::{Asked, BuiltIn, Local, Options, Phase, View};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::environment;

/// Answers in the order in which it was told to, and remembers what it was asked.
#[derive(Default)]
struct Told {
    answers: Mutex<VecDeque<Result<&'static str, ModelError>>>,
    asked: Mutex<Vec<ModelAsk>>,
}

impl Told {
    fn new(answers: Vec<Result<&'static str, ModelError>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into()), asked: Mutex::default() })
    }

    fn asked(&self) -> Vec<ModelAsk> {
        self.asked.lock().expect("nobody panics with it").clone()
    }
}

#[async_trait]
impl Models for Told {
    async fn complete(&self, ask: ModelAsk) -> Result<ModelReply, ModelError> {
        self.asked.lock().expect("nobody panics with it").push(ask);
        let answer = self.answers.lock().expect("nobody panics with it").pop_front();
        let text = answer.expect("nobody asks more often than was foreseen")?;
        let usage = Usage { input: Some(100), output: Some(5), ..Usage::default() };
        let response = ChatResponse {
            id: String::new(),
            model: "gpt-x".to_owned(),
            parts: vec![Part::Text(text.to_owned())],
            finish: FinishReason::Stop,
            usage,
        };
        Ok(ModelReply {
            response,
            provider: "openai".to_owned(),
            model: "gpt-x".to_owned(),
            route: "fast".to_owned(),
            usage,
            cost: Some(Usd::from_micros(12_300)),
            estimated: false,
            attempts: 1,
            cached: false,
        })
    }

    fn availability(&self, _: &str) -> Availability {
        Availability::Ready
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// CodeFlow as one process has it.
async fn open(folder: &Path, models: &Arc<Told>) -> Local {
    let settings = Settings::load(None, &Environment::default()).expect("the defaults are valid");
    let models: Arc<dyn Models> = models.clone();
    let options = Options { models: Some(models), ..Options::new(folder, settings, environment()) };
    Local::open(options).await.expect("a database can be made there")
}

async fn until(local: &Local, id: ExecutionId, enough: impl Fn(&View) -> bool) -> View {
    let mut watch = local.watch(id);
    loop {
        let view = watch.next().await.expect("it exists");
        if enough(view) {
            return view.clone();
        }
    }
}

/// Works until the execution has ended.
async fn finish(local: &Local, id: ExecutionId) -> View {
    let worker = local.work().expect("nobody else works here");
    let view = until(local, id, |view| view.record.status.is_final()).await;
    worker.stop().await;
    view
}

fn outputs(view: &View) -> Value {
    view.record.outputs.as_deref().cloned().unwrap_or_default()
}

/// How a step ended, with the code of the reason; as pending if it has not.
fn ended(view: &View, name: &str) -> (StepStatus, String) {
    let step = view.steps().find(|step| step.step.name.as_str() == name).expect("there is such a step");
    let Phase::Settled(settled) = step.phase else { return (StepStatus::Pending, String::new()) };
    (settled.status, settled.error.as_ref().map(|error| error.code.clone()).unwrap_or_default())
}

const ASK_THEN_WAIT: &str = "version: 1\nname: ask\nbudget: { usd: 0.40 }\nsteps:\n  \
    ask: { uses: llm/chat, with: { prompt: 'Why?' } }\n  \
    ok: { needs: [ask], approval: { roles: [], expires: 1h } }\n  \
    data: { needs: [ok], uses: llm/extract, with: { text: 'x', schema: { type: integer } } }\n\
    outputs: { said: '${{ steps.ask.outputs.text }}', cost: '${{ steps.ask.outputs.cost }}', \
    tokens: '${{ steps.ask.outputs.usage.input }}', data: '${{ steps.data.outputs.data }}' }\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_written_down_outlives_the_process_that_asked() {
    let folder = folder();
    let first = Told::new(vec![Ok("Because.")]);
    let local = open(folder.path(), &first).await;
    let (id, _) = local.start(ASK_THEN_WAIT, Map::new(), None).await.expect("it is valid");
    let worker = local.work().expect("nobody else works here");
    until(&local, id, |view| !view.waits_for_somebody().is_empty()).await;
    drop((worker, local));

    let second = Told::new(vec![Ok("7")]);
    let local = open(folder.path(), &second).await;
    let answer = Decision { approved: true, by: Decider::operator("ada"), comment: None };
    local.engine().decide(id, &"ok".parse().expect("it is a name"), answer).await.expect("it waits");
    let view = finish(&local, id).await;

    assert_eq!(view.record.status, ExecutionStatus::Succeeded);
    assert_eq!(outputs(&view), json!({ "said": "Because.", "cost": 12_300, "tokens": 100, "data": 7 }));
    let asked: Vec<String> =
        first.asked().iter().chain(&second.asked()).map(|ask| ask.path.to_string()).collect();
    assert_eq!(asked, ["ask", "data"], "each question was asked once, whoever asked it");
    let asked = &first.asked()[0];
    assert_eq!((asked.execution, asked.budget), (id, Some(Usd::from_micros(400_000))));
}

#[tokio::test(flavor = "multi_thread")]
async fn taking_up_an_execution_again_asks_only_what_did_not_succeed() {
    let document = "version: 1\nname: two\nsteps:\n  ask: { uses: llm/chat, with: { prompt: 'Why?' } }\n  \
                    data: { needs: [ask], uses: llm/extract, with: { text: 'x', schema: { type: integer } } }\n\
                    outputs: { said: '${{ steps.ask.outputs.text }}', data: '${{ steps.data.outputs.data }}' }\n";
    let folder = folder();
    let models = Told::new(vec![Ok("Because."), Ok("no number"), Ok("8")]);
    let local = open(folder.path(), &models).await;
    let (id, _) = local.start(document, Map::new(), None).await.expect("it is valid");

    let failed = finish(&local, id).await;
    local.engine().restart(id, None, "ada").await.expect("it has ended");
    let worker = local.work().expect("nobody else works here");
    let view = until(&local, id, |view| view.record.status == ExecutionStatus::Succeeded).await;
    worker.stop().await;

    assert_eq!(ended(&failed, "data"), (StepStatus::Failed, "action.bad_answer".to_owned()));
    assert_eq!(outputs(&view), json!({ "said": "Because.", "data": 8 }));
    let asked: Vec<String> = models.asked().iter().map(|ask| ask.path.to_string()).collect();
    assert_eq!(asked, ["ask", "data", "data"]);
}

const PATIENT: &str = "version: 1\nname: patient\nsteps:\n  ask: { uses: llm/chat, with: { prompt: 'Why?' }, \
                       retry: { attempts: 3, initial: 1ms } }\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_step_tries_again_what_was_never_done_and_nothing_else() {
    let busy = || ModelError::new(ErrorKind::Overloaded, "busy");
    for (error, calls, status) in [
        (busy().for_later(), 2, ExecutionStatus::Succeeded),
        (busy(), 1, ExecutionStatus::Failed),
        (ModelError::new(ErrorKind::Timeout, "late"), 1, ExecutionStatus::Failed),
        (ModelError::new(ErrorKind::BudgetExceeded, "spent"), 1, ExecutionStatus::Failed),
    ] {
        let (folder, code) = (folder(), error.kind().code());
        let models = Told::new(vec![Err(error), Ok("Because.")]);
        let local = open(folder.path(), &models).await;
        let (id, _) = local.start(PATIENT, Map::new(), None).await.expect("it is valid");

        let view = finish(&local, id).await;

        assert_eq!((models.asked().len(), view.record.status), (calls, status), "{code}");
        if status == ExecutionStatus::Failed {
            assert_eq!(ended(&view, "ask"), (StepStatus::Failed, code.to_owned()));
        }
    }
}

/// A repository whose last commit adds one line.
fn repository() -> TempDir {
    let folder = folder();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(folder.path()).env("HOME", folder.path());
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.com"]).args(arguments);
        assert!(command.output().expect("git can be run").status.success(), "git {arguments:?}");
    };
    git(&["init", "--quiet", "--initial-branch=main"]);
    for text in ["one\n", "one\ntwo\n"] {
        std::fs::write(folder.path().join("a.txt"), text).expect("it can be written");
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "-m", "x"]);
    }
    folder
}

async fn review(models: &Arc<Told>) -> (View, Review) {
    let folder = repository();
    let local = open(folder.path(), models).await;
    let inputs = Map::from_iter([("repo".to_owned(), folder.path().to_string_lossy().into())]);
    let (id, _) = local.start(BuiltIn::PR_REVIEW.document, inputs, None).await.expect("it is valid");
    let view = finish(&local, id).await;
    let report = outputs(&view)["report"].take();
    (view, serde_json::from_value(report).expect("there is a report"))
}

const OPINION: &str = r#"{"findings": [{"rule": "odd", "severity": "medium", "path": "a.txt", "line": 2,
    "end_line": null, "message": "Two is odd.", "help": null}]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_review_folds_the_opinion_into_the_findings_and_says_whose_it_is() {
    let models = Told::new(vec![Ok(OPINION)]);

    let (view, report) = review(&models).await;

    assert_eq!(view.record.status, ExecutionStatus::Succeeded);
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].model.as_deref(), Some("openai/gpt-x"));
    assert_eq!(report.models[0].to_string(), "openai/gpt-x, $0.012300");
    assert!(report.skipped.is_empty());
    let asked: Vec<String> =
        view.steps().filter_map(|step| Asked::of(&step)).map(|a| a.to_string()).collect();
    assert_eq!(asked, ["1 finding by openai/gpt-x, $0.012300"]);
    assert_eq!(models.asked()[0].budget, Some(Usd::from_micros(400_000)));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_every_provider_down_a_review_still_ends_and_says_what_it_could_not_do() {
    let down = ModelError::new(ErrorKind::Overloaded, "the provider is overloaded or fails (openai)");

    let (view, report) = review(&Told::new(vec![Err(down)])).await;

    assert_eq!(view.record.status, ExecutionStatus::Succeeded);
    assert_eq!(ended(&view, "review"), (StepStatus::Failed, "model.overloaded".to_owned()));
    assert_eq!(
        report.notes,
        ["step `review` failed: the provider is overloaded or fails (openai) [model.overloaded]"]
    );
    assert_eq!(outputs(&view)["verdict"], "pass");
}
