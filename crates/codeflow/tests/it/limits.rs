//! Limits of the settings, as callers of the server meet them.

use std::net::SocketAddr;

use codeflow::Server;
use codeflow::config::{Environment, Flags, Settings};
use codeflow_testkit::providers::ProviderServer;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

const ONE_FOR_ALL: &str = r#"
[server]
threads = 1

[keys.a]
secret = "cf_test_aaaaaaaaaaaaaaaa"

[keys.b]
secret = "cf_test_bbbbbbbbbbbbbbbb"

[limits.models."openai/gpt-4o"]
requests_per_minute = 1
"#;

/// The status with which a key's request for a model is answered.
async fn ask(server: SocketAddr, key: &str, model: &str) -> String {
    let body = format!(r#"{{"model":"{model}","messages":[{{"role":"user","content":"Hello"}}]}}"#);
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: it\r\nconnection: close\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server).await.expect("it listens");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_a_model_holds_for_all_keys_together() {
    let provider = ProviderServer::start().await.expect("it can listen");
    let folder = TempDir::new().expect("a folder can be made");
    let file = folder.path().join("codeflow.toml");
    std::fs::write(&file, ONE_FOR_ALL).expect("the file can be written");
    let environment = Environment::from([
        ("OPENAI_API_KEY", "sk".to_owned()),
        ("OPENAI_BASE_URL", format!("{}/v1", provider.url())),
    ]);
    let database = folder.path().join("usage.db").display().to_string();
    let flags =
        Flags { listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))), database_url: Some(database.into()) };
    let settings = Settings::load(Some(&file), &environment).expect("they are valid").with(flags);
    let server = Server::open(settings, environment).await.expect("it can be opened");
    let address = server.address().expect("it listens");
    let (stop, stopped) = oneshot::channel::<()>();

    let asking = async {
        let first = ask(address, "cf_test_aaaaaaaaaaaaaaaa", "openai/gpt-4o").await;
        let other_key = ask(address, "cf_test_bbbbbbbbbbbbbbbb", "openai/gpt-4o").await;
        let other_model = ask(address, "cf_test_bbbbbbbbbbbbbbbb", "openai/gpt-4o-mini").await;
        stop.send(()).expect("it runs");
        [first, other_key, other_model]
    };
    let (ended, answers) = tokio::join!(server.run(async { stopped.await.unwrap_or(()) }), asking);

    assert!(ended.expect("it runs"));
    assert_eq!(answers, ["HTTP/1.1 200 OK", "HTTP/1.1 429 Too Many Requests", "HTTP/1.1 200 OK"]);
    assert_eq!(provider.counters().requests, 2);
}
