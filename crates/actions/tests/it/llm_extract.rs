//! `llm/extract` gives a document that matches the schema, or fails and says where it does not.

use codeflow_core::ActionErrorKind;
use codeflow_model::{FinishReason, ResponseFormat, Role};
use serde_json::{Value, json};

use crate::answering::{Answering, ended, fenced, reply, said};
use crate::support::done;

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": { "name": { "type": "string" }, "count": { "type": "integer", "minimum": 1 } },
        "required": ["name", "count"],
        "additionalProperties": false,
    })
}

fn inputs() -> Value {
    json!({ "text": "Three apples.", "schema": schema(), "instructions": "Which fruit?" })
}

const GOOD: &str = r#"{"name": "apple", "count": 3}"#;

#[tokio::test]
async fn the_document_is_asked_for_in_the_form_of_the_schema_and_given_as_data() {
    let models = Answering::with(&[GOOD]);

    let outputs = done(models.run("llm/extract", inputs()).await);

    assert_eq!(outputs["data"], json!({ "name": "apple", "count": 3 }));
    assert_eq!((&outputs["calls"], &outputs["cost"]), (&json!(1), &json!(12_300)));
    let ask = models.question();
    assert_eq!(fenced(&ask).0, "Three apples.");
    assert!(said(&ask, Role::System).contains("Which fruit?"));
    let Some(ResponseFormat::JsonSchema { schema: asked, .. }) = &ask.request.response_format else {
        panic!("{:?}", ask.request.response_format)
    };
    assert_eq!(*asked, schema());
}

