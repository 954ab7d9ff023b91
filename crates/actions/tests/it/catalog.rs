//! The catalog finds actions, holds them to what they declare, and bounds what they give.

use std::sync::Arc;

use async_trait::async_trait;
use codeflow_actions::{Action, Catalog, MAX_OUTPUT_BYTES};
use codeflow_core::{
    ActionCall, ActionCatalog, ActionError, ActionErrorKind, ActionOutcome, ActionSpec, InputSpec, ValueType,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{builtin, call, run};

/// An action that gives whatever it was made with.
struct Giving {
    spec: ActionSpec,
    outcome: Result<Value, ActionError>,
}

impl Giving {
    fn new(outcome: Result<Value, ActionError>) -> Arc<Self> {
        let input = |value_type, required| InputSpec { value_type, required, summary: "" };
        let spec = ActionSpec {
            name: "test/giving".parse().unwrap(),
            summary: "",
            inputs: [
                ("count", input(ValueType::Integer, true)),
                ("label", input(ValueType::String, false)),
                ("any", input(ValueType::Any, false)),
            ]
            .into(),
            outputs: [("text", ValueType::String)].into(),
            permissions: vec![],
            trusted: false,
        };
        Arc::new(Self { spec, outcome })
    }
}

#[async_trait]
impl Action for Giving {
    fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    async fn run(&self, _: ActionCall, _: CancellationToken) -> Result<ActionOutcome, ActionError> {
        self.outcome.clone().map(ActionOutcome::Done)
    }
}

async fn give(outcome: Result<Value, ActionError>, inputs: Value) -> Result<ActionOutcome, ActionError> {
    let mut catalog = Catalog::new();
    catalog.register(Giving::new(outcome));
    catalog.run(call("test/giving", inputs, vec![]), CancellationToken::new()).await
}

#[tokio::test]
async fn every_built_in_action_is_found_by_its_name() {
    let catalog = builtin();

    let names: Vec<String> = catalog.names().iter().map(ToString::to_string).collect();

    assert_eq!(
        names,
        [
            "core/policy",
            "core/report",
            "core/risk-score",
            "core/secrets",
            "git/diff",
            "llm/chat",
            "llm/extract",
            "llm/review"
        ]
    );
    for name in catalog.names() {
        assert_eq!(catalog.find(&name).unwrap().name, name);
    }
    assert!(catalog.find(&"core/nothing".parse().unwrap()).is_none());
}

#[tokio::test]
async fn an_unknown_action_is_an_invalid_input() {
    let error = run("core/nothing", json!({}), vec![]).await.unwrap_err();

    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::InvalidInput, "action.unknown"));
}

#[tokio::test]
async fn wrong_inputs_are_all_named_at_once() {
    let inputs = json!({ "label": 7, "colour": "red" });

    let error = give(Ok(json!({ "text": "" })), inputs).await.unwrap_err();

    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::InvalidInput, "action.invalid_input"));
    assert_eq!(
        error.message,
        "input `count` is missing; input `label` is integer, and must be string; \
         input `colour` is unknown; `test/giving` takes any, count, label"
    );
}

#[tokio::test]
async fn each_type_is_told_by_its_name() {
    for (value, name) in [
        (json!(1.5), "number"),
        (json!(true), "boolean"),
        (json!([]), "list"),
        (json!({}), "object"),
        (Value::Null, "null"),
    ] {
        let error = give(Ok(json!({ "text": "" })), json!({ "count": value })).await.unwrap_err();

        assert_eq!(error.message, format!("input `count` is {name}, and must be integer"));
    }
}

#[tokio::test]
async fn an_optional_input_may_be_null() {
    let inputs = json!({ "count": 1, "label": null, "any": null });

    assert!(give(Ok(json!({ "text": "fine" })), inputs).await.is_ok());
}

#[tokio::test]
async fn outputs_that_break_the_declaration_are_not_used() {
    let wrong = [
        (json!("text"), "its outputs are not an object"),
        (json!({}), "output `text` is missing"),
        (json!({ "text": 1 }), "output `text` is integer, and must be string"),
        (json!({ "text": "", "more": 1 }), "output `more` is not declared"),
    ];
    for (outputs, why) in wrong {
        let error = give(Ok(outputs), json!({ "count": 1 })).await.unwrap_err();

        assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::Internal, "action.bad_output"));
        assert_eq!(error.message, format!("`test/giving` broke its own contract: {why}"));
    }
}

#[tokio::test]
async fn outputs_are_bounded_in_success_and_in_failure() {
    let large = json!({ "text": "x".repeat(MAX_OUTPUT_BYTES) });
    let fits = json!({ "text": "x".repeat(MAX_OUTPUT_BYTES - r#"{"text":""}"#.len()) });
    let denied = ActionError::new(ActionErrorKind::Denied, "no").with_outputs(large.clone());

    let success = give(Ok(large), json!({ "count": 1 })).await.unwrap_err();
    let failure = give(Err(denied), json!({ "count": 1 })).await.unwrap_err();

    assert_eq!(success.code, "action.output_too_large");
    assert_eq!((failure.code.as_str(), failure.outputs), ("action.output_too_large", None));
    assert!(give(Ok(fits), json!({ "count": 1 })).await.is_ok());
}

#[tokio::test]
async fn a_failure_keeps_its_outputs() {
    let denied = ActionError::new(ActionErrorKind::Denied, "no").with_outputs(json!({ "verdict": "fail" }));

    let error = give(Err(denied.clone()), json!({ "count": 1 })).await.unwrap_err();

    assert_eq!(error, denied);
}

#[tokio::test]
async fn a_stop_that_came_before_runs_nothing() {
    let stop = CancellationToken::new();
    stop.cancel();

    let error = builtin().run(call("core/report", json!({}), vec![]), stop).await.unwrap_err();

    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::Cancelled, "action.cancelled"));
}

#[tokio::test]
async fn a_registered_action_takes_the_place_of_one_with_its_name() {
    let mut catalog = Catalog::new();

    let first = catalog.register(Giving::new(Ok(json!({ "text": "first" }))));
    let second = catalog.register(Giving::new(Ok(json!({ "text": "second" }))));

    assert!(first.is_none() && second.is_some());
    let outcome =
        catalog.run(call("test/giving", json!({ "count": 1 }), vec![]), CancellationToken::new()).await;
    assert_eq!(outcome, Ok(ActionOutcome::Done(json!({ "text": "second" }))));
}
