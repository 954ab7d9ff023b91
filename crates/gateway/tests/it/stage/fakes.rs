//! Providers that play what they are told to, and listeners that note what they hear.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_gateway::{CallLimits, Caller, GatewayObserver, Limited, ModelSource, Seen, UsageRow};
use codeflow_model::{
    Answer, ApiClientError, Ask, Capabilities, ChatModel, ChatRequest, Description, ErrorKind, WireFormat,
};

use super::Play;

/// What a provider was asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    Complete(ChatRequest),
    Stream(ChatRequest),
    Forward(String),
    Embed(String),
}

impl Heard {
    pub(crate) fn model(&self) -> &str {
        match self {
            Self::Complete(request) | Self::Stream(request) => &request.model,
            Self::Forward(model) | Self::Embed(model) => model,
        }
    }
}

/// A provider that plays what it is told to, in order.
pub(crate) struct Provider {
    name: String,
    pub(crate) can: Mutex<Capabilities>,
    pub(crate) passes: Mutex<Option<WireFormat>>,
    plays: Mutex<VecDeque<Play>>,
    heard: Mutex<Vec<Heard>>,
}

impl Provider {
    pub(crate) fn plays(&self, plays: impl IntoIterator<Item = Play>) {
        self.plays.lock().unwrap().extend(plays);
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }
}

#[async_trait]
impl ChatModel for Provider {
    async fn call(&self, ask: Ask<'_>) -> Result<Answer, ApiClientError> {
        self.heard.lock().unwrap().push(match ask {
            Ask::Complete(request) => Heard::Complete(request.clone()),
            Ask::Stream(request) => Heard::Stream(request.clone()),
            Ask::Forward(request) => Heard::Forward(request.model.clone()),
            Ask::Embed(request) => Heard::Embed(request.model.clone()),
        });
        let play = self.plays.lock().unwrap().pop_front();
        play.expect("the script says what a provider answers").answer(&ask).await
    }

    fn describe(&self) -> Description {
        Description {
            provider: self.name.clone(),
            capabilities: *self.can.lock().unwrap(),
            passes: *self.passes.lock().unwrap(),
        }
    }
}

/// Providers by name.
pub(crate) struct Source {
    providers: Vec<(Arc<str>, Arc<Provider>)>,
    missing: HashMap<String, String>,
    pub(crate) seen: Mutex<HashMap<String, Seen>>,
}

impl Source {
    pub(crate) fn new(names: &[&str]) -> Self {
        let all = Capabilities {
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
        let provider = |name: &&str| {
            let provider = Provider {
                name: (*name).to_owned(),
                can: Mutex::new(all),
                passes: Mutex::new(None),
                plays: Mutex::default(),
                heard: Mutex::default(),
            };
            (Arc::from(*name), Arc::new(provider))
        };
        let missing = HashMap::from([("gamma".to_owned(), "set `GAMMA_KEY`".to_owned())]);
        Self { providers: names.iter().map(provider).collect(), missing, seen: Mutex::default() }
    }

    pub(crate) fn provider(&self, name: &str) -> Arc<Provider> {
        self.providers.iter().find(|(own, _)| **own == *name).map(|(_, it)| Arc::clone(it)).unwrap()
    }

    /// Lets a provider take requests in the format of OpenAI as they are.
    pub(crate) fn forwards(&self, name: &str) {
        *self.provider(name).passes.lock().unwrap() = Some(WireFormat::ChatCompletions);
    }

    /// How a model fares from now on.
    pub(crate) fn fares(&self, key: &str, available: bool, latency_ms: Option<u64>) {
        let latency = latency_ms.map(Duration::from_millis);
        self.seen.lock().unwrap().insert(key.to_owned(), Seen { available, latency });
    }
}

impl ModelSource for Source {
    fn providers(&self) -> Vec<Arc<str>> {
        self.providers.iter().map(|(name, _)| Arc::clone(name)).collect()
    }

    fn open(&self, provider: &str, _model: &str) -> Option<Arc<dyn ChatModel>> {
        let found = self.providers.iter().find(|(name, _)| **name == *provider);
        found.map(|(_, provider)| Arc::clone(provider) as Arc<dyn ChatModel>)
    }

    fn missing(&self, provider: &str) -> Option<String> {
        self.missing.get(provider).cloned()
    }

    fn seen(&self, provider: &str, model: &str) -> Seen {
        let seen = self.seen.lock().unwrap().get(&format!("{provider}/{model}")).copied();
        seen.unwrap_or(Seen { available: true, latency: None })
    }
}

/// Limits that note what they are told, and refuse when they have a refusal.
#[derive(Default)]
pub(crate) struct Counter {
    pub(crate) refusal: Mutex<Option<Limited>>,
    pub(crate) is_shared: std::sync::atomic::AtomicBool,
    admitted: Mutex<Vec<u64>>,
    settled: Mutex<Vec<(u64, u64)>>,
}

impl Counter {
    /// The tokens of each call that was let in.
    pub(crate) fn admitted(&self) -> Vec<u64> {
        self.admitted.lock().unwrap().clone()
    }

    /// What each was thought to use, and what it used.
    pub(crate) fn settled(&self) -> Vec<(u64, u64)> {
        self.settled.lock().unwrap().clone()
    }
}

impl CallLimits for Counter {
    fn admit(&self, _caller: &Caller, _model: &str, tokens: u64) -> Result<(), Limited> {
        if let Some(refusal) = self.refusal.lock().unwrap().clone() {
            return Err(refusal);
        }
        self.admitted.lock().unwrap().push(tokens);
        Ok(())
    }

    fn admit_together<'a>(
        &'a self,
        caller: &'a Caller,
        model: &'a str,
        tokens: u64,
    ) -> Option<futures_util::future::BoxFuture<'a, Result<(), Limited>>> {
        let is_shared = self.is_shared.load(std::sync::atomic::Ordering::Relaxed);
        let asking = async move {
            tokio::task::yield_now().await;
            self.admit(caller, model, tokens)
        };
        is_shared.then(|| Box::pin(asking) as _)
    }

    fn settle(&self, _caller: &Caller, _model: &str, estimated: u64, used: u64) {
        self.settled.lock().unwrap().push((estimated, used));
    }
}

/// Notes what it is told, in words.
#[derive(Default)]
pub(crate) struct Notes {
    lines: Mutex<Vec<String>>,
}

impl Notes {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn finished(&self) -> usize {
        self.lines().iter().filter(|line| line.starts_with("finished")).count()
    }

    fn note(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }
}

impl GatewayObserver for Notes {
    fn repeated(&self, provider: &str, model: &str, error: &ApiClientError) {
        self.note(format!("repeated {provider}/{model} {:?}", error.kind()));
    }

    fn fell_back(&self, provider: &str, model: &str, error: &ApiClientError) {
        self.note(format!("fell back {provider}/{model} {:?}", error.kind()));
    }

    fn refused(&self, kind: ErrorKind) {
        self.note(format!("refused {kind:?}"));
    }

    fn finished(&self, _row: &UsageRow, outcome: Result<(), ErrorKind>) {
        self.note(format!("finished {outcome:?}"));
    }

    fn looked_up(&self, hit: bool) {
        self.note(format!("looked up {hit}"));
    }
}
