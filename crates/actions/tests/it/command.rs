//! `core/run`: what it makes of its inputs and of how a command ended. No process is started here.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use codeflow_actions::{
    Captured, Catalog, CommandEnd, CommandError, CommandErrorKind, CommandLimits, CommandRequest, Commands,
    RunAction,
};
use codeflow_core::{ActionError, ActionErrorKind, ActionOutcome};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{call, done, run};

/// Ends every command in the same way, and remembers what it was asked.
struct Fake {
    end: Result<CommandEnd, CommandErrorKind>,
    asked: Mutex<Vec<CommandRequest>>,
}

#[async_trait]
impl Commands for Fake {
    async fn run(&self, request: CommandRequest, _: CancellationToken) -> Result<CommandEnd, CommandError> {
        self.asked.lock().unwrap().push(request);
        self.end.clone().map_err(|kind| CommandError::new(kind, "the sandbox says so"))
    }
}

fn end(exit_code: Option<i32>, signal: Option<i32>) -> CommandEnd {
    CommandEnd {
        exit_code,
        signal,
        stdout: Captured { text: "out".to_owned(), cut: 0 },
        stderr: Captured { text: "err".to_owned(), cut: 7 },
        cpu: Duration::from_millis(12),
        max_memory: 4096,
        exceeded: None,
        in_force: vec!["pid_namespace".to_owned()],
    }
}

async fn answered(
    end: Result<CommandEnd, CommandErrorKind>,
    inputs: Value,
) -> (Result<ActionOutcome, ActionError>, Vec<CommandRequest>) {
    let fake = Arc::new(Fake { end, asked: Mutex::default() });
    let mut catalog = Catalog::new();
    catalog.register(Arc::new(RunAction::new(Arc::clone(&fake) as Arc<_>)));
    let outcome = catalog.run(call("core/run", inputs, vec![]), CancellationToken::new()).await;
    let asked = fake.asked.lock().unwrap().clone();
    (outcome, asked)
}

#[tokio::test]
async fn what_a_command_gave_is_the_outputs_of_the_step() {
    let (outcome, _) = answered(Ok(end(Some(0), None)), json!({ "command": ["ls"] })).await;

    let expected = json!({
        "exit_code": 0, "signal": null, "stdout": "out", "stderr": "err", "truncated": true,
        "usage": { "cpu_ms": 12, "max_memory_bytes": 4096 }, "isolation": ["pid_namespace"],
    });
    assert_eq!(done(outcome), expected);
}

#[tokio::test]
async fn words_stay_words_and_values_become_text() {
    let inputs = json!({
        "command": ["tool", "$(id); rm", 3, true, ""],
        "stdin": { "a": [1] },
        "files": { "data.json": [1, 2], "plain.txt": "x" },
        "env": { "LEVEL": 2 },
        "network": true,
        "limits": { "memory": 1024, "cpu_ms": 1500, "processes": 2, "output": 10 },
    });

    let (_, asked) = answered(Ok(end(Some(0), None)), inputs).await;

    let expected = CommandRequest {
        program: "tool".to_owned(),
        arguments: ["$(id); rm", "3", "true", ""].map(str::to_owned).to_vec(),
        stdin: r#"{"a":[1]}"#.to_owned(),
        files: [("data.json", "[1,2]"), ("plain.txt", "x")]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
        environment: [("LEVEL".to_owned(), "2".to_owned())].into(),
        network: true,
        limits: CommandLimits {
            memory: Some(1024),
            cpu: Some(Duration::from_millis(1500)),
            processes: Some(2),
            open_files: None,
            file_size: None,
            output: Some(10),
        },
        timeout: Duration::from_secs(60),
    };
    assert_eq!(asked, [expected]);
}

#[tokio::test]
async fn a_list_is_no_word_and_an_empty_command_no_command() {
    for command in [json!(["ls", ["a"]]), json!(["ls", {}]), json!(["ls", null]), json!([])] {
        let (outcome, asked) = answered(Ok(end(Some(0), None)), json!({ "command": command })).await;

        assert_eq!(outcome.unwrap_err().kind, ActionErrorKind::InvalidInput, "{command}");
        assert_eq!(asked, []);
    }
}

#[tokio::test]
async fn a_command_that_fails_fails_the_step_and_keeps_what_it_wrote() {
    let inputs = json!({ "command": ["ls"] });

    let (code, _) = answered(Ok(end(Some(2), None)), inputs.clone()).await;
    let (signal, _) = answered(Ok(end(None, Some(9))), inputs).await;

    let (code, signal) = (code.unwrap_err(), signal.unwrap_err());
    assert_eq!((code.code.as_str(), code.kind), ("sandbox.exit_code", ActionErrorKind::Failed));
    assert_eq!(code.outputs.unwrap()["stdout"], "out");
    assert_eq!((signal.code.as_str(), signal.message.contains('9')), ("sandbox.killed", true));
    assert_eq!(signal.outputs.unwrap()["signal"], 9);
}

#[tokio::test]
async fn a_command_that_was_ended_for_what_it_used_fails_and_says_for_what() {
    let exceeded = CommandEnd { exceeded: Some("memory"), ..end(Some(0), None) };

    let (outcome, _) = answered(Ok(exceeded), json!({ "command": ["ls"] })).await;

    let error = outcome.unwrap_err();
    assert_eq!((error.code.as_str(), error.message.contains("`memory`")), ("sandbox.killed", true));
}

#[tokio::test]
async fn an_exit_code_that_is_accepted_is_no_failure() {
    let inputs = json!({ "command": ["grep"], "accept": [0, 1] });

    let (accepted, _) = answered(Ok(end(Some(1), None)), inputs.clone()).await;
    let (refused, _) = answered(Ok(end(Some(2), None)), inputs).await;

    assert_eq!(done(accepted)["exit_code"], 1);
    assert_eq!(refused.unwrap_err().code, "sandbox.exit_code");
}

#[tokio::test]
async fn every_failure_of_the_sandbox_has_a_code_of_its_own() {
    use CommandErrorKind::{
        Broken, Cancelled, Invalid, NetworkForbidden, NetworkOpen, NoProgram, Timeout, TooMuch, Unavailable,
    };

    let kinds = [
        (Unavailable, "sandbox.unavailable"),
        (NetworkOpen, "sandbox.network_open"),
        (NetworkForbidden, "sandbox.network_forbidden"),
        (TooMuch, "sandbox.too_much"),
        (Invalid, "action.invalid_input"),
        (NoProgram, "sandbox.no_program"),
        (Cancelled, "action.cancelled"),
        (Timeout, "action.timeout"),
        (Broken, "sandbox.broken"),
    ];

    for (kind, code) in kinds {
        let (outcome, _) = answered(Err(kind), json!({ "command": ["ls"] })).await;
        assert_eq!(outcome.unwrap_err().code, code);
    }
}

#[tokio::test]
async fn without_a_sandbox_a_command_is_refused_by_name() {
    let refused = run("core/run", json!({ "command": ["ls"] }), vec![]).await.unwrap_err();

    assert_eq!((refused.code.as_str(), refused.kind), ("sandbox.off", ActionErrorKind::Denied));
}
