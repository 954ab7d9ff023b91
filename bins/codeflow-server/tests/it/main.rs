//! Tests of the program itself: its flags, what it says, how it ends.

mod connections;
mod program;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use codeflow_testkit::providers::{Behaviour, Manner, Misbehaviour, Moment, ProviderServer, Reply};
use program::{KEY, Program, ask, server};
use rustix::process::Signal;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

/// The program with a database in a folder, and a provider that its vendor's variables name.
fn usual(folder: &Path, provider: &ProviderServer) -> Program {
    let mut command = server(folder);
    command
        .args(["--listen", "127.0.0.1:0", "--database-url"])
        .arg(folder.join("calls.db"))
        .env("CODEFLOW_MASTER_KEY", KEY)
        .env("OPENAI_API_KEY", "sk-test")
        .env("OPENAI_BASE_URL", format!("{}/v1", provider.url()));
    Program::start(command)
}

async fn provider() -> ProviderServer {
    ProviderServer::start().await.expect("a port is free")
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_where_it_listens_answers_and_ends_when_told() {
    let (folder, provider) = (folder(), provider().await);

    for signal in [Signal::TERM, Signal::INT] {
        // The second run finds the database of the first.
        let mut program = usual(folder.path(), &provider);
        let answer = ask(&program.address, KEY, false);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(ask(&program.address, "cf_another_key_0123456789", false).starts_with("HTTP/1.1 401"));
        program.signal(signal);
        assert_eq!(program.code(), Some(0), "{signal:?}: {}", program.errors());
    }
    assert_eq!(provider.counters().requests, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_runs_may_end_after_the_signal() {
    let (folder, provider) = (folder(), provider().await);
    let slow = Misbehaviour::Slow(Duration::from_millis(20));
    provider.always(Behaviour { reply: Reply::words(40), trouble: Some(slow) });
    let mut program = usual(folder.path(), &provider);
    let address = program.address.clone();

    let call = tokio::task::spawn_blocking(move || ask(&address, KEY, true));
    provider.wait_until(|counters| counters.open_requests == 1).await;
    program.signal(Signal::TERM);

    let answer = call.await.expect("it does not panic");
    assert!(answer.contains("data: [DONE]"), "{answer}");
    assert_eq!(answer.matches("word ").count(), 40, "{answer}");
    assert_eq!(program.code(), Some(0), "{}", program.errors());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_in_time_is_told_by_the_exit_code() {
    let (folder, provider) = (folder(), provider().await);
    provider.always(Misbehaviour::Stops { at: Moment::AfterTokens, how: Manner::Hangs });
    std::fs::write(folder.path().join("codeflow.toml"), "[server]\ndrain = \"200ms\"\n")
        .expect("it can be written");
    let mut program = usual(folder.path(), &provider);
    let address = program.address.clone();

    let call = tokio::task::spawn_blocking(move || ask(&address, KEY, true));
    provider.wait_until(|counters| counters.stalled == 1).await;
    program.signal(Signal::TERM);

    assert_eq!(program.code(), Some(1), "{}", program.errors());
    assert!(!call.await.expect("it does not panic").contains("[DONE]"));
}

#[test]
fn a_second_program_on_one_port_says_so() {
    let folder = folder();
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = port.local_addr().expect("it is bound").to_string();
    let mut command = server(folder.path());
    command.args(["--listen", &address, "--database-url"]).arg(folder.path().join("calls.db"));
    command.env("CODEFLOW_MASTER_KEY", KEY);

    let said = command.output().expect("it can be run");

    assert_eq!(said.status.code(), Some(3));
    let errors = String::from_utf8_lossy(&said.stderr);
    assert!(errors.contains(&format!("could not listen on {address}")), "{errors}");
    assert!(said.stdout.is_empty());
}

#[test]
fn wrong_settings_are_wrong_use() {
    let cases: [(&str, &[&str], &str); 5] = [
        ("[server]\nport = 80\n", &[], "port"),
        ("[server]\nlisten = 7\n", &[], "server.listen"),
        ("", &["--config", "nowhere.toml"], "nowhere.toml"),
        ("", &["--listen", "localhost"], "--listen"),
        ("", &["--lisen", "127.0.0.1:0"], "--lisen"),
    ];

    for (file, flags, word) in cases {
        let folder = folder();
        std::fs::write(folder.path().join("codeflow.toml"), file).expect("it can be written");
        let said = server(folder.path()).args(flags).output().expect("it can be run");
        let errors = String::from_utf8_lossy(&said.stderr);
        assert_eq!(said.status.code(), Some(2), "{file}{flags:?}: {errors}");
        assert!(errors.contains(word), "{file}{flags:?}: {errors}");
    }
}

#[test]
fn a_weak_key_is_refused_and_not_told() {
    let folder = folder();

    let said =
        server(folder.path()).env("CODEFLOW_MASTER_KEY", "short-secret").output().expect("it can be run");

    let errors = String::from_utf8_lossy(&said.stderr);
    assert_eq!(said.status.code(), Some(2), "{errors}");
    assert!(errors.contains("keys.master") && !errors.contains("short-secret"), "{errors}");
}

#[test]
fn whoever_starts_it_first_is_shown_how_the_first_administrator_is_made() {
    let folder = folder();
    let mut command = server(folder.path());
    command.args(["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it can be started");

    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines().take(4);
    let said: Vec<String> = lines.map(|line| line.expect("it is text")).collect();
    child.kill().and_then(|()| child.wait()).expect("it runs");

    assert!(said[0].starts_with("listening on http://127.0.0.1:"), "{said:#?}");
    assert!(said[1].contains("there is no user yet"), "{said:#?}");
    assert!(said[2].contains("/api/v1/auth/bootstrap") && said[3].contains("\"token\":\"cff_"), "{said:#?}");
}

#[test]
fn a_database_that_cannot_be_opened_is_told() {
    let folder = folder();
    let path = folder.path().join("no/such/folder/calls.db");
    let mut command = server(folder.path());
    command.args(["--listen", "127.0.0.1:0", "--database-url"]).arg(path).env("CODEFLOW_MASTER_KEY", KEY);

    let said = command.output().expect("it can be run");

    assert_eq!(said.status.code(), Some(3), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn it_tells_its_version_and_its_flags() {
    let folder = folder();

    for (flag, words) in
        [("--version", &["codeflow-server "][..]), ("--help", &["--config", "--listen", "Exit codes"])]
    {
        let said = server(folder.path()).arg(flag).output().expect("it can be run");
        assert_eq!(said.status.code(), Some(0));
        let text = String::from_utf8_lossy(&said.stdout);
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}
