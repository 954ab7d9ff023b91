//! The whole of the API on a real socket, over a gateway with one scripted provider.

mod client;
mod fakes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use codeflow_api::{
    About, Api, ApiParts, BodyLimits, Key, KeyRing, ManageParts, ServerLimits, Serving, serve,
};
use codeflow_auth::Permission;
use codeflow_core::{Clock, Ids, Usd};
use codeflow_gateway::{
    AccountSettings, Accounts, BudgetRule, Caller, Committer, Gateway, ModelSource, NoObserver, Parts,
    Period, RouteRule, Routes, Scope, UsageStore,
};
use codeflow_model::{OnRetired, Registry, Repeat, WireFormat};
use codeflow_runtime::Tasks;
use codeflow_testkit::{ManualClock, MemoryAccounts, SequentialIds};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub(crate) use client::{Answered, Line};
pub(crate) use fakes::{Asked, Health, Play, Provider, Storage, unlimited};

const MODELS: &str = r#"{"date": "2026-01-01", "source": "a test", "unit": "usd", "corrections": [], "models": [
    {"provider": "alpha", "id": "one", "aliases": ["one-2026"], "prices": {"input": 1, "output": 2,
     "tiers": {"flex": {"input": 0.5, "output": 1}}}},
    {"provider": "alpha", "id": "two"}
]}"#;

/// What a test may set before the server is there.
pub(crate) struct Setting {
    pub(crate) passes: Option<WireFormat>,
    pub(crate) limits: ServerLimits,
    pub(crate) body: BodyLimits,
    pub(crate) budget: Option<u64>,
    pub(crate) call_limits: Arc<dyn codeflow_gateway::CallLimits>,
    pub(crate) manage: ManageParts,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            passes: None,
            limits: ServerLimits::default(),
            body: BodyLimits::default(),
            budget: None,
            call_limits: unlimited(),
            manage: ManageParts::closed(About::default()),
        }
    }
}

/// A server that runs.
pub(crate) struct Live {
    pub(crate) address: SocketAddr,
    pub(crate) api: Api,
    pub(crate) provider: Arc<Provider>,
    pub(crate) health: Arc<Health>,
    pub(crate) storage: Arc<Storage>,
    pub(crate) tasks: Tasks,
    /// The time of the server.
    pub(crate) clock: Arc<ManualClock>,
    committer: Committer,
}

impl Live {
    pub(crate) async fn new() -> Self {
        Self::with(Setting::default()).await
    }

    /// One whose provider takes requests of this format as they are.
    pub(crate) async fn forwarding(format: WireFormat) -> Self {
        Self::with(Setting { passes: Some(format), ..Setting::default() }).await
    }

    pub(crate) async fn with(setting: Setting) -> Self {
        let manual = Arc::new(ManualClock::default());
        let clock: Arc<dyn Clock> = manual.clone();
        let ids: Arc<dyn Ids> = Arc::new(SequentialIds::new());
        let memory = MemoryAccounts::new(Arc::clone(&clock));
        let budgets = setting.budget.map(budget);
        let (accounts, committer) = Accounts::new(
            budgets.into_iter().collect(),
            Arc::new(memory.clone()),
            Arc::clone(&clock),
            Arc::clone(&ids),
            AccountSettings { patience: Duration::from_millis(20), ..AccountSettings::default() },
        );
        let provider = Arc::new(Provider::new(setting.passes));
        let source: Arc<dyn ModelSource> = Arc::new(fakes::Source(Arc::clone(&provider)));
        let registry = Arc::new(Registry::parse(MODELS).expect("the models are fine"));
        let route = RouteRule {
            name: "fast".into(),
            models: vec!["alpha/one".into()],
            require: codeflow_gateway::Needs::default(),
            weights: None,
        };
        let routes = Routes::new(vec![route], registry, Arc::clone(&source), OnRetired::Refuse);
        let gateway = Gateway::new(Parts {
            routes: routes.expect("the routes are fine"),
            source,
            accounts,
            limits: setting.call_limits,
            cache: None,
            policies: Vec::new(),
            repeat: Repeat::NEVER,
            observer: Arc::new(NoObserver),
            clock: Arc::clone(&clock),
            ids: Arc::clone(&ids),
        });
        let (health, storage) = (Arc::new(Health::default()), Arc::new(Storage::new(memory)));
        let api = Api::new(ApiParts {
            gateway,
            keys: keys(),
            body: setting.body,
            vitals: Arc::clone(&health) as _,
            usage: Arc::clone(&storage) as Arc<dyn UsageStore>,
            clock,
            ids,
            manage: setting.manage,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let tasks = Tasks::new();
        let serving = Serving {
            api: api.clone(),
            limits: setting.limits,
            stop: tasks.stop_token(),
            tasks: tasks.clone(),
        };
        tasks.spawn("serve", serve(listener, serving));
        Self { address, api, provider, health, storage, tasks, clock: manual, committer }
    }

    /// Writes what is not written yet.
    pub(crate) async fn write(&mut self) {
        self.committer.step().await;
    }

    /// Writes what is not written yet, and lets go of the rest.
    pub(crate) async fn written(self) -> Arc<Storage> {
        assert!(self.tasks.shut_down(Duration::from_secs(5)).await, "everything ends");
        let stopped = CancellationToken::new();
        stopped.cancel();
        self.committer.run(stopped).await;
        self.storage
    }
}

/// What each key may spend in all, in millionths of a dollar.
fn budget(limit: u64) -> BudgetRule {
    BudgetRule {
        name: "small".into(),
        scope: Scope::Key,
        subject: None,
        period: Period::Total,
        limit: Usd::from_micros(limit),
    }
}

/// `k1` may ask for everything; `k2`, of another tenant, for what begins with `alpha/t`; `k9` may go beyond limits.
fn keys() -> KeyRing {
    let key = |text: &str, tenant: &str, models: Option<&[&str]>| Key {
        digest: Sha256::digest(text).into(),
        caller: Arc::new(Caller {
            tenant: tenant.into(),
            user: None,
            key: format!("{text}-name").into(),
            quota: codeflow_gateway::MinuteQuota::default(),
        }),
        models: models.map(|models| models.iter().map(|model| (*model).to_owned()).collect()),
        permissions: Key::usual_permissions(),
        tier: "authenticated".into(),
    };
    let mut beyond = key("k9", "acme", None);
    beyond.permissions = [Permission::ModelsCall, Permission::LimitsBypass].into_iter().collect();
    KeyRing::new([key("k1", "acme", None), key("k2", "other", Some(&["alpha/t*", "exact"])), beyond])
}
