//! The whole gateway in the test's process: settings as a file would say them, providers on this machine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use codeflow::config::{Environment, Settings};
use codeflow::{Error, Server};
use codeflow_testkit::TestDb;
use codeflow_testkit::providers::{Format, ProviderServer};
use secrecy::SecretString;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::wire::{KEY, Told, get};

/// A server that answers until it is stopped.
pub(crate) struct Served {
    pub(crate) address: SocketAddr,
    pub(crate) database: Arc<TestDb>,
    /// The token with which the first administrator is made.
    pub(crate) first: Option<SecretString>,
    stop: Option<oneshot::Sender<()>>,
    run: JoinSet<Result<bool, Error>>,
    _folder: TempDir,
}

/// What is the same in all tests: quick, on a free port, with one key.
const USUAL: &str = r#"
[server]
listen = "127.0.0.1:0"
threads = 1
drain = "10s"
[retry]
attempts = 3
first = "1ms"
cap = "20ms"
jitter = false
"#;

/// A circuit that never opens.
pub(crate) const NO_BREAKER: &str = "[breaker]\nmin_calls = 100000\n";

impl Served {
    /// A server with an SQLite file of its own.
    pub(crate) async fn start(settings: &str) -> Self {
        Self::start_on(&Arc::new(TestDb::sqlite().await), settings).await
    }

    pub(crate) async fn start_on(database: &Arc<TestDb>, settings: &str) -> Self {
        let environment = Environment::from([("CODEFLOW_MASTER_KEY", KEY)]);
        Self::start_with(database, settings, environment).await.expect("the server can be opened")
    }

    /// A server with these settings beside the usual ones. A section that they have replaces the usual one.
    pub(crate) async fn start_with(
        database: &Arc<TestDb>,
        settings: &str,
        environment: Environment,
    ) -> Result<Self, Error> {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("codeflow.toml");
        let (server, retry) = USUAL.split_at(USUAL.find("[retry]").unwrap_or_default());
        let mut text = format!("[database]\nurl = \"{}\"\n", database.url());
        for (name, section) in [("[server]", server), ("[retry]", retry)] {
            if !settings.contains(name) {
                text.push_str(section);
            }
        }
        text.push_str(settings);
        std::fs::write(&file, text).expect("the folder can be written");
        let mut server = Server::open(Settings::load(Some(&file), &environment)?, environment).await?;
        let address = server.address()?;
        let first = server.first_token();
        let (stop, stopped) = oneshot::channel();
        let mut run = JoinSet::new();
        run.spawn(server.run(async {
            stopped.await.ok();
        }));
        let database = Arc::clone(database);
        Ok(Self { address, database, first, stop: Some(stop), run, _folder: folder })
    }

    /// Begins the end.
    pub(crate) fn tell_to_stop(&mut self) {
        self.stop.take().map(|stop| stop.send(()));
    }

    /// Whether everything ended in time.
    pub(crate) async fn ended(&mut self) -> bool {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.run.join_next()).await;
        ended.expect("it ends").expect("it ran").expect("it does not panic").expect("it can run")
    }

    /// Stops it and waits; all of its accounts are written then.
    pub(crate) async fn stop(&mut self) -> bool {
        self.tell_to_stop();
        self.ended().await
    }

    pub(crate) async fn get(&self, path: &str) -> Told {
        get(self.address, path).await
    }

    /// What all the series that begin so come to.
    pub(crate) async fn sum(&self, series: &str) -> f64 {
        let text = self.get("/metrics").await.text();
        let lines = text.lines().filter(|line| line.starts_with(series));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    /// One number of `/metrics`; nought when nobody has counted it.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics").await.text();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.and_then(|number| number.trim().parse().ok()).unwrap_or_default()
    }
}

/// The section of a provider that speaks this format.
pub(crate) fn provider(name: &str, format: Format, server: &ProviderServer) -> String {
    let url = server.url();
    let (vendor, url, rest) = match format {
        Format::OpenAi => ("openai", format!("{url}/v1"), "key = \"sk-test\""),
        Format::Anthropic => ("anthropic", url, "key = \"sk-test\""),
        Format::Gemini => ("gemini", url, "key = \"sk-test\""),
        Format::Ollama => ("ollama", url, ""),
        Format::Cohere => ("cohere", url, "key = \"sk-test\""),
        Format::Bedrock => (
            "bedrock",
            url,
            "region = \"eu-central-1\"\naws_access_key_id = \"AKIDTEST\"\naws_secret_access_key = \"secret\"",
        ),
    };
    format!("[providers.{name}]\nvendor = \"{vendor}\"\nbase_url = \"{url}\"\nmodels = [\"m\"]\n{rest}\n")
}
