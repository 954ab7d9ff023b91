//! A gateway over scripted models, limits that are only noted, and accounts in memory.

mod fakes;
mod plays;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use codeflow_core::{Clock, Ids};
use codeflow_gateway::{
    AccountSettings, Accounts, BudgetRule, Call, Caller, Committer, Failed, Gateway, Inbound, Parts, Policy,
    Reply, ResponseCache, RouteRule, Routes, RoutesError, UsageRow, UsageStore,
};
use codeflow_model::{OnRetired, Registry, Repeat};
use codeflow_testkit::{ManualClock, MemoryAccounts, SequentialIds};
use tokio_util::sync::CancellationToken;

pub(crate) use fakes::{Counter, Heard, Notes, Source};
pub(crate) use plays::{
    Play, chat, failure, finished, piece, raw, refused, response, said, text, unknown, usage,
};

/// A token of a prompt costs a micro-dollar with `alpha`, one of an answer two; `beta` takes ten times as much.
const MODELS: &str = r#"{"date": "2026-01-01", "source": "a test", "unit": "usd", "corrections": [], "models": [
    {"provider": "alpha", "id": "one", "aliases": ["one-2026"], "context": 1000, "max_output": 500,
     "prices": {"input": 1, "output": 2, "tiers": {"flex": {"input": 0.5, "output": 1}}},
     "capabilities": ["tools"], "quirks": {"sampling": false, "prefill": false}},
    {"provider": "alpha", "id": "large", "context": 100000, "prices": {"input": 4, "output": 8},
     "capabilities": ["tools", "vision", "json_schema"]},
    {"provider": "alpha", "id": "old", "retired": true, "successor": "one"},
    {"provider": "alpha", "id": "gone", "retired": true},
    {"provider": "alpha", "id": "elsewhere", "kind": "responses"},
    {"provider": "alpha", "id": "unpriced"},
    {"provider": "beta", "id": "one", "context": 1000, "prices": {"input": 10, "output": 20},
     "capabilities": ["tools"]},
    {"provider": "gamma", "id": "three", "prices": {"input": 1, "output": 1}}
]}"#;

pub(crate) fn registry() -> Arc<Registry> {
    Arc::new(Registry::parse(MODELS).unwrap())
}

/// What a test may set before the gateway is there.
pub(crate) struct Setting {
    pub(crate) source: Arc<Source>,
    pub(crate) routes: Vec<RouteRule>,
    pub(crate) on_retired: OnRetired,
    pub(crate) budgets: Vec<BudgetRule>,
    pub(crate) cache: Option<Arc<dyn ResponseCache>>,
    pub(crate) policies: Vec<Arc<dyn Policy>>,
    pub(crate) repeat: Repeat,
    pub(crate) limits: Arc<Counter>,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            source: Arc::new(Source::new(&["alpha", "beta"])),
            routes: vec![route("both", &["alpha/one", "beta/one"])],
            on_retired: OnRetired::Refuse,
            budgets: Vec::new(),
            cache: None,
            policies: Vec::new(),
            repeat: Repeat::NEVER,
            limits: Arc::default(),
        }
    }
}

impl Setting {
    /// One in which a provider takes requests in the format of OpenAI as they are.
    pub(crate) fn forwarding(name: &str) -> Self {
        let setting = Self::default();
        setting.source.forwards(name);
        setting
    }
}

pub(crate) fn route(name: &str, models: &[&str]) -> RouteRule {
    RouteRule {
        name: name.to_owned(),
        models: models.iter().map(|model| (*model).to_owned()).collect(),
        require: codeflow_gateway::Needs::default(),
        weights: None,
    }
}

