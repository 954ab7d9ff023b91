//! How a process works on executions, and how those that share a database wake each other.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::SecretReference;
use crate::checks::Checks;
use crate::secrets::RawSecret;
use crate::values::{Amount, Names};

/// The most steps that one process runs at the same time.
const MAX_CONCURRENCY: usize = 10_000;
/// The most queues that one process takes from.
const MAX_LANES: usize = 64;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// How this process works on executions.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Steps that run at the same time.
    pub concurrency: usize,
    /// How long running steps may go on after a stop.
    pub grace: Duration,
    /// The queues that it takes from.
    pub lanes: Vec<String>,
    /// How long it may be silent before others take over its work.
    pub lease: Duration,
    /// How often it looks at the queue when nobody wakes it.
    pub poll: Duration,
    /// How processes wake each other.
    pub wakeups: WakeupMode,
    /// The Redis that carries wake-ups and the count of limits.
    pub redis_url: Option<SecretReference>,
    /// The certificates of those who may sign that of Redis; `None`: those whom the system trusts.
    pub redis_ca: Option<PathBuf>,
    /// The name under which this installation uses that Redis; `None`: one that is kept in the database.
    pub redis_prefix: Option<String>,
    /// Where `codeflow-worker` tells its health and metrics; `None`: nowhere.
    pub listen: Option<SocketAddr>,
}

/// How processes that share a database wake each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WakeupMode {
    /// Over the database itself.
    Listen,
    /// Over Redis.
    Redis,
    /// Not at all: each looks at the queue by itself.
    Poll,
}

/// See [`WorkerSettings`].
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RawWorker {
    /// Steps that run at the same time.
    concurrency: usize,
    /// How long running steps may go on after a stop.
    grace: Amount,
    /// The queues that it takes from.
    lanes: Names,
    /// How long it may be silent before others take over its work: 1s to 10m.
    lease: Amount,
    /// How often it looks at the queue when nobody wakes it: 10ms to 1m.
    poll: Amount,
    /// How processes that share a PostgreSQL wake each other: `listen` over the database itself; `redis`, where a pooler
    /// shares sessions between clients; or `poll`, not at all.
    wakeups: WakeupMode,
    /// The Redis for `wakeups = "redis"` and for `limits.shared`: `redis://…` or `rediss://…`. It may hold a password, so
    /// `{ env = "NAME" }` and `{ file = "/path" }` work, too.
    #[schemars(extend("x-example" = { "file": "/run/secrets/redis-url" }))]
    redis_url: Option<RawSecret>,
    /// A file with the certificates, as PEM, of those who may sign that of a `rediss://`. Left out: those whom the system
    /// trusts.
    #[schemars(extend("x-example" = "/etc/ssl/redis-ca.pem"))]
    redis_ca: Option<PathBuf>,
    /// The name under which this installation uses that Redis, so that others may use it, too. Left out: one that is kept
    /// in the database.
    #[schemars(extend("x-example" = "production"))]
    redis_prefix: Option<String>,
    /// Where `codeflow-worker` tells its health and metrics, such as 127.0.0.1:9464. Empty: nowhere.
    listen: String,
}

impl Default for RawWorker {
    fn default() -> Self {
        Self {
            concurrency: 16,
            grace: Amount::text("10s"),
            lanes: Names(vec!["default".to_owned()]),
            lease: Amount::text("15s"),
            poll: Amount::text("1s"),
            wakeups: WakeupMode::Listen,
            redis_url: None,
            redis_ca: None,
            redis_prefix: None,
            listen: String::new(),
        }
    }
}

impl RawWorker {
    pub(crate) fn settle(self, checks: &mut Checks) -> WorkerSettings {
        let concurrency = checks.count("worker.concurrency", self.concurrency);
        if concurrency > MAX_CONCURRENCY {
            checks.refuse("worker.concurrency", format!("must be at most {MAX_CONCURRENCY}"));
        }
        if self.redis_url.is_none() && self.redis_ca.is_some() {
            checks.refuse("worker.redis_ca", "is of no use without `worker.redis_url`");
        }
        if self.wakeups == WakeupMode::Redis && self.redis_url.is_none() {
            checks.refuse("worker.wakeups", "is `redis`, so `worker.redis_url` has to say where that is");
        }
        let wanted = "an address with a port, such as 127.0.0.1:9464; leave it empty for none";
        let listen = self.listen.trim();
        WorkerSettings {
            concurrency,
            grace: checks.within("worker.grace", &self.grace, SECOND / 1000..=60 * MINUTE),
            lanes: lanes(self.lanes, checks),
            lease: checks.within("worker.lease", &self.lease, SECOND..=10 * MINUTE),
            poll: checks.within("worker.poll", &self.poll, SECOND / 100..=MINUTE),
            wakeups: self.wakeups,
            redis_url: checks.optional_secret("worker.redis_url", self.redis_url),
            redis_ca: self.redis_ca,
            redis_prefix: self.redis_prefix.map(|name| checks.name("worker.redis_prefix", name)),
            listen: if listen.is_empty() { None } else { checks.parsed("worker.listen", listen, wanted) },
        }
    }
}

fn lanes(names: Names, checks: &mut Checks) -> Vec<String> {
    if !(1..=MAX_LANES).contains(&names.0.len()) {
        checks.refuse("worker.lanes", format!("must name 1 to {MAX_LANES} queues"));
    }
    let names: BTreeSet<String> = names.0.into_iter().collect();
    names.into_iter().map(|name| checks.name("worker.lanes", name)).collect()
}
