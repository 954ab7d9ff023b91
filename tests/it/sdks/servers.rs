//! The server under test and the provider behind it, each a process of its own.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use codeflow_testkit::providers::Format;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::time::timeout;

use crate::programs::{codeflow_server, provider_server, root};

/// How long a process may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where the server logs, in a folder of its own.
const LOG: &str = "server.log";

/// The keys of `tests/sdk/codeflow.toml`, by their variables. They open nothing else.
const KEYS: [(&str, &str); 4] = [
    ("CODEFLOW_KEY", "cf_test_all_0123456789"),
    ("CODEFLOW_LIMITED_KEY", "cf_test_limited_0123456789"),
    ("CODEFLOW_NARROW_KEY", "cf_test_narrow_0123456789"),
    ("CODEFLOW_POOR_KEY", "cf_test_poor_0123456789"),
];

/// Both processes. Dropping it kills them.
pub(super) struct Servers {
    server: Child,
    url: String,
    _provider: Child,
    provider_url: String,
    folder: TempDir,
}

impl Servers {
    /// Starts both.
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (provider, provider_url) = start(provider_server(), &folder.path().join("provider.log")).await;
        let mut command = codeflow_server();
        command.arg("--config").arg(root().join("tests/sdk/codeflow.toml"));
        command.args(["--listen", "127.0.0.1:0", "--database-url"]).arg(folder.path().join("server.db"));
        command
            .env_clear()
            .envs(KEYS)
            .envs(Format::ALL.into_iter().flat_map(|format| provider_at(format, &provider_url)));
        let (server, line) = start(command, &folder.path().join(LOG)).await;
        let url = line.strip_prefix("listening on ").expect("it says where it listens").to_owned();
        Self { server, url, _provider: provider, provider_url, folder }
    }

    /// Tells a script where everything is.
    pub(super) fn announce(&self, command: &mut Command) {
        command.env("CODEFLOW_URL", &self.url).env("PROVIDER_URL", &self.provider_url).envs(KEYS);
        // No key of whoever runs the tests is tried, nor is a proxy of theirs in between.
        for variable in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"] {
            command.env_remove(variable);
        }
        command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    }

    /// Asks the server to stop, which it has to do in good order, and tells what it logged.
    pub(super) async fn stop(mut self) -> String {
        let id = self.server.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(id.expect("it runs"), Signal::TERM).expect("it can be asked to stop");
        let status =
            timeout(PATIENCE, self.server.wait()).await.expect("it stops in time").expect("it has ended");
        let log = read(&self.folder.path().join(LOG));
        assert!(status.success(), "{status}: {log}");
        log
    }
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).expect("a log can be read")
}

/// Starts a process that says in its first line where it is.
async fn start(command: Command, log: &Path) -> (Child, String) {
    let mut command = tokio::process::Command::from(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(File::create(log).expect("a log can be made"))
        .kill_on_drop(true)
        .spawn()
        .expect("a program that was built can be started");
    let stdout = child.stdout.take().expect("its output is piped");
    let mut lines = BufReader::new(stdout).lines();
    let line =
        timeout(PATIENCE, lines.next_line()).await.expect("it starts in time").expect("it can be read");
    assert!(line.is_some(), "it did not start: {}", read(log));
    (child, line.unwrap_or_default())
}

/// The variables of a vendor, which lead to the local provider.
fn provider_at(format: Format, url: &str) -> Vec<(&'static str, String)> {
    let variables = |key: &'static str, address: &'static str, path: &str| {
        vec![(key, "not-a-real-key".to_owned()), (address, format!("{url}{path}"))]
    };
    match format {
        Format::OpenAi => variables("OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1"),
        Format::Anthropic => variables("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", ""),
        Format::Gemini => variables("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", ""),
        Format::Ollama => variables("OLLAMA_API_KEY", "OLLAMA_HOST", ""),
        Format::Cohere => variables("CO_API_KEY", "CO_API_URL", ""),
        Format::Bedrock => {
            let mut all = variables("AWS_BEARER_TOKEN_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "");
            all.push(("AWS_REGION", "eu-central-1".to_owned()));
            all
        }
    }
}
