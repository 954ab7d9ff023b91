//! Commands of workflows as settings allow them.

use std::sync::Arc;

use codeflow_actions::{CommandEnd, CommandError, CommandErrorKind, CommandRequest, Commands, RunAction};
use codeflow_config::{SandboxBounds, SandboxSettings};
use codeflow_sandbox::{Bounds, Options, Sandbox, Stage};
use tokio_util::sync::CancellationToken;

/// The action behind `run` steps, where settings allow it.
pub(crate) fn action(settings: &SandboxSettings) -> Option<Arc<RunAction>> {
    let sandbox = Sandbox::new(Options {
        stage: Stage::ThisProgram,
        reduced: settings.reduced,
        network: settings.network,
        defaults: bounds(&settings.defaults),
        maxima: bounds(&settings.maxima),
        folder_bytes: settings.folder_size as u64,
        read_only: settings.read_only.clone(),
        cgroup: settings.cgroup.clone(),
    });
    settings.enabled.then(|| Arc::new(RunAction::new(Arc::new(sandbox))))
}

fn bounds(settings: &SandboxBounds) -> Bounds {
    Bounds {
        memory: settings.memory as u64,
        cpu: settings.cpu,
        processes: settings.processes,
        open_files: settings.open_files,
        file_size: settings.file_size as u64,
        output: settings.output as u64,
    }
}

/// Stands for a sandbox where workflows are only read.
pub(crate) struct Unused;

#[async_trait::async_trait]
impl Commands for Unused {
    async fn run(&self, _: CommandRequest, _: CancellationToken) -> Result<CommandEnd, CommandError> {
        Err(CommandError::new(CommandErrorKind::Unavailable, "there is no sandbox here"))
    }
}