#[tokio::test]
async fn a_document_is_found_behind_words_and_in_a_fence() {
    for answer in [
        format!("  {GOOD}\n"),
        format!("```json\n{GOOD}\n```"),
        format!("Here you are:\n\n```\n{GOOD}\n```\nIs that fine?"),
        format!("The answer is {GOOD}. Anything else?"),
    ] {
        let outputs = done(Answering::with(&[&answer]).run("llm/extract", inputs()).await);

        assert_eq!(outputs["data"]["count"], 3, "{answer}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_match_fails_once_and_tells_where_without_quoting_it() {
    for (answer, says) in [
        (r#"{"name": "hunter2"}"#, "`required` at `/`"),
        (r#"{"name": 7, "count": 3}"#, "`type` at `/name`"),
        (r#"{"name": "hunter2", "count": 0}"#, "`minimum` at `/count`"),
        (r#"{"name": "a", "count": 3, "hunter2": 1}"#, "`additionalProperties` at `/`"),
        ("hunter2", "is not JSON"),
        ("", "is not JSON"),
    ] {
        let models = Answering::with(&[answer, GOOD]);

        let error = models.run("llm/extract", inputs()).await.unwrap_err();

        assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::Failed, "action.bad_answer"));
        assert!(error.message.contains(says) && !error.message.contains("hunter2"), "{error}");
        assert_eq!(error.outputs.unwrap()["cost"], 12_300, "what was paid is told all the same");
        assert_eq!(models.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_repair_is_one_more_call_that_is_told_what_was_wrong_and_both_are_paid_for() {
    let models = Answering::with(&[r#"{"name": "apple", "count": 0}"#, GOOD]);
    let mut inputs = inputs();
    inputs["repair"] = true.into();

    let outputs = done(models.run("llm/extract", inputs).await);

    assert_eq!((&outputs["calls"], &outputs["cost"]), (&json!(2), &json!(24_600)));
    assert_eq!((&outputs["usage"]["input"], &outputs["attempts"]), (&json!(1800), &json!(4)));
    let asked = models.asked();
    assert_eq!((asked[0].call, asked[1].call), (1, 2));
    assert!(said(&asked[1], Role::User).contains("That does not do: at /count: "), "{:#?}", asked[1]);
    assert!(said(&asked[1], Role::Assistant).contains(r#""count": 0"#));
}

#[tokio::test]
async fn a_repair_is_tried_once() {
    let models = Answering::with(&["", "no", GOOD]);
    let mut inputs = inputs();
    inputs["repair"] = true.into();

    let error = models.run("llm/extract", inputs).await.unwrap_err();

    assert_eq!(error.code, "action.bad_answer");
    assert_eq!(models.asked().len(), 2);
    assert_eq!(error.outputs.unwrap()["cost"], 24_600);
}

#[tokio::test]
async fn a_cost_that_one_call_does_not_know_is_unknown_for_both() {
    let mut unpriced = reply("no");
    unpriced.cost = None;
    let models = Answering::of(vec![Ok(unpriced), Ok(reply(GOOD))]);
    let mut inputs = inputs();
    inputs["repair"] = true.into();

    let outputs = done(models.run("llm/extract", inputs).await);

    assert_eq!(outputs["cost"], Value::Null);
}

#[tokio::test]
async fn an_answer_that_was_cut_or_refused_is_not_repaired() {
    for (finish, code) in
        [(FinishReason::Length, "action.bad_answer"), (FinishReason::ContentFilter, "model.content_filtered")]
    {
        let models = Answering::of(vec![Ok(ended(GOOD, finish)), Ok(reply(GOOD))]);
        let mut inputs = inputs();
        inputs["repair"] = true.into();

        let error = models.run("llm/extract", inputs).await.unwrap_err();

        assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::Failed, code));
        assert_eq!(models.asked().len(), 1);
    }
}

#[tokio::test]
async fn values_lose_secrets_and_mentions_before_they_are_held_to_the_schema() {
    let key = format!("{}{}", "AKIA", "Q3EGRZ7WNX5VTJ2K");
    let schema = json!({ "type": "object", "additionalProperties": { "type": "array" } });
    let answer =
        json!({ "list": [format!("id = {key}"), "ask @octocat", "https://a.example", 7, null, "a@b.c"] });

    let models = Answering::with(&[&answer.to_string()]);
    let outputs = done(models.run("llm/extract", json!({ "data": [1], "schema": schema })).await);

    let list = &outputs["data"]["list"];
    assert!(!list.to_string().contains(&key) && !list.to_string().contains("@octocat"), "{list}");
    assert_eq!((&list[2], &list[3], &list[5]), (&json!("https://a.example"), &json!(7), &json!("a@b.c")));

    let handle = json!({ "type": "string", "pattern": "^@[a-z]+$" });
    let models = Answering::with(&["\"@octocat\""]);
    let error = models.run("llm/extract", json!({ "data": 1, "schema": handle })).await.unwrap_err();
    assert!(error.message.contains("`pattern` at `/`"), "{error}");
}

#[tokio::test]
async fn a_schema_that_is_none_or_that_looks_outside_is_refused_before_anybody_is_asked() {
    for (schema, says) in [
        (json!({ "type": "nonsense" }), "not usable"),
        (json!({ "$ref": "https://example.com/schema.json" }), "not usable"),
        (json!({ "$ref": "file:///etc/passwd" }), "not usable"),
        (json!({ "pattern": "(a" }), "not usable"),
        (json!({ "description": "x".repeat(70 << 10) }), "larger than 64 KiB"),
    ] {
        let models = Answering::with(&[GOOD]);

        let error = models.run("llm/extract", json!({ "text": "x", "schema": schema })).await.unwrap_err();

        assert_eq!(error.kind, ActionErrorKind::InvalidInput);
        assert!(error.message.contains(says), "{error}");
        assert!(models.asked().is_empty());
    }
}

#[tokio::test]
async fn there_is_one_thing_to_read() {
    for inputs in [json!({ "schema": {} }), json!({ "schema": {}, "text": "x", "data": 1 })] {
        let error = Answering::with(&[GOOD]).run("llm/extract", inputs).await.unwrap_err();

        assert_eq!(error.kind, ActionErrorKind::InvalidInput, "{error}");
    }
}
