//! What the program shows of a review for which a model was asked. The review itself is made by a program that embeds
//! CodeFlow and brings models of its own.

use std::sync::Arc;

use async_trait::async_trait;
use codeflow::actions::{Availability, ModelAsk, ModelError, ModelReply, Models};
use codeflow::analysis::{ReportFormat, Review};
use codeflow::config::{Environment, Settings};
use codeflow::core::Usd;
use codeflow::model::{ChatResponse, FinishReason, Part, Usage};
use codeflow::{BuiltIn, Local, Options};
use serde_json::{Map, Value, json};

use crate::support::Checkout;

/// Finds fault with the second line of every file.
struct Fussy;

#[async_trait]
impl Models for Fussy {
    async fn complete(&self, _: ModelAsk) -> Result<ModelReply, ModelError> {
        let finding = json!({
            "rule": "second line", "severity": "medium", "path": "notes.txt", "line": 2, "end_line": 2,
            "message": "A second line, @ada.", "help": null,
        });
        let usage = Usage::default();
        let text = json!({ "findings": [finding] }).to_string();
        let response = ChatResponse {
            id: String::new(),
            model: "gpt-x".to_owned(),
            parts: vec![Part::Text(text)],
            finish: FinishReason::Stop,
            usage,
        };
        Ok(ModelReply {
            response,
            provider: "openai".to_owned(),
            model: "gpt-x".to_owned(),
            route: "review".to_owned(),
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

/// Reviews the last commit with the model, and returns the report.
async fn review(checkout: &Checkout) -> Review {
    let settings = Settings::load(None, &Environment::default()).expect("the defaults are valid");
    let options = Options {
        models: Some(Arc::new(Fussy)),
        ..Options::new(checkout.path(), settings, Environment::process())
    };
    let local = Local::open(options).await.expect("a database can be made there");
    let repo = checkout.path().to_string_lossy().into();
    let inputs = Map::from_iter([("repo".to_owned(), repo), ("fail_on".to_owned(), "high".into())]);
    let (id, _) = local.start(BuiltIn::PR_REVIEW.document, inputs, None).await.expect("it is valid");
    let worker = local.work().expect("nobody else works here");
    let mut watch = local.watch(id);
    let outputs = loop {
        let view = watch.next().await.expect("it exists");
        if view.record.status.is_final() {
            break view.record.outputs.clone();
        }
    };
    worker.stop().await;
    let report = outputs.and_then(|outputs| outputs.get("report").cloned()).expect("it made a report");
    serde_json::from_value(report).expect("it is a review")
}

#[test]
fn the_model_that_was_asked_is_shown_with_its_step_and_its_price() {
    let checkout = Checkout::new();
    checkout.commit("notes.txt", "one\ntwo\n");
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");

    let report = runtime.block_on(review(&checkout));

    let shown = checkout.codeflow(&["execution", "show", "latest"]).ends_with(0);
    let line = shown.stdout.lines().find(|line| line.contains("✓ review")).expect("the step is shown");
    assert!(line.contains("1 finding by openai/gpt-x, $0.012300"), "{shown:#?}");
    let text = report.render(ReportFormat::Text);
    assert!(text.contains("medium    notes.txt:2  llm/second-line\n"), "{text}");
    assert!(text.contains("(the opinion of openai/gpt-x)") && !text.contains("@ada"), "{text}");
}

#[test]
fn sarif_with_an_opinion_in_it_is_what_the_standard_says() {
    let checkout = Checkout::new();
    checkout.commit("notes.txt", "one\ntwo\n");
    let runtime = tokio::runtime::Runtime::new().expect("there are threads");
    let schema = include_str!("../../../../crates/analysis/tests/fixtures/sarif/sarif-schema-2.1.0.json")
        .replace("{2}]?$", "{2}$");
    let schema: Value = serde_json::from_str(&schema).expect("the schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("it is a schema");

    let report = runtime.block_on(review(&checkout));

    let sarif: Value = serde_json::from_str(&report.render(ReportFormat::Sarif)).expect("it is JSON");
    let complaints: Vec<_> = validator.iter_errors(&sarif).map(|error| error.to_string()).collect();
    assert_eq!(complaints, Vec::<String>::new());
    assert_eq!(sarif["runs"][0]["results"][0]["properties"]["model"], "openai/gpt-x");
}
