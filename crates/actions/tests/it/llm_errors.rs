//! A step asks again only what was never done: everything else would be paid for twice.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use codeflow_actions::{Availability, ModelAsk, ModelError, ModelReply, Models};
use codeflow_core::{ActionError, ActionErrorKind, RetryPolicy};
use codeflow_model::{ApiClientError, Details, ErrorKind, Phase, Reach};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::answering::{Answering, catalog, reply};
use crate::support::{call, diff_value, done};

fn failed(kind: ErrorKind, reach: Reach, phase: Phase) -> ActionError {
    let details = Details {
        provider: "openai".to_owned(),
        model: "gpt-x".to_owned(),
        status: Some(503),
        reach,
        phase,
        ..Details::default()
    };
    let error = ApiClientError::new(kind, "the provider quotes: hunter2").about(details);
    ModelError::from(error).into()
}

/// Whether a step that tries again wherever it may would ask again.
fn asks_again(error: &ActionError) -> bool {
    RetryPolicy { attempts: 3, ..RetryPolicy::default() }.next(1, error.kind).is_some()
}

#[test]
fn every_failure_keeps_its_code_and_quotes_nobody() {
    for kind in ErrorKind::ALL {
        let error = failed(kind, Reach::NotSent, Phase::BeforeFirstToken);

        assert_eq!(error.code, kind.code());
        assert!(!error.message.contains("hunter2"), "{error}");
        assert!(error.message.ends_with("(openai/gpt-x, status 503)"), "{error}");
    }
}

#[test]
fn only_what_passes_and_was_not_done_is_asked_again() {
    use ErrorKind::{BadResponse, Overloaded, ProviderConnection, RateLimited, Timeout};
    for kind in ErrorKind::ALL {
        let passes = [BadResponse, Overloaded, ProviderConnection, RateLimited, Timeout].contains(&kind);
        for (reach, untouched) in [(Reach::NotSent, true), (Reach::Refused, true), (Reach::Unknown, false)] {
            let error = failed(kind, reach, Phase::BeforeFirstToken);
            let late = failed(kind, reach, Phase::AfterFirstToken);

            assert_eq!(asks_again(&error), passes && untouched, "{kind:?} {reach:?}: {error:?}");
            assert!(!asks_again(&late), "{kind:?} {reach:?}: {late:?}");
        }
    }
}

#[test]
fn kinds_say_what_a_step_can_do_about_it() {
    let kind = |kind| failed(kind, Reach::NotSent, Phase::BeforeFirstToken).kind;

    assert_eq!(kind(ErrorKind::RateLimited), ActionErrorKind::RateLimited);
    assert_eq!(kind(ErrorKind::Timeout), ActionErrorKind::Timeout);
    assert_eq!(kind(ErrorKind::Overloaded), ActionErrorKind::Unavailable);
    assert_eq!(kind(ErrorKind::ContextTooLong), ActionErrorKind::InvalidInput);
    assert_eq!(kind(ErrorKind::Authentication), ActionErrorKind::Failed);
    assert_eq!(kind(ErrorKind::InvalidPolicy), ActionErrorKind::Denied);
    assert_eq!(kind(ErrorKind::Cancelled), ActionErrorKind::Cancelled);
}

#[tokio::test]
async fn a_budget_that_is_used_up_is_told_as_such_and_not_asked_again() {
    let models =
        Answering::of(vec![Err(ModelError::new(ErrorKind::BudgetExceeded, "the execution has $0.01 left"))]);

    let error = models.run("llm/chat", json!({ "prompt": "Why?" })).await.unwrap_err();

    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::BudgetExceeded, "model.budget_exceeded"));
    assert_eq!(error.message, "the execution has $0.01 left");
    assert!(!asks_again(&error));
}

#[tokio::test]
async fn an_error_for_later_may_be_asked_again_by_the_step() {
    let later = ModelError::new(ErrorKind::RateLimited, "the key may ask again in 3 s").for_later();

    let error =
        Answering::of(vec![Err(later)]).run("llm/chat", json!({ "prompt": "Why?" })).await.unwrap_err();

    assert!(asks_again(&error), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_never_answers_is_given_up_before_the_engine_gives_up_the_step() {
    let models = Answering::of(vec![]);
    let began = tokio::time::Instant::now();

    let error = models.run("llm/chat", json!({ "prompt": "Why?" })).await.unwrap_err();

    assert_eq!((error.kind, error.code.as_str()), (ActionErrorKind::Failed, "model.timeout"));
    assert!(!asks_again(&error), "it may have been paid for");
    let within = models.question().within;
    let limit = Duration::from_secs(60);
    assert!(within < began.elapsed() && began.elapsed() < limit, "{within:?} {:?}", began.elapsed());
}

#[tokio::test]
async fn a_stop_ends_the_call_at_once() {
    let (models, stop) = (Answering::of(vec![]), CancellationToken::new());
    let catalog = catalog(models.clone());

    let ask = catalog.run(call("llm/chat", json!({ "prompt": "Why?" }), vec![]), stop.clone());
    let tell = async {
        while models.asked().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (outcome, ()) = tokio::join!(ask, tell);

    assert_eq!(outcome.unwrap_err().kind, ActionErrorKind::Cancelled);
}

/// Answers, and is told to stop in the same moment.
struct Last(CancellationToken);

#[async_trait]
impl Models for Last {
    async fn complete(&self, _: ModelAsk) -> Result<ModelReply, ModelError> {
        self.0.cancel();
        Ok(reply(r#"{"findings": []}"#))
    }

    fn availability(&self, _: &str) -> Availability {
        Availability::Ready
    }
}

#[tokio::test]
async fn an_answer_that_is_paid_for_is_not_lost_to_a_stop_that_comes_with_it() {
    let diff = diff_value("diff --git a/e b/e\n--- a/e\n+++ b/e\n@@ -1 +1,2 @@\n 1\n+2\n");
    for (uses, inputs) in [
        ("llm/chat", json!({ "prompt": "Why?" })),
        ("llm/extract", json!({ "text": "x", "schema": {} })),
        ("llm/review", json!({ "diff": diff })),
    ] {
        let stop = CancellationToken::new();
        let catalog = catalog(Arc::new(Last(stop.clone())));

        let outputs = done(catalog.run(call(uses, inputs, vec![]), stop).await);

        assert_eq!(outputs["cost"], 12_300, "{uses}");
    }
}
