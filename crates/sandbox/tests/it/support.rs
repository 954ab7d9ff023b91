//! A sandbox that runs the stage of this package, and what tests look for in the list of processes.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use codeflow_actions::{CommandEnd, CommandError, CommandRequest, Commands};
use codeflow_sandbox::{Bounds, Options, Sandbox, Stage};
use tokio_util::sync::CancellationToken;

/// The longest that a test waits for something that comes by itself.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn bounds() -> Bounds {
    Bounds {
        memory: 256 << 20,
        cpu: Duration::from_secs(20),
        processes: 32,
        open_files: 128,
        file_size: 8 << 20,
        output: 64 << 10,
    }
}

pub(crate) fn options() -> Options {
    Options {
        stage: Stage::Program(PathBuf::from(env!("CARGO_BIN_EXE_codeflow-sandbox-stage"))),
        reduced: false,
        network: true,
        defaults: bounds(),
        maxima: bounds(),
        folder_bytes: 16 << 20,
        read_only: Vec::new(),
        cgroup: None,
    }
}

/// A script for the shell, which is only one more program here.
pub(crate) fn script(text: &str) -> CommandRequest {
    command("sh", &["-c", text])
}

pub(crate) fn python(text: &str) -> CommandRequest {
    command("python3", &["-c", text])
}

pub(crate) fn command(program: &str, arguments: &[&str]) -> CommandRequest {
    CommandRequest {
        program: program.to_owned(),
        arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
        timeout: Duration::from_secs(30),
        ..CommandRequest::default()
    }
}

pub(crate) async fn run_with(options: Options, request: CommandRequest) -> Result<CommandEnd, CommandError> {
    Sandbox::new(options).run(request, CancellationToken::new()).await
}

#[expect(clippy::panic, reason = "what helps a test may fail it")]
pub(crate) async fn run(request: CommandRequest) -> CommandEnd {
    run_with(options(), request).await.unwrap_or_else(|error| panic!("{}", whole(&error)))
}

/// An error with its cause.
pub(crate) fn whole(error: &CommandError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}

/// A word that no other process of this machine has among its arguments. Seconds for `sleep`, so that it can be one.
pub(crate) fn unique() -> String {
    let nanos = Instant::now().elapsed().as_nanos();
    let seed = uuid_like();
    format!("9{seed}.{nanos}")
}

fn uuid_like() -> String {
    fs::read_to_string("/proc/sys/kernel/random/uuid")
        .expect("the kernel has it")
        .chars()
        .filter(char::is_ascii_digit)
        .take(12)
        .collect()
}

/// The processes that have this among their arguments, and are no zombies.
pub(crate) fn processes_with(argument: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("it is Linux").flatten();
    entries
        .filter_map(|entry| {
            entry.file_name().to_str()?.parse::<u32>().ok()?;
            let line = fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            line.contains(argument).then_some(line)
        })
        .collect()
}

/// Waits until `wanted` many processes have this among their arguments.
pub(crate) async fn until_running(argument: &str, wanted: usize) {
    let begun = Instant::now();
    while processes_with(argument).len() < wanted {
        assert!(begun.elapsed() < PATIENCE, "it did not start: {:?}", processes_with(argument));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until none has, at most a second.
pub(crate) async fn until_gone(argument: &str) {
    let begun = Instant::now();
    while !processes_with(argument).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(1), "still there: {:?}", processes_with(argument));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