/// A gateway, and everything that it touches.
pub(crate) struct Stage {
    pub(crate) gateway: Gateway,
    pub(crate) source: Arc<Source>,
    pub(crate) limits: Arc<Counter>,
    pub(crate) notes: Arc<Notes>,
    store: MemoryAccounts,
    committer: Committer,
    calls: AtomicU64,
    has_budgets: bool,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Setting::default())
    }

    pub(crate) fn forwarding(name: &str) -> Self {
        Self::with(Setting::forwarding(name))
    }

    pub(crate) fn with(setting: Setting) -> Self {
        Self::try_with(setting).unwrap()
    }

    pub(crate) fn try_with(setting: Setting) -> Result<Self, RoutesError> {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
        let ids: Arc<dyn Ids> = Arc::new(SequentialIds::new());
        let store = MemoryAccounts::new(Arc::clone(&clock));
        let has_budgets = !setting.budgets.is_empty();
        let (accounts, committer) = Accounts::new(
            setting.budgets,
            Arc::new(store.clone()),
            Arc::clone(&clock),
            Arc::clone(&ids),
            AccountSettings::default(),
        );
        let source: Arc<dyn codeflow_gateway::ModelSource> = Arc::clone(&setting.source) as _;
        let notes = Arc::new(Notes::default());
        let gateway = Gateway::new(Parts {
            routes: Routes::new(setting.routes, registry(), Arc::clone(&source), setting.on_retired)?,
            source,
            accounts,
            limits: Arc::clone(&setting.limits) as _,
            cache: setting.cache,
            policies: setting.policies,
            repeat: setting.repeat,
            observer: Arc::clone(&notes) as _,
            clock,
            ids,
        });
        let (source, limits) = (setting.source, setting.limits);
        let calls = AtomicU64::new(0);
        Ok(Self { gateway, source, limits, notes, store, committer, calls, has_budgets })
    }

    /// The next plays of a provider.
    pub(crate) fn plays(&self, provider: &str, plays: impl IntoIterator<Item = Play>) {
        self.source.provider(provider).plays(plays);
    }

    pub(crate) fn call(&self) -> Call {
        Call {
            caller: Arc::new(Caller {
                tenant: "acme".into(),
                user: Some("ann".into()),
                key: "ci".into(),
                quota: codeflow_gateway::MinuteQuota::default(),
            }),
            request_id: format!("req_{}", self.calls.fetch_add(1, Ordering::Relaxed)).into(),
            step: None,
            deadline: None,
            use_cache: true,
        }
    }

    pub(crate) async fn ask(&mut self, inbound: Inbound) -> Result<Reply, Failed> {
        let call = self.call();
        self.ask_as(call, inbound).await
    }

    pub(crate) async fn ask_within(&mut self, left: Duration, inbound: Inbound) -> Result<Reply, Failed> {
        let deadline = Some(Instant::now() + left);
        let call = Call { deadline, ..self.call() };
        self.ask_as(call, inbound).await
    }

    /// Asks; while there are budgets, accounts are written over and over.
    pub(crate) async fn ask_as(&mut self, call: Call, inbound: Inbound) -> Result<Reply, Failed> {
        let gateway = self.gateway.clone();
        if !self.has_budgets && call.step.is_none() {
            return gateway.ask(call, inbound).await;
        }
        let asking = gateway.ask(call, inbound);
        tokio::pin!(asking);
        loop {
            tokio::select! {
                biased;
                outcome = &mut asking => return outcome,
                () = self.committer.step() => {}
            }
        }
    }

    /// Everything that was accounted for, the oldest first.
    pub(crate) async fn rows(self) -> Vec<UsageRow> {
        let stopped = CancellationToken::new();
        stopped.cancel();
        self.committer.run(stopped).await;
        let mut rows = self.store.list(None, None, 1_000).await.unwrap();
        rows.reverse();
        rows
    }

    /// The one call that was accounted for.
    pub(crate) async fn row(self) -> UsageRow {
        let (notes, limits) = (Arc::clone(&self.notes), Arc::clone(&self.limits));
        let mut rows = self.rows().await;
        assert_eq!(rows.len(), 1, "one call leaves one row");
        assert_eq!(notes.finished(), 1, "whoever counts is told once");
        assert_eq!(limits.settled().len(), 1, "limits are settled once");
        rows.remove(0)
    }
}
