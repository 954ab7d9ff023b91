//! A sandbox that runs the stage of this package, and what tests look for in the list of processes.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use codeflow_actions::{CommandEnd, CommandError, CommandRequest, Commands};
use codeflow_sandbox::{Bounds, Options, Sandbox, Stage};
use tokio_util::sync::CancellationToken;

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

pub(crate) async fn run(request: CommandRequest) -> CommandEnd {
    run_with(options(), request).await.unwrap_or_else(|error| {
        panic!("{error}: {:?}", std::error::Error::source(&error).map(ToString::to_string))
    })
}
