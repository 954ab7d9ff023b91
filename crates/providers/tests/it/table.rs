//! Every misbehaviour, in every dialect, asked in every way: what the caller is told, and what the provider saw.

mod rows;

use std::sync::Arc;
use std::time::Duration;

use codeflow_model::{ApiClientError, ChatModel, ErrorKind, Phase};
use codeflow_providers::{Anthropic, Bedrock, Cohere, Compatibility, Dialect, Gemini, Ollama, OpenAi};
use codeflow_testkit::providers::{Format, Misbehaviour, Moment, ProviderServer, Reply, UsagePlace};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::world::{Ask, Done, Way, ask};
use rows::Outcome;

/// How long anything may take that should happen at once.
const SOON: Duration = Duration::from_secs(10);

/// How long the provider may take to see that its client is gone.
const PROMPTLY: Duration = Duration::from_secs(1);

macro_rules! table {
    ($name:ident, $format:expr, $base:literal, $dialect:expr) => {
        #[tokio::test]
        async fn $name() {
            hold($format, $base, || $dialect).await;
        }
    };
}

table!(openai_is_held_to_every_misbehaviour, Format::OpenAi, "/v1", openai());
table!(anthropic_is_held_to_every_misbehaviour, Format::Anthropic, "", Anthropic::new("provider"));
table!(gemini_is_held_to_every_misbehaviour, Format::Gemini, "", Gemini::new("provider"));
table!(bedrock_is_held_to_every_misbehaviour, Format::Bedrock, "", Bedrock::new("provider", "eu-west-1"));
table!(ollama_is_held_to_every_misbehaviour, Format::Ollama, "", Ollama::new("provider"));
table!(cohere_is_held_to_every_misbehaviour, Format::Cohere, "", Cohere::new("provider"));

fn openai() -> OpenAi {
    OpenAi::new("provider", Compatibility::default())
}

#[test]
fn every_misbehaviour_has_a_row() {
    for trouble in Misbehaviour::ALL {
        let rows = rows::ROWS.iter().filter(|row| row.0 == *trouble).count();
        assert_eq!(rows, 1, "{trouble}");
    }
    assert!(rows::ROWS.len() >= 60);
}

/// Holds a dialect to all rows, and tells of all that do not hold.
async fn hold<D: Dialect>(format: Format, base: &str, dialect: impl Fn() -> D) {
    let way = Way::out();
    let mut wrong = Vec::new();
    for (trouble, _, _) in rows::ROWS {
        for asked in Ask::ALL {
            let server = ProviderServer::start().await.expect("starts");
            let model = way.to(&server, base, dialect());
            if asked.is_forwarded() && model.describe().passes.is_none() {
                continue;
            }
            server.always(*trouble);
            let expected = rows::expected(format, *trouble, asked.is_streamed());
            let row = Row { server: &server, trouble: *trouble, asked, expected };
            if let Err(what) = row.check(&model, &Arc::new(dialect())).await {
                wrong.push(format!("{trouble} {asked:?}: {what}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows do not hold:\n{}", wrong.len(), wrong.join("\n"));
}

struct Row<'a> {
    server: &'a ProviderServer,
    trouble: Misbehaviour,
    asked: Ask,
    expected: Outcome,
}

impl Row<'_> {
    async fn check<D: Dialect>(
        &self,
        model: &codeflow_providers::HttpModel<D>,
        dialect: &Arc<D>,
    ) -> Result<(), String> {
        let said = watch::Sender::new(false);
        let seen = tokio::select! {
            ended = timeout(SOON, ask(model, dialect, self.asked, &said)) => match ended {
                Ok(Ok(done)) => self.complete(&done)?,
                Ok(Err(error)) => self.failure(&error, *said.borrow())?,
                Err(_) => return Err("never came to an end".to_owned()),
            },
            phase = self.waits(&said) => Outcome::Waits(phase),
        };
        if seen != self.expected {
            return Err(format!("{seen:?} instead of {:?}", self.expected));
        }
        self.provider().await
    }

    /// Comes to an end only when waiting is what is expected, and the provider sends no more.
    async fn waits(&self, said: &watch::Sender<bool>) -> Phase {
        let Outcome::Waits(phase) = self.expected else { return std::future::pending().await };
        self.server.wait_until(|counters| counters.stalled == 1).await;
        if phase == Phase::AfterFirstToken
            && timeout(SOON, said.subscribe().wait_for(|said| *said)).await.is_ok()
        {
            return Phase::AfterFirstToken;
        }
        Phase::BeforeFirstToken
    }

    fn complete(&self, done: &Done) -> Result<Outcome, String> {
        if done.text != Reply::TEXT {
            return Err(format!("said {:?}", done.text));
        }
        let may_be_unknown = matches!(
            self.trouble,
            Misbehaviour::Usage(UsagePlace::Nowhere) | Misbehaviour::Stops { at: Moment::BeforeClosing, .. }
        );
        let used = (done.usage.input, done.usage.output);
        let is_unknown = self.asked.is_streamed() && may_be_unknown;
        if used != (Some(20), Some(9)) && !is_unknown {
            return Err(format!("used {:?}", done.usage));
        }
        Ok(Outcome::Complete)
    }

    fn failure(&self, error: &ApiClientError, said: bool) -> Result<Outcome, String> {
        let details = error.details();
        if (&details.provider[..], &details.model[..]) != ("provider", "a-model") {
            return Err(format!("does not say who failed: {details:?}"));
        }
        if said != (details.phase == Phase::AfterFirstToken) {
            return Err(format!("words were seen: {said}, but {details:?}"));
        }
        if (error.may_retry(), error.may_fall_back()) != hopes(error.kind(), details.phase) {
            return Err(format!(
                "may retry: {}, may fall back: {}",
                error.may_retry(),
                error.may_fall_back()
            ));
        }
        if details.retry_after != rows::retry_after(self.trouble) {
            return Err(format!("is to be left alone for {:?}", details.retry_after));
        }
        Ok(Outcome::Fails(error.kind(), details.phase, details.reach))
    }

    /// What the provider saw: one request over one connection, which is free or closed now.
    async fn provider(&self) -> Result<(), String> {
        let over = self.server.wait_within(PROMPTLY, |counters| counters.open_requests == 0).await;
        let counters = over.map_err(|counters| format!("the request goes on: {counters:?}"))?;
        if (counters.requests, counters.connections) != (1, 1) {
            return Err(format!("the provider saw {counters:?}"));
        }
        let waited = matches!(self.expected, Outcome::Waits(_));
        if waited && counters.hung_up != 1 {
            return Err(format!("nobody hung up: {counters:?}"));
        }
        Ok(())
    }
}

/// Whether the same model, and another one, may succeed.
fn hopes(kind: ErrorKind, phase: Phase) -> (bool, bool) {
    if phase == Phase::AfterFirstToken {
        return (false, false);
    }
    match kind {
        ErrorKind::ProviderConnection
        | ErrorKind::Timeout
        | ErrorKind::RateLimited
        | ErrorKind::Overloaded
        | ErrorKind::BadResponse => (true, true),
        ErrorKind::Authentication
        | ErrorKind::PermissionDenied
        | ErrorKind::ContextTooLong
        | ErrorKind::ModelNotAvailable => (false, true),
        ErrorKind::InvalidRequest
        | ErrorKind::ContentFiltered
        | ErrorKind::InvalidPolicy
        | ErrorKind::BudgetExceeded
        | ErrorKind::Cancelled
        | ErrorKind::Internal => (false, false),
    }
}
