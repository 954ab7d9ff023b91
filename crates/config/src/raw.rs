//! Settings as the file and the environment say them, with every default in sight: the whole, and the sections that
//! every program reads. The comments here and on the other raw types are the ones in `config/default.toml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::RawAuth;
use crate::budgets::RawBudget;
use crate::cache::RawCache;
use crate::keys::RawKey;
use crate::limits::RawLimits;
use crate::policy::RawPolicy;
use crate::providers::RawProvider;
use crate::resilience::{RawBreaker, RawRetry};
use crate::retention::RawRetention;
use crate::routes::{RawRoute, RawRouting};
use crate::sandbox::RawSandbox;
use crate::secrets::RawSecret;
use crate::server::RawServer;
use crate::sources::Sections;
use crate::values::Amount;
use crate::worker::RawWorker;

/// Everything that can be set.
#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct RawSettings {
    /// Where executions are kept.
    pub(crate) database: RawDatabase,
    /// How this process works on executions.
    pub(crate) worker: RawWorker,
    /// How long what has ended is kept.
    pub(crate) retention: RawRetention,
    /// What is written about the program's own doings.
    pub(crate) log: RawLog,
    /// How `codeflow-server` listens, and how much it takes from whoever connects.
    pub(crate) server: RawServer,
    /// Who may sign in at the server, and how they prove who they are. See the guide to identity.
    pub(crate) auth: RawAuth,
    /// A key that callers of the server may use, under the name that logs and limits know it by.
    #[schemars(extend("x-name" = "team-a"))]
    pub(crate) keys: BTreeMap<String, RawKey>,
    /// A provider of models. Callers reach its models as `openai/…`. Providers whose own variables are set, such as
    /// `OPENAI_API_KEY`, need no entry.
    #[schemars(extend("x-name" = "openai"))]
    pub(crate) providers: BTreeMap<String, RawProvider>,
    /// A name for a choice between models; callers ask for it as if it were a model.
    #[schemars(extend("x-name" = "fast"))]
    pub(crate) routes: BTreeMap<String, RawRoute>,
    /// What holds for all names of models.
    pub(crate) routing: RawRouting,
    /// What the list of models does not know or gets wrong. Only what differs; see the guide to models.
    #[schemars(extend("x-name" = "\"acme/rocket\"", "x-body" = { "context": 128000, "max_output": 16000 }))]
    pub(crate) models: BTreeMap<String, Map<String, Value>>,
    /// An amount of money that calls to models may cost. Any number of these, each begun with `[[budgets]]`.
    pub(crate) budgets: Vec<RawBudget>,
    /// How much each key may ask for in a minute, unless it says otherwise itself.
    pub(crate) limits: RawLimits,
    /// Answers that are given again for the very same request.
    pub(crate) cache: RawCache,
    /// Calls to models that failed and may be made again.
    pub(crate) retry: RawRetry,
    /// When a model is left alone for a while because it keeps failing.
    pub(crate) breaker: RawBreaker,
    /// What no key may do.
    pub(crate) policy: RawPolicy,
    /// Commands of workflows, in `run` steps. See the guide to them.
    pub(crate) sandbox: RawSandbox,
}

impl RawSettings {
    pub(crate) const SECTIONS: [&'static str; 18] = [
        "auth",
        "breaker",
        "budgets",
        "cache",
        "database",
        "keys",
        "limits",
        "log",
        "models",
        "policy",
        "providers",
        "retention",
        "retry",
        "routes",
        "routing",
        "sandbox",
        "server",
        "worker",
    ];

    /// Reads section by section, so that a mistake in one does not hide those in others.
    pub(crate) fn read(sections: &mut Sections<'_>) -> Self {
        Self {
            database: sections.read("database"),
            worker: sections.read("worker"),
            retention: sections.read("retention"),
            log: sections.read("log"),
            server: sections.read("server"),
            auth: sections.read("auth"),
            keys: sections.read("keys"),
            providers: sections.read("providers"),
            routes: sections.read("routes"),
            routing: sections.read("routing"),
            models: sections.read("models"),
            budgets: sections.read("budgets"),
            limits: sections.read("limits"),
            cache: sections.read("cache"),
            retry: sections.read("retry"),
            breaker: sections.read("breaker"),
            policy: sections.read("policy"),
            sandbox: sections.read("sandbox"),
        }
    }
}

/// See [`crate::DatabaseSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawDatabase {
    /// `postgres://…` or the path of an SQLite file. Empty: an SQLite file in `.codeflow/` of the
    /// repository. It may hold a password, so `{ env = "NAME" }` and `{ file = "/path" }` work, too.
    /// `DATABASE_URL` sets it.
    pub(crate) url: RawSecret,
    /// Connections that are kept open. `DB_POOL_SIZE` sets it too.
    pub(crate) pool_size: usize,
    /// Connections that are opened beyond that under load. `DB_MAX_OVERFLOW` sets it too.
    pub(crate) max_overflow: usize,
    /// How long to wait for a connection; a plain number is in seconds. `DB_POOL_TIMEOUT` sets it too.
    pub(crate) pool_timeout: Amount,
    /// The age at which a connection is replaced. `DB_POOL_RECYCLE` sets it too.
    pub(crate) pool_recycle: Amount,
}

impl Default for RawDatabase {
    fn default() -> Self {
        Self {
            url: RawSecret::Text(String::new()),
            pool_size: 10,
            max_overflow: 20,
            pool_timeout: Amount::text("30s"),
            pool_recycle: Amount::text("1h"),
        }
    }
}

/// See [`crate::LogSettings`].
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawLog {
    /// Which messages go to standard error: a level, or `target=level` parts with commas between.
    pub(crate) filter: String,
}

impl Default for RawLog {
    fn default() -> Self {
        Self { filter: "error".to_owned() }
    }
}
