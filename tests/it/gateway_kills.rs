//! The gateway is killed in the middle of calls: what they hold of a budget is charged, what nobody spent is there again,
//! and nothing is held for ever.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use codeflow_core::{Timestamp, Usd};
use codeflow_gateway::{AccountStore, Balance, BudgetRule, Caller, Period, Scope, Subjects};
use codeflow_persistence::Database;
use codeflow_testkit::TestDb;
use codeflow_testkit::providers::{Manner, Misbehaviour, Moment, ProviderServer, Reply, Tokens};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::programs::codeflow_server;

const KEY: &str = "cf_test_0123456789abcdef";
const BODY: &str = r#"{"model":"first/m","max_tokens":9,"messages":[{"role":"user","content":"Hello."}]}"#;

/// What is set aside for a call: a token for three bytes that go in, and nine that come out.
const ESTIMATE: u64 = (BODY.len() as u64).div_ceil(3) * 100 + 9 * 1000;

/// How long anything may take: a lease is 5 s.
const PATIENCE: Duration = Duration::from_secs(60);

fn settings(provider: &ProviderServer) -> String {
    let limit = 20 * ESTIMATE;
    let url = provider.url();
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[retry]\nattempts = 1\n\
         [[budgets]]\nname = \"team\"\nscope = \"key\"\nperiod = \"total\"\nlimit = \"0.{limit:06}\"\n\
         [models.\"first/m\"]\nprices = {{ input = 100, output = 1000 }}\n\
         [providers.first]\nvendor = \"openai\"\nbase_url = \"{url}/v1\"\nkey = \"sk\"\nmodels = [\"m\"]\n"
    )
}

/// A server process, and where it listens.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    async fn start(folder: &Path, database: &TestDb) -> Self {
        let mut command = Command::from(codeflow_server());
        command.current_dir(folder).args(["--database-url", database.url()]).env("CODEFLOW_MASTER_KEY", KEY);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("the server can be started");
        let stdout = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).await.expect("it says something");
        let address = line.trim().strip_prefix("listening on http://").expect("it listens").to_owned();
        Self { child, address }
    }

    async fn kill(mut self) {
        self.child.start_kill().expect("it runs");
        let status = self.child.wait().await.expect("it can be waited for");
        assert_eq!(status.signal(), Some(9));
    }
}

/// Makes a call and returns its status; nothing when the connection ends without one.
async fn call(address: String) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nconnection: close\r\nauthorization: Bearer {KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    stream.write_all(head.as_bytes()).await.expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
}

async fn balance(database: &Database) -> Balance {
    let rule = BudgetRule {
        name: "team".into(),
        scope: Scope::Key,
        subject: None,
        period: Period::Total,
        limit: Usd::ZERO,
    };
    let caller = Caller {
        tenant: "default".into(),
        user: None,
        key: "master".into(),
        quota: codeflow_gateway::MinuteQuota::default(),
    };
    let key = rule.key(&Subjects { caller: &caller, execution: None }, Timestamp::EPOCH);
    database.balance(&key.expect("the rule is about the key")).await.expect("the budget can be read")
}

/// Looks again and again until the budget is as wanted.
async fn until(database: &Database, what: &str, wanted: impl Fn(&Balance) -> bool) -> Balance {
    let began = Instant::now();
    loop {
        let balance = balance(database).await;
        if wanted(&balance) {
            return balance;
        }
        assert!(began.elapsed() < PATIENCE, "{what} did not happen: {balance:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_kill_leaves_no_hold(test_db: TestDb) {
    let provider = ProviderServer::start().await.expect("a port is free");
    let folder = tempfile::tempdir().expect("a folder can be made");
    std::fs::write(folder.path().join("codeflow.toml"), settings(&provider)).expect("it can be written");
    let database = test_db.open().await;

    // Ten calls are under way when it dies.
    provider.always(Misbehaviour::Stops { at: Moment::BeforeHead, how: Manner::Hangs });
    let server = Server::start(folder.path(), &test_db).await;
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        calls.spawn(call(server.address.clone()));
    }
    provider.wait_within(PATIENCE, |counters| counters.stalled == 10).await.expect("ten calls arrive");
    let held = Usd::from_micros(10 * ESTIMATE);
    until(&database, "holding money for ten calls", |balance| balance.leased >= held).await;
    server.kill().await;
    assert!(calls.join_all().await.iter().all(Option::is_none), "nobody was answered");

    // The next one finds out, without being called, when the lease is over.
    let tokens = Tokens { input: (ESTIMATE - 9000) / 100, cached: 0, output: 9, thoughts: 0 };
    provider.always(Reply { tokens, ..Reply::default() });
    let server = Server::start(folder.path(), &test_db).await;
    let after = until(&database, "giving back", |balance| balance.leased == Usd::ZERO).await;
    assert!(after.spent <= held && after.spent == after.unknown, "{after:?}");

    // What nobody spent can be spent, to the last call.
    let left = (20 * ESTIMATE - after.spent.micros()) / ESTIMATE;
    assert!(left >= 10, "{after:?}");
    for number in 0..left {
        assert_eq!(call(server.address.clone()).await, Some(200), "call {number} of {left}");
    }
    assert_eq!(call(server.address.clone()).await, Some(429));
    server.kill().await;
}

#[tokio::test]
async fn a_killed_gateway_leaves_no_hold_on_sqlite() {
    a_kill_leaves_no_hold(TestDb::sqlite().await).await;
}

#[tokio::test]
async fn a_killed_gateway_leaves_no_hold_on_postgres() {
    a_kill_leaves_no_hold(TestDb::postgres().await).await;
}
