//! A provider that plays what it is told to, a process that is well, and storage that may be away.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use codeflow_api::Vitals;
use codeflow_gateway::{CallLimits, ModelSource, Seen, StoreError, Unlimited, UsageRow, UsageStore};
use codeflow_model::{
    Answer, ApiClientError, Ask, Capabilities, ChatModel, ChatResponse, Description, EmbedResponse,
    FinishReason, Part, RawPiece, RawReply, StreamEvent, Tap, Usage, WireFormat,
};
use codeflow_testkit::MemoryAccounts;
use futures_core::Stream;
use futures_util::StreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

/// What the provider does when it is asked.
pub(crate) enum Play {
    /// It says this, whole, as a value.
    Text(&'static str),
    /// It streams, as values, and then waits forever if it is told to.
    Events(Vec<Result<StreamEvent, ApiClientError>>, bool),
    /// It answers in its own format.
    Raw(&'static str),
    /// It streams in its own format, and then waits forever if it is told to.
    Pieces(Vec<Result<RawPiece, ApiClientError>>, bool),
    /// It gives a vector.
    Vector(Vec<f32>),
    /// It fails.
    Fail(ApiClientError),
    /// It never answers.
    Hang,
    /// It breaks a promise.
    Panic,
}

/// What it was asked.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Chat,
    Raw(codeflow_model::RawRequest),
    Embed(codeflow_model::EmbedRequest),
}

/// A provider that plays what it is told to, in order.
pub(crate) struct Provider {
    passes: Option<WireFormat>,
    plays: Mutex<VecDeque<Play>>,
    asked: Mutex<Vec<Asked>>,
    /// Told of each call that was dropped before its answer.
    pub(crate) dropped: Arc<tokio::sync::Semaphore>,
}

struct Waiting(Arc<tokio::sync::Semaphore>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.add_permits(1);
    }
}

fn usage() -> Usage {
    Usage { input: Some(30), output: Some(7), ..Usage::default() }
}

impl Provider {
    pub(crate) fn new(passes: Option<WireFormat>) -> Self {
        let dropped = Arc::new(tokio::sync::Semaphore::new(0));
        Self { passes, plays: Mutex::default(), asked: Mutex::default(), dropped }
    }

    pub(crate) fn plays(&self, plays: impl IntoIterator<Item = Play>) {
        self.plays.lock().expect("nobody panicked").extend(plays);
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("nobody panicked").clone()
    }

    fn items<T: Send + 'static>(
        &self,
        items: Vec<Result<T, ApiClientError>>,
        waits: bool,
    ) -> Pin<Box<dyn Stream<Item = Result<T, ApiClientError>> + Send>> {
        let items = futures_util::stream::iter(items);
        let waiting = Waiting(Arc::clone(&self.dropped));
        let wait = futures_util::stream::once(async move {
            let _waiting = waiting;
            std::future::pending().await
        });
        if waits { items.chain(wait).boxed() } else { items.boxed() }
    }
}

#[async_trait]
impl ChatModel for Provider {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        self.asked.lock().expect("nobody panicked").push(match ask {
            Ask::Complete(_) | Ask::Stream(_) => Asked::Chat,
            Ask::Forward(request) => Asked::Raw(request.clone()),
            Ask::Embed(request) => Asked::Embed(request.clone()),
        });
        let play = self.plays.lock().expect("nobody panicked").pop_front();
        Ok(match play.expect("the script says what the provider answers") {
            Play::Text(text) => Answer::Complete(ChatResponse {
                id: String::new(),
                model: "one".into(),
                parts: vec![Part::Text(text.into())],
                finish: FinishReason::Stop,
                usage: usage(),
            }),
            Play::Events(events, waits) => Answer::Stream(self.items(events, waits)),
            Play::Raw(body) => {
                let tap = Tap { usage: Some(usage()), said: 1, finished: true };
                Answer::Forward(RawReply::Whole { body: Bytes::from_static(body.as_bytes()), tap })
            }
            Play::Pieces(pieces, waits) => Answer::Forward(RawReply::Stream(self.items(pieces, waits))),
            Play::Vector(vector) => {
                Answer::Embed(EmbedResponse { model: "one".into(), vectors: vec![vector], usage: usage() })
            }
            Play::Fail(error) => return Err(error),
            Play::Hang => {
                let _waiting = Waiting(Arc::clone(&self.dropped));
                std::future::pending().await
            }
            Play::Panic => unreachable!("a test wants to see what becomes of this"),
        })
    }

    fn describe(&self) -> Description {
        let capabilities = Capabilities {
            streaming: true,
            tools: true,
            parallel_tools: true,
            images: true,
            json_object: true,
            json_schema: true,
            thinking: true,
            seed: true,
            embeddings: true,
        };
        Description { provider: "alpha".into(), capabilities, passes: self.passes }
    }
}

/// The one provider, `alpha`; and `omega`, so that names that nobody knows do not pass.
pub(super) struct Source(pub(super) Arc<Provider>);

impl ModelSource for Source {
    fn providers(&self) -> Vec<Arc<str>> {
        vec!["alpha".into(), "omega".into()]
    }

    fn open(&self, _provider: &str, _model: &str) -> Option<Arc<dyn ChatModel>> {
        Some(Arc::clone(&self.0) as _)
    }

    fn missing(&self, _provider: &str) -> Option<String> {
        None
    }

    fn seen(&self, _provider: &str, _model: &str) -> Seen {
        Seen { available: true, latency: None }
    }
}

pub(crate) fn unlimited() -> Arc<dyn CallLimits> {
    Arc::new(Unlimited)
}

/// A process that is well until it drains.
#[derive(Default)]
pub(crate) struct Health {
    pub(crate) draining: AtomicBool,
    pub(crate) panics: AtomicUsize,
    /// The codes that it was told of.
    pub(crate) failed: Mutex<Vec<&'static str>>,
}

impl Vitals for Health {
    fn ready(&self) -> Result<(), &'static str> {
        if self.draining.load(Ordering::SeqCst) { Err("draining") } else { Ok(()) }
    }

    fn metrics(&self) -> String {
        "codeflow_calls 3\n".to_owned()
    }

    fn providers(&self) -> Value {
        json!({ "models": [] })
    }

    fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::SeqCst);
    }

    fn failed(&self, code: &'static str) {
        self.failed.lock().expect("nobody panicked").push(code);
    }
}

/// Accounts in memory that may be away.
pub(crate) struct Storage {
    memory: MemoryAccounts,
    pub(crate) is_away: AtomicBool,
}

impl Storage {
    pub(super) fn new(memory: MemoryAccounts) -> Self {
        Self { memory, is_away: AtomicBool::new(false) }
    }
}

#[async_trait]
impl UsageStore for Storage {
    async fn list(
        &self,
        tenant: Option<&str>,
        before: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<UsageRow>, StoreError> {
        if self.is_away.load(Ordering::SeqCst) {
            return Err(StoreError::new("storage is away", "SECRET"));
        }
        self.memory.list(tenant, before, limit).await
    }
}
