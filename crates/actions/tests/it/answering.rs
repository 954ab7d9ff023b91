//! Models that answer what a test tells them, and remember what they were asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use codeflow_actions::{
    Availability, Catalog, Dependencies, ModelAsk, ModelError, ModelReply, Models, NoModels,
};
use codeflow_core::{ActionError, ActionOutcome, Usd};
use codeflow_model::{ChatResponse, FinishReason, Message, Part, Role, Usage};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::{Fixed, call};

/// Answers in the order in which it was told to; after that it keeps people waiting for ever.
#[derive(Default)]
pub(crate) struct Answering {
    answers: Mutex<VecDeque<Result<ModelReply, ModelError>>>,
    asked: Mutex<Vec<ModelAsk>>,
}

#[async_trait]
impl Models for Answering {
    async fn complete(&self, ask: ModelAsk) -> Result<ModelReply, ModelError> {
        self.asked.lock().unwrap().push(ask);
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    fn availability(&self, route: &str) -> Availability {
        match route {
            "nobody" => Availability::Missing("nobody serves the route `nobody`".to_owned()),
            _ => Availability::Ready,
        }
    }
}

impl Answering {
    /// Answers with these words.
    pub(crate) fn with(texts: &[&str]) -> Arc<Self> {
        Self::of(texts.iter().map(|text| Ok(reply(text))).collect())
    }

    pub(crate) fn of(answers: Vec<Result<ModelReply, ModelError>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into()), asked: Mutex::default() })
    }

    pub(crate) fn asked(&self) -> Vec<ModelAsk> {
        self.asked.lock().unwrap().clone()
    }

    /// The one question that was asked.
    pub(crate) fn question(&self) -> ModelAsk {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:#?}");
        asked.remove(0)
    }

    /// Runs an action that may ask.
    pub(crate) async fn run(
        self: &Arc<Self>,
        uses: &str,
        inputs: Value,
    ) -> Result<ActionOutcome, ActionError> {
        catalog(self.clone()).run(call(uses, inputs, vec![]), CancellationToken::new()).await
    }
}

/// The built-in actions with these models.
pub(crate) fn catalog(models: Arc<dyn Models>) -> Catalog {
    Catalog::builtin(Dependencies { repository: Arc::new(Fixed::default()), models })
}

/// The built-in actions without models.
pub(crate) fn nobody() -> Catalog {
    catalog(Arc::new(NoModels))
}

pub(crate) fn reply(text: &str) -> ModelReply {
    let usage = Usage { input: Some(900), output: Some(40), ..Usage::default() };
    ModelReply {
        response: ChatResponse {
            id: "r1".to_owned(),
            model: "gpt-x".to_owned(),
            parts: vec![Part::Text(text.to_owned())],
            finish: FinishReason::Stop,
            usage,
        },
        provider: "openai".to_owned(),
        model: "gpt-x".to_owned(),
        route: "review".to_owned(),
        usage,
        cost: Some(Usd::from_micros(12_300)),
        estimated: false,
        attempts: 2,
        cached: false,
    }
}

/// The same reply, ended for another reason.
pub(crate) fn ended(text: &str, finish: FinishReason) -> ModelReply {
    let mut reply = reply(text);
    reply.response.finish = finish;
    reply
}

/// The text of one message of a question, by who says it.
pub(crate) fn said(ask: &ModelAsk, role: Role) -> String {
    let of_role = |message: &&Message| message.role == role;
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        other => panic!("{other:?}"),
    };
    let texts: Vec<String> =
        ask.request.messages.iter().filter(of_role).flat_map(|message| &message.parts).map(text).collect();
    texts.join("\n---\n")
}

/// What stands inside the fence of a question, and the marker of the fence.
pub(crate) fn fenced(ask: &ModelAsk) -> (String, String) {
    let block = said(ask, Role::User);
    // The fence that is told in the rules is closed by the last line.
    let marker =
        block.lines().last().unwrap().strip_prefix("END ").expect("nothing follows the fence").to_owned();
    let open = format!("BEGIN {marker}\n");
    let start = block.find(&open).expect("the fence is opened") + open.len();
    let end = block.rfind(&format!("\nEND {marker}")).unwrap();
    (block[start..end].to_owned(), marker)
}
