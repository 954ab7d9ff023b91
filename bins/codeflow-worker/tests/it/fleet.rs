//! A database that workers share, and somebody who starts executions in it.

use std::process::Command;
use std::time::{Duration, Instant};

use codeflow::config::{Environment, Settings};
use codeflow::core::ExecutionId;
use codeflow::engine::ExecutionRecord;
use codeflow::{Local, Options, Running};
use codeflow_testkit::TestDb;
use codeflow_testkit::providers::ProviderServer;
use serde_json::Map;
use tokio::time::timeout;

use crate::program::{PATIENCE, Program, worker};

/// One step that takes as long as a provider wants it to.
pub(crate) const ONE: &str =
    "version: 1\nname: one\nsteps: { ask: { uses: llm/chat, with: { prompt: Hello. } } }\n";

/// One step, and after it two at the same time.
pub(crate) const FAN_OUT: &str = "
version: 1
name: fan-out
steps:
  first: { uses: llm/chat, with: { prompt: Hello. } }
  left: { needs: first, uses: llm/chat, with: { prompt: Left. } }
  right: { needs: first, uses: llm/chat, with: { prompt: Right. } }
";

pub(crate) struct Fleet {
    pub(crate) database: TestDb,
    folder: tempfile::TempDir,
    local: Local,
}

impl Fleet {
    pub(crate) async fn new() -> Self {
        let database = TestDb::postgres().await;
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let environment = Environment::from([("DATABASE_URL", database.url())]);
        let settings = Settings::load(None, &environment).expect("the settings are valid");
        let local = Local::open(Options::new(folder.path(), settings, environment)).await;
        Self { local: local.expect("it can be opened"), database, folder }
    }

    /// A worker that asks this provider.
    pub(crate) fn worker(&self, provider: &ProviderServer, settings: &[(&str, &str)]) -> Program {
        self.worker_at(self.database.url(), provider, settings)
    }

    /// The same, which reaches the database by another way.
    pub(crate) fn worker_at(
        &self,
        url: &str,
        provider: &ProviderServer,
        settings: &[(&str, &str)],
    ) -> Program {
        let mut command: Command = worker(self.folder.path());
        command
            .args(["--database-url", url])
            .env("OPENAI_API_KEY", "sk-test")
            .env("OPENAI_BASE_URL", format!("{}/v1", provider.url()))
            .env("CODEFLOW_LOG__FILTER", "warn");
        for (name, value) in settings {
            command.env(format!("CODEFLOW_WORKER__{}", name.to_uppercase()), value);
        }
        Program::start(command)
    }

    pub(crate) async fn start(&self, document: &str) -> ExecutionId {
        self.local.start(document, Map::new(), None).await.expect("it can be started").0
    }

    /// Waits for the end of an execution, and tells how long it took.
    pub(crate) async fn ended(&self, id: ExecutionId) -> (ExecutionRecord, Duration) {
        let began = Instant::now();
        let mut watch = self.local.watch(id);
        let end = async {
            loop {
                let view = watch.next().await.expect("it can be watched");
                if view.record.status.is_final() {
                    return view.record.clone();
                }
            }
        };
        let record = timeout(PATIENCE, end).await.expect("it ends");
        (record, began.elapsed())
    }

    /// The attempts at which steps succeeded.
    pub(crate) async fn attempts(&self, id: ExecutionId) -> Vec<u32> {
        use codeflow::core::execution::Fact;
        let facts = self.local.engine().get(id, None).await.expect("it exists").facts;
        let settled = facts.into_iter().filter_map(|(_, fact)| {
            let Fact::Settled(settled) = fact else { return None };
            Some(settled.attempt)
        });
        settled.collect()
    }

    /// Works in this process, too.
    pub(crate) fn work(&self) -> Running {
        self.local.work().expect("any number may work")
    }

    pub(crate) async fn cancel(&self, id: ExecutionId) {
        self.local.engine().cancel(id, "tests", None).await.expect("it runs");
    }

    pub(crate) async fn end(self) {
        drop(self.local);
        self.database.remove().await;
    }
}
